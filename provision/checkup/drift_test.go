package checkup

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/provision/subid"
	"runsc-provisioner/test/seen"
	"runsc-provisioner/verify"
)

func TestDrifts(t *testing.T) {
	both := seen.Registered(seen.Newer, `"default-runtime":"runsc"`)
	for _, test := range []struct {
		name   string
		config func(*config.Config)
		host   seen.Host
		want   []Drift
	}{
		{name: "none", config: seen.AsDefault, host: seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: both, Engine: seen.Dockerd(both)}},
		{
			name: "everything", config: seen.AsDefault,
			host: seen.Host{Releases: []string{seen.Newer}, Damaged: seen.Newer, File: `{"default-runtime":"runc"}`, Engine: seen.Dockerd(`{"default-runtime":"runc"}`)},
			want: []Drift{
				{config.ItemRelease, "latest", seen.Store + "/" + seen.Newer + " is damaged: runsc is missing"},
				{config.ItemLink, seen.Newer, "absent"},
				{"runtimes.runsc", seen.RunscKeepingWrites(seen.Newer), "absent"},
				{config.ItemDefaultRuntime, "runsc", "runc"},
			},
		},
		{
			name: "dockerd alone", config: seen.AsDefault,
			host: seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: both, Engine: seen.Dockerd(seen.Registered(seen.Newer))},
			want: []Drift{{config.ItemDockerd, "runs with daemon.json", "its default runtime is runc, not runsc"}},
		},
		{
			name: "a foreign link is no drift",
			host: seen.Host{Releases: []string{seen.Newer}, LinkIs: "a file", File: seen.Registered(seen.Newer), Engine: seen.Dockerd(seen.Registered(seen.Newer))},
		},
		{
			name: "stopped: dockerd cannot differ", config: seen.AsDefault,
			host: seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: seen.Registered(seen.Newer)},
			want: []Drift{{config.ItemDefaultRuntime, "runsc", "absent"}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := Drifts(seen.Wants(test.config), test.host.Observed(t))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("drifts (-want +got):\n%s", diff)
			}
		})
	}
}

// Plan, drifts, checkup, proofs and the trial use the same arguments.
func TestArguments_AreTheSameEverywhere(t *testing.T) {
	for _, test := range []struct {
		name   string
		config func(*config.Config)
		host   seen.Host
		want   []string
		writes verify.Writes
	}{
		{"created", nil, seen.Host{File: seen.RegisteredBare(seen.Newer)}, []string{"--overlay2=none", "--dcache=0"}, verify.WritesKept},
		{"created, sandbox", seen.Rootfs(config.RootfsSandbox), seen.Host{File: seen.RegisteredBare(seen.Newer)}, nil, verify.WritesLost},
		{"created, with arguments in the file", nil, seen.Host{File: seen.WithArgs(seen.RunscPath(seen.Newer), `"--debug"`)}, []string{"--debug", "--overlay2=none", "--dcache=0"}, verify.WritesKept},
		{"adopted", nil, seen.Host{File: seen.WithArgs(seen.RunscPath(seen.Older), `"--debug"`), Before: seen.WithArgs(seen.RunscPath(seen.Older), `"--debug"`)}, []string{"--debug"}, verify.WritesLost},
		{"adopted from an unknown program", nil, seen.Host{File: seen.WithArgs("/x", `"--debug"`), Before: seen.WithArgs("/x", `"--debug"`)}, []string{"--debug", "--overlay2=none", "--dcache=0"}, verify.WritesKept},
		{"configured", seen.Rootfs(config.RootfsDocker, "--debug"), seen.Host{File: seen.RegisteredBare(seen.Newer)}, []string{"--debug", "--overlay2=none", "--dcache=0"}, verify.WritesKept},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := seen.Wants(test.config)
			test.host.Releases, test.host.Link, test.host.Engine = []string{seen.Newer}, seen.Newer, seen.Dockerd(test.host.File)
			o := test.host.Observed(t)
			p, err := plan.New(c, o, plan.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, step := range p.Steps {
				got := test.want
				switch s := step.(type) {
				case steps.Prove:
					got = s.Args
				case steps.ProveInDocker:
					got = s.Args
				case steps.Confirm:
					got = s.Runtimes["runsc"].Args
				case steps.WriteDaemonJSON:
					got = seen.DaemonJSON(t, string(s.New)).Doc.Runtimes()["runsc"].Args
				}
				if !slices.Equal(got, test.want) {
					t.Errorf("%T: got arguments %q, want %q", step, got, test.want)
				}
			}
			if got := plan.NewGoal(c, o).WritesPromised("runsc"); got != test.writes {
				t.Errorf("got writes %s promised, want %s", got, test.writes)
			}
			drifts, err := Drifts(c, o)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range drifts {
				if want := strings.Join(append([]string{seen.RunscPath(seen.Newer)}, test.want...), " "); d.Item == config.RuntimeItem("runsc") && d.Want != want {
					t.Errorf("drift: got %q wanted, want %q", d.Want, want)
				}
			}
			if _, differs := o.File.Doc.Raw("runtimes"); differs && (len(drifts) > 0) != (len(p.Steps) > 0) {
				t.Errorf("got %d drifts and %d steps, want both or none", len(drifts), len(p.Steps))
			}
		})
	}
}

// A drift and a critical item come from the same comparison: none is without the other.
func TestFault_U03_LostIDsAreDrift(t *testing.T) {
	c := seen.Wants(seen.Remapped)
	file := seen.Registered(seen.Newer, `"default-runtime":"runsc"`, `"userns-remap":"default"`)
	host := seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: file, Engine: seen.Dockerd(file), Remapped: true}
	const account = "dockremap:x:999:999::/:/bin/false\n"
	for _, test := range []struct {
		name   string
		ids    subid.Identities
		drifts []string
		items  []string
	}{
		{name: "as dockerd has them", ids: seen.Identities(t, account, "dockremap:100000:65536\n", "dockremap:100000:65536\n")},
		{name: "lost", ids: seen.Identities(t, account, "", ""), drifts: []string{config.ItemIDs}, items: []string{"id ranges"}},
		{name: "moved", ids: seen.Identities(t, account, "dockremap:500000:65536\n", "dockremap:500000:65536\n"), drifts: []string{config.ItemDockerd}, items: []string{"dockerd"}},
	} {
		o := host.Observed(t)
		o.IDs = test.ids
		drifts, err := Drifts(c, o)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range drifts {
			got = append(got, d.Item)
		}
		if !slices.Equal(got, test.drifts) {
			t.Errorf("%s: got drifts %+v, want those of %q", test.name, drifts, test.drifts)
		}
		items, err := Items(c, o)
		if err != nil {
			t.Fatal(err)
		}
		got = nil
		for _, item := range items {
			if item.Health == Critical {
				got = append(got, item.Name)
			}
		}
		if !slices.Equal(got, test.items) {
			t.Errorf("%s: got critical items %q, want %q", test.name, got, test.items)
		}
	}
}
