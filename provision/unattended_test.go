package provision

import (
	"testing"

	"runsc-provisioner/provision/config"

	"github.com/google/go-cmp/cmp"
)

// unattended is what the daemon may do at most, with one item contested.
func unattended(most config.Disruption, contested ...string) Options {
	u := &Unattended{Most: most, Contested: map[string]string{}}
	for _, item := range contested {
		u.Contested[item] = "contested"
	}
	return Options{Unattended: u}
}

func TestNewPlan_Unattended(t *testing.T) {
	both := registered(newer, `"default-runtime":"runsc"`)
	drifted := host{releases: []string{newer}, link: newer, file: `{"default-runtime":"runc"}`, engine: dockerd(both), proven: []string{"runsc"}}
	noFetch := unattended(config.DisruptionReload)
	noFetch.Unattended.NoFetch = "the network is down"
	noRestart := unattended(config.DisruptionRestart)
	noRestart.Unattended.NoRestart = "restarted a minute ago"
	for _, test := range []struct {
		name   string
		config func(*config.Config)
		host   host
		opts   Options
		want   planned
	}{
		{
			name:   "R10: a proof that holds: all keys in one write, no other proof",
			config: asDefault, host: drifted, opts: unattended(config.DisruptionReload),
			want: planned{
				Steps: []string{"write register runsc; default runtime runsc instead of runc", "reload docker.service", "confirm runsc=" + keptOf(newer) + ", default=runsc"},
				File:  `{"default-runtime":"runsc","runtimes":{"runsc":{"path":"` + runscOf(newer) + `","runtimeArgs":["--overlay2=none","--dcache=0"]}}}`,
			},
		},
		{
			name:   "no reload: nothing is written",
			config: asDefault, host: drifted, opts: unattended(config.DisruptionNone),
			want: planned{Held: []string{"register runsc; default runtime runsc instead of runc"}},
		},
		{
			name:   "no reload: the link is mended all the same",
			config: asDefault,
			host:   host{releases: []string{newer}, link: older, file: `{}`, engine: dockerd(both)},
			opts:   unattended(config.DisruptionNone),
			want:   planned{Steps: []string{"link " + newer}, Held: []string{"register runsc; default runtime runsc"}},
		},
		{
			name: "no reload: dockerd alone differs",
			host: host{releases: []string{newer}, link: newer, file: registered(newer), engine: dockerd("")},
			opts: unattended(config.DisruptionNone),
			want: planned{Held: []string{"dockerd: it knows no runtime runsc"}},
		},
		{
			name:   "no restart: userns-remap is held and not written",
			config: remapped,
			host:   host{releases: []string{newer}, link: newer, file: both, engine: dockerd(both)},
			opts:   unattended(config.DisruptionReload),
			want:   planned{Held: []string{"userns-remap default"}},
		},
		{
			name:   "a restart, but not now",
			config: remapped,
			host:   host{releases: []string{newer}, link: newer, file: both, engine: dockerd(both)},
			opts:   noRestart,
			want:   planned{Held: []string{"userns-remap default"}},
		},
		{
			name:   "R04: the default is contested, the runtime is not",
			config: asDefault,
			host:   host{releases: []string{newer}, link: newer, file: `{"default-runtime":"runc"}`, engine: dockerd(`{"default-runtime":"runc"}`), proven: []string{"runsc"}},
			opts:   unattended(config.DisruptionReload, config.ItemDefaultRuntime),
			want: planned{
				Steps: []string{"write register runsc", "reload docker.service", "confirm runsc=" + keptOf(newer)},
				File:  `{"default-runtime":"runc","runtimes":{"runsc":{"path":"` + runscOf(newer) + `","runtimeArgs":["--overlay2=none","--dcache=0"]}}}`,
				Held:  []string{config.ItemDefaultRuntime},
			},
		},
		{
			name:   "R04: a contested runtime that nobody defines is not made the default",
			config: asDefault,
			host:   host{releases: []string{newer}, link: newer, file: `{}`, engine: dockerd(`{}`)},
			opts:   unattended(config.DisruptionReload, config.RuntimeItem("runsc")),
			want:   planned{Held: []string{config.RuntimeItem("runsc"), "default-runtime runsc"}},
		},
		{
			name:   "R04: what the release is named by is contested: it is not removed",
			config: asDefault,
			host:   host{releases: []string{newer, older, oldest}, link: newer, file: registered(oldest, `"default-runtime":"runsc"`), engine: dockerd(registered(oldest, `"default-runtime":"runsc"`))},
			opts:   unattended(config.DisruptionReload, config.RuntimeItem("runsc")),
			want:   planned{Held: []string{config.RuntimeItem("runsc")}},
		},
		{
			name: "R04: dockerd is told something else again and again",
			host: host{releases: []string{newer}, link: newer, file: registered(newer), engine: dockerd("")},
			opts: unattended(config.DisruptionReload, config.ItemDockerd),
			want: planned{Held: []string{config.ItemDockerd}},
		},
		{
			name: "R04: the link",
			host: host{releases: []string{newer}, link: older, file: registered(newer), engine: dockerd(registered(newer))},
			opts: unattended(config.DisruptionReload, config.ItemLink),
			want: planned{Held: []string{config.ItemLink}},
		},
		{
			name: "R06: another release is wanted: what is there is enforced",
			config: func(c *config.Config) {
				asDefault(c)
				c.Release.Version = oldest
			},
			host: drifted, opts: noFetch,
			want: planned{
				Steps: []string{"write register runsc; default runtime runsc instead of runc", "reload docker.service", "confirm runsc=" + keptOf(newer) + ", default=runsc"},
				File:  `{"default-runtime":"runsc","runtimes":{"runsc":{"path":"` + runscOf(newer) + `","runtimeArgs":["--overlay2=none","--dcache=0"]}}}`,
				Held:  []string{"release " + oldest + " (not installed)"},
			},
		},
		{
			name: "R04: the release is damaged again and again: an older one that is intact goes on",
			host: host{releases: []string{newer, older}, damaged: newer, link: older, file: registered(older), engine: dockerd(registered(older))},
			opts: unattended(config.DisruptionReload, config.ItemRelease),
			want: planned{Held: []string{config.ItemRelease}},
		},
		{
			name:   "R06: damaged, and nothing else is there: nothing of it is relied on",
			config: asDefault,
			host:   host{releases: []string{newer}, damaged: newer, link: newer, file: `{}`, engine: dockerd("")},
			opts:   noFetch,
			want:   planned{Held: []string{"release " + newer + " (damaged: runsc is missing)"}},
		},
	} {
		t.Run(test.name, func(t *testing.T) { checkPlan(t, wants(test.config), test.host, test.opts, test.want) })
	}
}

func TestDrifts(t *testing.T) {
	both := registered(newer, `"default-runtime":"runsc"`)
	for _, test := range []struct {
		name   string
		config func(*config.Config)
		host   host
		want   []Drift
	}{
		{name: "none", config: asDefault, host: host{releases: []string{newer}, link: newer, file: both, engine: dockerd(both)}},
		{
			name: "everything", config: asDefault,
			host: host{releases: []string{newer}, damaged: newer, file: `{"default-runtime":"runc"}`, engine: dockerd(`{"default-runtime":"runc"}`)},
			want: []Drift{
				{config.ItemRelease, "latest", store + "/" + newer + " is damaged: runsc is missing"},
				{config.ItemLink, newer, "absent"},
				{"runtimes.runsc", keptOf(newer), "absent"},
				{config.ItemDefaultRuntime, "runsc", "runc"},
			},
		},
		{
			name: "dockerd alone", config: asDefault,
			host: host{releases: []string{newer}, link: newer, file: both, engine: dockerd(registered(newer))},
			want: []Drift{{config.ItemDockerd, "runs with what daemon.json has", "its default runtime is runc, not runsc"}},
		},
		{
			name: "somebody else's link is no drift",
			host: host{releases: []string{newer}, foreign: "a file", file: registered(newer), engine: dockerd(registered(newer))},
		},
		{
			name: "stopped: dockerd cannot differ", config: asDefault,
			host: host{releases: []string{newer}, link: newer, file: registered(newer)},
			want: []Drift{{config.ItemDefaultRuntime, "runsc", "absent"}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := Drifts(wants(test.config), test.host.observed(t))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("drifts (-want +got):\n%s", diff)
			}
		})
	}
}
