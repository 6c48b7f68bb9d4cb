package plan

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/dataroot"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/images"
	"runsc-provisioner/provision/room"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/provision/subid"
	"runsc-provisioner/test/seen"
	"runsc-provisioner/verify"
)

// ready is a host on which only the switch of userns-remap is left to do.
func ready(t *testing.T) host.Observed {
	t.Helper()
	text := seen.Registered(seen.Newer, `"default-runtime":"runsc"`)
	o := seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: text, Engine: seen.Dockerd(text), Proven: []string{"runsc"}}.Observed(t)
	return o
}

func idSteps(p Plan) []string {
	var all []string
	for _, s := range p.Steps {
		switch s := s.(type) {
		case steps.AddAccount:
			all = append(all, "add "+s.Name)
		case steps.RemoveAccount:
			all = append(all, "remove "+s.Name)
		case steps.EditIDs:
			all = append(all, s.Path+": "+strings.ReplaceAll(strings.TrimSpace(s.New), "\n", " "))
		}
	}
	return all
}

func TestFault_U03_PlannedRanges(t *testing.T) {
	const (
		dockremap = "dockremap:x:999:999::/:/bin/false\n"
		alice     = "alice:x:1000:1000::/:/bin/sh\n"
		both      = "alice:100000:65536\n"
	)
	tests := []struct {
		situation      string
		value          string
		accounts       string
		subuid, subgid string
		change         func(*host.Observed)
		steps          []string
		refused        string
	}{
		{situation: "everything exists", value: "default", accounts: dockremap, subuid: "dockremap:100000:65536\n", subgid: "dockremap:100000:65536\n"},
		{
			situation: "nothing exists", value: "default",
			steps: []string{"add dockremap", "/etc/subuid: dockremap:100000:65536", "/etc/subgid: dockremap:100000:65536"},
		},
		{
			situation: "different ids taken in the two files", value: "default", accounts: dockremap, subuid: both, subgid: "bob:165536:65536\n",
			steps: []string{"/etc/subuid: alice:100000:65536 dockremap:231072:65536", "/etc/subgid: bob:165536:65536 dockremap:231072:65536"},
		},
		{
			situation: "the range has root's id", value: "default", accounts: dockremap, subuid: "dockremap:0:65536\n", subgid: "dockremap:0:65536\n",
			steps: []string{"/etc/subuid: dockremap:100000:65536", "/etc/subgid: dockremap:100000:65536"},
		},
		{situation: "the range of a named user has root's id", value: "alice", accounts: alice, subuid: "alice:0:65536\n", subgid: both, refused: "root"},
		{situation: "a named user maps its own id", value: "alice", accounts: alice, subuid: "alice:1000:1\nalice:100000:65536\n", subgid: "alice:1000:1\nalice:100000:65536\n"},
		{
			situation: "an account has one of the ids", value: "default", accounts: dockremap + "app:x:100500:100500::/:/bin/false\n",
			steps: []string{"/etc/subuid: dockremap:100501:65536", "/etc/subgid: dockremap:100501:65536"},
		},
		{
			situation: "the range of the other file is free here", value: "default", accounts: dockremap, subuid: "dockremap:500000:65536\n", subgid: both,
			steps: []string{"/etc/subgid: alice:100000:65536 dockremap:500000:65536"},
		},
		{
			situation: "the range of the other file is taken here", value: "default", accounts: dockremap, subuid: "dockremap:500000:65536\n", subgid: "bob:500000:65536\n",
			steps: []string{"/etc/subgid: bob:500000:65536 dockremap:100000:65536"},
		},
		{
			situation: "shared with another user, never used", value: "default", accounts: dockremap, subuid: both + "dockremap:100000:65536\n", subgid: both + "dockremap:165536:65536\n",
			steps: []string{"/etc/subuid: alice:100000:65536 dockremap:165536:65536"},
		},
		{
			situation: "shared with another user, and used", value: "default", accounts: dockremap, subuid: both + "dockremap:100000:65536\n", subgid: both + "dockremap:100000:65536\n",
			change: func(o *host.Observed) { o.RemapRoots = 1 }, refused: "alice",
		},
		{situation: "the range of a named user is shared", value: "alice", accounts: alice, subuid: both + "bob:100000:1\n", subgid: both, refused: "bob"},
		{situation: "root by another name", value: "toor", accounts: "toor:x:0:0::/root:/bin/sh\n", refused: "no remapping"},
		{situation: "no group of the account's name", value: "default", accounts: dockremap, change: func(o *host.Observed) { o.IDs.Groups = nil }, refused: "groupadd --system dockremap"},
		{situation: "no such user", value: "carol", refused: "useradd --system carol"},
		{situation: "a user of LDAP", value: "carol", change: func(o *host.Observed) { o.IDs.InNameService["carol"] = true }, refused: "name service"},
		{situation: "ids of LDAP", value: "default", change: func(o *host.Observed) { o.IDs.Sources = "sss files" }, refused: "nsswitch.conf"},
		{situation: "nothing free", value: "default", accounts: dockremap, subuid: "alice:100000:4000000000\n", refused: "login.defs"},
	}
	for _, tt := range tests {
		o := ready(t)
		o.IDs = seen.Identities(t, tt.accounts, tt.subuid, tt.subgid)
		if tt.change != nil {
			tt.change(&o)
		}
		c := seen.Wants(seen.AsDefault)
		c.Docker.UsernsRemap = tt.value
		plan, err := New(c, o, Options{})
		if tt.refused != "" {
			if _, ok := errors.AsType[*blocked.Refused](err); !ok || !strings.Contains(err.Error(), tt.refused) || !plan.Empty() {
				t.Errorf("%s: got %v and %v, want a refusal that says %q", tt.situation, plan.Steps, err, tt.refused)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: got %v", tt.situation, err)
			continue
		}
		if diff := cmp.Diff(tt.steps, idSteps(plan)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.situation, diff)
		}
		if _, ok := plan.Steps[len(plan.Steps)-1].(steps.ProveInDocker); !ok || plan.Disruption() != config.DisruptionRestart {
			t.Errorf("%s: got %v, want a restart and a proof in the end", tt.situation, plan.Steps)
		}
	}
}

func TestPlan_RemapInEffect(t *testing.T) {
	text := seen.Registered(seen.Newer, `"default-runtime":"runsc"`, `"userns-remap":"default"`)
	inEffect := func(t *testing.T, subuid, subgid string) host.Observed {
		o := seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: text, Engine: seen.Dockerd(text), Remapped: true, Running: []string{"web"}}.Observed(t)
		o.IDs = seen.Identities(t, "dockremap:x:999:999::/:/bin/false\n", subuid, subgid)
		return o
	}
	c := seen.Wants(seen.Remapped)
	const own = "dockremap:100000:65536\n"

	t.Run("its ranges are missing", func(t *testing.T) {
		o := inEffect(t, "alice:500000:65536\n", "")
		o.Engine.RootDir = "/var/lib/docker/700000.700000"
		plan, err := New(c, o, Options{})
		want := []string{"/etc/subuid: alice:500000:65536 dockremap:700000:65536", "/etc/subgid: dockremap:700000:65536"}
		if err != nil || plan.Disruption() != config.DisruptionNone || !slices.Equal(idSteps(plan), want) {
			t.Errorf("got %q, %v, want the ids that dockerd runs with restored, and no restart", idSteps(plan), err)
		}
	})
	t.Run("shared with another user", func(t *testing.T) {
		plan, err := New(c, inEffect(t, own+"alice:100000:65536\n", own), Options{})
		if err != nil || !plan.Empty() || len(plan.Warnings) != 1 || !strings.Contains(plan.Warnings[0], "alice") {
			t.Errorf("got %v, %q, %v, want a warning and no steps", plan.Steps, plan.Warnings, err)
		}
	})
	t.Run("switched to another user", func(t *testing.T) {
		o := inEffect(t, own+"bob:300000:65536\n", own+"bob:300000:65536\n")
		o.IDs.Users = append(o.IDs.Users, subid.Entry{Name: "bob", ID: 1001})
		o.IDs.Groups = append(o.IDs.Groups, subid.Entry{Name: "bob", ID: 1001})
		o.RunningContainers = nil
		bob := c
		bob.Docker.UsernsRemap = "bob"
		plan, err := New(bob, o, Options{})
		i := slices.IndexFunc(plan.Steps, func(s steps.Step) bool { _, ok := s.(steps.Confirm); return ok })
		if err != nil || i < 0 || plan.Steps[i].(steps.Confirm).Root != "/var/lib/docker/300000.300000" || plan.Disruption() != config.DisruptionRestart {
			t.Errorf("got %v, %v, want a restart into bob's data root", plan.Steps, err)
		}
	})
	t.Run("the key is missing in the file", func(t *testing.T) {
		o := inEffect(t, own, own)
		o.File = seen.DaemonJSON(t, seen.Registered(seen.Newer, `"default-runtime":"runsc"`))
		plan, err := New(c, o, Options{})
		if err != nil || plan.Disruption() != config.DisruptionReload || len(plan.writes()) != 1 || string(plan.LastText()) == string(o.File.Bytes) {
			t.Errorf("got %v, %v, want the key written again, without a restart", plan.Steps, err)
		}
	})
	t.Run("off, with a running container: held", func(t *testing.T) {
		off := c
		off.Docker.UsernsRemap = config.RemapDisabled
		plan, err := New(off, inEffect(t, own, own), Options{AllowHiddenData: true})
		if err != nil || !plan.Empty() || len(plan.Held) != 1 || !slices.Equal(plan.Held[0].Containers, []string{"web"}) {
			t.Errorf("got %v, held %v, %v, want it held", plan.Steps, plan.Held, err)
		}
	})
	t.Run("off: ids made by another program stay", func(t *testing.T) {
		off := c
		off.Docker.UsernsRemap = config.RemapDisabled
		text := seen.Registered(seen.Newer, `"default-runtime":"runsc"`)
		o := seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: text, Engine: seen.Dockerd(text)}.Observed(t)
		if plan, err := New(off, o, Options{Purge: true}); err != nil || !plan.Empty() {
			t.Errorf("got %q, %v, want nothing to do", idSteps(plan), err)
		}
	})
	t.Run("off, with purge: our ids are removed", func(t *testing.T) {
		off := c
		off.Docker.UsernsRemap = config.RemapDisabled
		o := inEffect(t, "alice:500000:65536\n"+own, own)
		o.RunningContainers = nil
		o.IDs.Made = []string{"account:dockremap", "subuid:dockremap:100000:65536", "subgid:dockremap:100000:65536"}
		for _, purge := range []bool{false, true} {
			o := o
			plan, err := New(off, o, Options{Purge: purge})
			if err != nil || plan.Disruption() != config.DisruptionRestart || idSteps(plan) != nil {
				t.Fatalf("got %v, %v, want a restart, and the ids untouched before it", plan.Steps, err)
			}
			for _, s := range plan.Steps {
				o = carriedOut(t, o, s)
			}
			plan, err = New(off, o, Options{Purge: purge})
			var want []string
			if purge {
				want = []string{"/etc/subuid: alice:500000:65536", "/etc/subgid: ", "remove dockremap"}
			}
			if err != nil || !slices.Equal(idSteps(plan), want) || len(plan.Steps) != len(want) {
				t.Errorf("purge %t: got %q, %v, want %q", purge, idSteps(plan), err, want)
			}
		}
	})
}

func TestFault_U01_HiddenData(t *testing.T) {
	data := engine.Data{
		Images: []engine.Image{{ID: "sha256:1", Tags: []string{"a:1"}, Bytes: 1 << 20}},
		Containers: []engine.StoredContainer{
			{Container: verify.Container{Name: "old"}, State: "exited"}, {Container: verify.Container{Name: "mighty", Privileged: true}},
			{Container: verify.Container{Name: "fine", Privileged: true, UsernsMode: "host"}},
		},
		Volumes:  []engine.Volume{{Name: "data", Driver: "local", Mountpoint: "/var/lib/docker/volumes/data/_data"}, {Name: "far", Driver: "nfs"}},
		Networks: []string{"custom"}, LayersSize: 1 << 30,
	}
	plenty := dataroot.Room{Spool: 1 << 40, SpoolPath: "/var/lib/x", Root: 1 << 40, Same: true}
	onlyImages := engine.Data{Images: data.Images, LayersSize: data.LayersSize}
	tests := []struct {
		situation string
		data      engine.Data
		room      dataroot.Room
		opts      Options
		held      bool
		saves     bool
		space     string // the directory without enough room; "" if there is room
	}{
		{"no data", engine.Data{}, plenty, Options{}, false, false, ""},
		{"all kinds", data, plenty, Options{}, true, false, ""},
		{"consent", data, plenty, Options{AllowHiddenData: true}, false, false, ""},
		{"images migrated, the rest is hidden", data, plenty, Options{MigrateImages: true}, true, false, ""},
		{"images migrated, consent for the rest", data, plenty, Options{MigrateImages: true, AllowHiddenData: true}, false, true, ""},
		{"only images, migrated", onlyImages, plenty, Options{MigrateImages: true}, false, true, ""},
		{"room for one copy on one file system", onlyImages, dataroot.Room{Spool: 3 << 29, SpoolPath: "/var/lib/x", Root: 3 << 29, Same: true}, Options{MigrateImages: true}, false, false, "/var/lib/x"},
		{"room for one copy on each of two", onlyImages, dataroot.Room{Spool: 3 << 29, Root: 3 << 29}, Options{MigrateImages: true}, false, true, ""},
		{"no room in the data root", onlyImages, dataroot.Room{Spool: 1 << 40, Root: 1 << 29}, Options{MigrateImages: true}, false, false, "/var/lib/docker"},
	}
	for _, tt := range tests {
		o := ready(t)
		o.IDs = seen.Identities(t, "", "", "")
		o.Data = &dataroot.Contents{Data: tt.data, VolumeBytes: map[string]int64{"data": 1, "far": -1}, MaxUserNamespaces: -1, Room: tt.room}
		plan, err := New(seen.Wants(seen.Remapped), o, tt.opts)
		if tt.space != "" {
			if space, ok := errors.AsType[*room.Error](err); !ok || space.Path != tt.space {
				t.Errorf("%s: got %v, want no room in %s", tt.situation, err, tt.space)
			}
			continue
		}
		saves := slices.ContainsFunc(plan.Steps, func(s steps.Step) bool { _, ok := s.(steps.SaveImages); return ok })
		if err != nil || (len(plan.Held) > 0) != tt.held || plan.Empty() != tt.held || saves != tt.saves {
			t.Errorf("%s: got %v, held %v, %v, want held: %t, images saved: %t", tt.situation, plan.Steps, plan.Held, err, tt.held, tt.saves)
		}
		if ids := idSteps(plan); (ids == nil) != tt.held {
			t.Errorf("%s: got %q, want ids only for what is not held", tt.situation, ids)
		}
		if tt.held && tt.opts == (Options{}) && (len(plan.Hidden) != 7 || !strings.Contains(plan.Held[0].Why, "1 image, 3 containers, 2 volumes, 1 network")) {
			t.Errorf("%s: got %v, %v, want everything listed", tt.situation, plan.Hidden, plan.Held)
		}
		if all := strings.Join(plan.Warnings, "\n"); strings.Contains(all, "mighty (privileged)") != (len(tt.data.Containers) > 0) || strings.Contains(all, "fine (") {
			t.Errorf("%s: got warnings %s", tt.situation, all)
		}
	}
}

func TestRemapIsRefused(t *testing.T) {
	tests := []struct {
		situation, want string
		change          func(*host.Observed)
	}{
		{"U05: containerd's image store in the file", "containerd-snapshotter", func(o *host.Observed) {
			o.File.Bytes = []byte(`{"features":{"buildkit":true,"containerd-snapshotter":true}}`)
		}},
		{"U05: containerd's image store as a flag", "containerd-snapshotter", func(o *host.Observed) {
			o.Flags.Features = map[string]bool{"containerd-snapshotter": true}
		}},
		{"U06: a directory that others may not search", "chmod o+x /srv", func(o *host.Observed) { o.Data.Unsearchable = "/srv" }},
		{"no user namespaces", "max_user_namespaces", func(o *host.Observed) { o.Data.MaxUserNamespaces = 0 }},
		{"a swarm", "docker swarm leave", func(o *host.Observed) { o.Engine.Swarm = true }},
	}
	for _, tt := range tests {
		o := ready(t)
		tt.change(&o)
		plan, err := New(seen.Wants(seen.Remapped), o, Options{AllowHiddenData: true, AllowRestart: true})
		if _, ok := errors.AsType[*blocked.Refused](err); !ok || !strings.Contains(err.Error(), tt.want) || !plan.Empty() {
			t.Errorf("%s: got %v, %v, want a refusal that says %q", tt.situation, plan.Steps, err, tt.want)
		}
	}
}

func TestSavedImages(t *testing.T) {
	saved := &images.Saved{Path: "/var/lib/x/images.tar", Images: []engine.Image{{ID: "sha256:1", Tags: []string{"a:1"}}}}
	o := ready(t)
	o.WaitingImages = saved
	o.Data.Images, o.Data.Room = saved.Images, dataroot.Room{Spool: 1 << 40, Root: 1 << 40}
	plan, err := New(seen.Wants(seen.Remapped), o, Options{MigrateImages: true})
	if err != nil || slices.ContainsFunc(plan.Steps, func(s steps.Step) bool { _, ok := s.(steps.SaveImages); return ok }) {
		t.Errorf("got %v, %v, want the saved images used", plan.Steps, err)
	}
	for _, s := range plan.Steps {
		o = carriedOut(t, o, s)
	}
	if plan, err = New(seen.Wants(seen.Remapped), o, Options{}); err != nil || len(plan.Steps) != 1 || plan.Steps[0].Kind().Action != "load" {
		t.Errorf("after the switch: got %v, %v, want the images loaded", plan.Steps, err)
	}
	if plan, err = New(seen.Wants(seen.AsDefault), o, Options{}); err != nil || len(plan.Steps) != 1 || plan.Steps[0].Kind().Action != "load" {
		t.Errorf("after the switch, not managed: got %v, %v, want the images loaded", plan.Steps, err)
	}
	o = ready(t)
	o.WaitingImages = saved
	if plan, err = New(seen.Wants(seen.AsDefault), o, Options{}); err != nil || len(plan.Steps) != 1 || plan.Steps[0].Kind().Action != "remove" {
		t.Errorf("no longer needed: got %v, %v, want them removed", plan.Steps, err)
	}
}
