package audit

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/inventory"
	"runsc-provisioner/test/fakedockerd"
	"runsc-provisioner/verify"
)

// dockerd reads unix:// as its default socket. A way around is each of its sockets.
func TestHostPaths_EverySocketOfDockerd(t *testing.T) {
	h := &host.Host{Paths: host.Paths{Socket: "/run/docker.sock", State: "/s", Config: "/c", Store: "/g"}}
	for hosts, want := range map[string][]string{
		"":                                  {"/run/docker.sock"},
		"fd://":                             {"/run/docker.sock"},
		"unix:// tcp://0.0.0.0:2375":        {"/run/docker.sock"},
		"unix:///a.sock unix://run/b.sock/": {"/a.sock", "/run/b.sock"},
		"unix:///a.sock fd://":              {"/a.sock", "/run/docker.sock"},
	} {
		var got []string
		for _, path := range hostPaths(h, host.Observed{Flags: commandline.Flags{Hosts: strings.Fields(hosts)}}) {
			if strings.HasPrefix(path.Gives, "dockerd's API") {
				got = append(got, path.Path)
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", hosts, diff)
		}
	}
}

func TestJoinedNamespaces(t *testing.T) {
	join := func(name string, to ...string) *verify.Container {
		c := &verify.Container{ID: strings.Repeat(name, 64), Name: name}
		for _, one := range to {
			c.Joins = append(c.Joins, verify.Join{Kind: "network", Container: one})
		}
		return c
	}
	host := join("h")
	host.HostNamespaces = []string{"network"}
	a, b, c, own := join("a", "b"), join("b", host.ID), join("c", "stopped"), join("o")
	round, trip, lost, other := join("r", "t"), join("t", "r"), join("l", "gone"), join("k", "o", "h")
	other.Joins[1].Kind = "pid" // of h, network is the host's and pid is not
	stopped := *join("stopped", host.ID)
	all := []*verify.Container{a, b, c, own, host, round, trip, lost, other}
	var asked []string
	followJoins(all, func(name string) (verify.Container, bool) {
		asked = append(asked, name)
		return stopped, name == "stopped"
	})
	got := map[string][]verify.Leads{}
	for _, c := range all {
		for _, j := range c.Joins {
			got[c.Name] = append(got[c.Name], j.Leads)
		}
	}
	want := map[string][]verify.Leads{
		"a": {verify.ToHost}, "b": {verify.ToHost}, "c": {verify.ToHost}, "r": {verify.ToNothing}, "t": {verify.ToNothing}, "l": {verify.ToNothing},
		"k": {verify.ToOwn, verify.ToOwn},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	slices.Sort(asked)
	if diff := cmp.Diff([]string{"gone", "stopped"}, asked); diff != "" {
		t.Errorf("asked for, -want +got:\n%s", diff)
	}
}

func TestPathsAreFollowedAndNobodyIsWaitedFor(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink("/", link); err != nil {
		t.Fatal(err)
	}
	never := make(chan struct{})
	defer close(never)
	late := make(chan time.Time, 1)
	follow := func(path string) (string, bool) {
		if path == "/hangs" {
			late <- time.Time{}
			<-never
		}
		return resolve(path)
	}
	want := map[string]string{link: "/", link + "/proc": "/proc"}
	got := inventory.LookAt([]string{link, dir, link, "name", "", link + "/proc", dir + "/none"}, follow, nil)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	inventory.LookAt([]string{"/hangs", link}, follow, late) // comes back
}

// wayHost is a host whose dockerd is a fake.
func wayHost(t *testing.T, answers map[string]string) (*host.Host, host.Observed) {
	t.Helper()
	paths := host.DefaultPaths()
	dockerd := fakedockerd.New(t, 24, 45)
	for path, text := range answers {
		dockerd.AnswerText(path, text)
	}
	paths.Socket = dockerd.Socket
	return &host.Host{Paths: paths}, host.Observed{Engine: &engine.Info{RootDir: "/srv/docker"}, Flags: commandline.Flags{Hosts: []string{"fd://", "unix:///srv/api/x.sock"}}}
}

func TestWaysThatOnlyTheHostKnows(t *testing.T) {
	link := filepath.Join(t.TempDir(), "all")
	if err := os.Symlink("/", link); err != nil {
		t.Fatal(err)
	}
	h, o := wayHost(t, map[string]string{
		"/volumes":                      `{"Volumes":[{"Name":"v","Driver":"local","Options":{"o":"bind","device":"/root"}},{"Name":"p","Driver":"local"}]}`,
		"/containers/gone-by-name/json": `{"Id":"x","Name":"/n","HostConfig":{"NetworkMode":"host"},"Config":{}}`,
	})
	o.Flags.Hosts = append([]string{"unix://" + h.Paths.Socket}, o.Flags.Hosts...)
	web := verify.Container{
		Name:    "web",
		Mounts:  []verify.HostMount{{Source: link, Destination: "/h"}, {Source: "/srv/docker/volumes", Destination: "/v"}, {Source: "/srv/api", Destination: "/a"}, {Source: "/var/lib/runsc-provisioner", Destination: "/s"}, {Source: "/srv", Destination: "/x", Writable: true}, {Source: "/mnt", Destination: "/m"}},
		Volumes: []verify.Volume{{Name: "v", Destination: "/d", Writable: true}, {Name: "p", Destination: "/p"}, {Name: "q", Destination: "/q", Options: map[string]string{"o": "bind", "device": "/mnt"}}},
		Joins:   []verify.Join{{Kind: "network", Container: "gone-by-name"}},
	}
	report := verify.Report{Verdicts: []verify.Verdict{{Container: web}}}
	if err := fillWays(t.Context(), h, o, &report); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, way := range report.Verdicts[0].Ways {
		got = append(got, map[bool]string{true: "!"}[way.Grave]+way.What)
	}
	want := []string{
		"!--network=container:gone-by-name", "!-v " + link + ":/h:ro", "!-v /srv/docker/volumes:/v:ro", "!-v /srv/api:/a:ro", "!-v /var/lib/runsc-provisioner:/s:ro", "!-v /srv:/x", "-v /mnt:/m:ro",
		"!-v v:/d, which is /root", "-v q:/q:ro, which is /mnt",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A list of volumes that cannot be read is not taken as one without options.
func TestVolumesThatCannotBeRead(t *testing.T) {
	h, o := wayHost(t, map[string]string{"/volumes": `<html>`})
	o.Flags.Hosts = []string{"unix://" + h.Paths.Socket}
	report := verify.Report{Verdicts: []verify.Verdict{{Container: verify.Container{Volumes: []verify.Volume{{Name: "p", Destination: "/p"}}}}}}
	if err := fillWays(t.Context(), h, o, &report); err != nil {
		t.Fatal(err)
	}
	if ways := report.Verdicts[0].Ways; len(ways) != 1 || !ways[0].Grave || !strings.Contains(ways[0].Gives, "cannot be read") {
		t.Errorf("got %+v, want one that is grave and says why", ways)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var reach *blocked.Unreachable
	if err := fillWays(ctx, h, o, &report); !errors.As(err, &reach) {
		t.Errorf("in the end of the context: got %v, want an *blocked.Unreachable", err)
	}
	o.Flags.Hosts = []string{"unix:///nonexistent"}
	if err := fillWays(t.Context(), h, o, &report); !errors.As(err, &reach) {
		t.Errorf("without a dockerd: got %v, want an *blocked.Unreachable", err)
	}
}
