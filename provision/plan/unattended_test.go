package plan

import (
	"testing"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/test/seen"
)

// unattended are the daemon's options with a limit, and some items contested.
func unattended(most config.Disruption, contested ...string) Options {
	u := &Unattended{MaxDisruption: most, Contested: map[string]string{}}
	for _, item := range contested {
		u.Contested[item] = "contested"
	}
	return Options{Unattended: u}
}

func TestNew_Unattended(t *testing.T) {
	both := seen.Registered(seen.Newer, `"default-runtime":"runsc"`)
	drifted := seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: `{"default-runtime":"runc"}`, Engine: seen.Dockerd(both), Proven: []string{"runsc"}}
	noFetch := unattended(config.DisruptionReload)
	noFetch.Unattended.NoFetch = "the network is down"
	noRestart := unattended(config.DisruptionRestart)
	noRestart.Unattended.NoRestart = "restarted a minute ago"
	noReload := unattended(config.DisruptionReload)
	noReload.Unattended.NoReload = "dockerd ended on the last one"
	for _, test := range []struct {
		name   string
		config func(*config.Config)
		host   seen.Host
		opts   Options
		want   planned
	}{
		{
			name:   "R10: already proven: all keys in one write, no other proof",
			config: seen.AsDefault, host: drifted, opts: unattended(config.DisruptionReload),
			want: planned{
				Steps: []string{"write register runsc; default runtime runsc instead of runc", "reload docker.service", "confirm runsc=" + seen.RunscKeepingWrites(seen.Newer) + ", default=runsc"},
				File:  `{"default-runtime":"runsc","runtimes":{"runsc":{"path":"` + seen.RunscPath(seen.Newer) + `","runtimeArgs":["--overlay2=none","--dcache=0"]}}}`,
			},
		},
		{
			name:   "no reload: nothing is written",
			config: seen.AsDefault, host: drifted, opts: unattended(config.DisruptionNone),
			want: planned{Held: []string{"register runsc; default runtime runsc instead of runc"}},
		},
		{
			name:   "dockerd ended on the last reload: nothing is written",
			config: seen.AsDefault, host: drifted, opts: noReload,
			want: planned{Held: []string{"register runsc; default runtime runsc instead of runc"}},
		},
		{
			name:   "no reload: the link is repaired anyway",
			config: seen.AsDefault,
			host:   seen.Host{Releases: []string{seen.Newer}, Link: seen.Older, File: `{}`, Engine: seen.Dockerd(both)},
			opts:   unattended(config.DisruptionNone),
			want:   planned{Steps: []string{"link " + seen.Newer}, Held: []string{"register runsc; default runtime runsc"}},
		},
		{
			name: "no reload: dockerd alone differs",
			host: seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: seen.Registered(seen.Newer), Engine: seen.Dockerd("")},
			opts: unattended(config.DisruptionNone),
			want: planned{Held: []string{"dockerd: it has no runtime runsc"}},
		},
		{
			name:   "no restart: userns-remap is held and not written",
			config: seen.Remapped,
			host:   seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: both, Engine: seen.Dockerd(both)},
			opts:   unattended(config.DisruptionReload),
			want:   planned{Held: []string{"userns-remap default"}},
		},
		{
			name:   "a restart, but not now",
			config: seen.Remapped,
			host:   seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: both, Engine: seen.Dockerd(both)},
			opts:   noRestart,
			want:   planned{Held: []string{"userns-remap default"}},
		},
		{
			name:   "R04: the default is contested, the runtime is not",
			config: seen.AsDefault,
			host:   seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: `{"default-runtime":"runc"}`, Engine: seen.Dockerd(`{"default-runtime":"runc"}`), Proven: []string{"runsc"}},
			opts:   unattended(config.DisruptionReload, config.ItemDefaultRuntime),
			want: planned{
				Steps: []string{"write register runsc", "reload docker.service", "confirm runsc=" + seen.RunscKeepingWrites(seen.Newer)},
				File:  `{"default-runtime":"runc","runtimes":{"runsc":{"path":"` + seen.RunscPath(seen.Newer) + `","runtimeArgs":["--overlay2=none","--dcache=0"]}}}`,
				Held:  []string{config.ItemDefaultRuntime},
			},
		},
		{
			name:   "R04: a contested, undefined runtime does not become the default",
			config: seen.AsDefault,
			host:   seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: `{}`, Engine: seen.Dockerd(`{}`)},
			opts:   unattended(config.DisruptionReload, config.RuntimeItem("runsc")),
			want:   planned{Held: []string{config.RuntimeItem("runsc"), "default-runtime runsc"}},
		},
		{
			name:   "R04: a release that a contested runtime names is not removed",
			config: seen.AsDefault,
			host:   seen.Host{Releases: []string{seen.Newer, seen.Older, seen.Oldest}, Link: seen.Newer, File: seen.Registered(seen.Oldest, `"default-runtime":"runsc"`), Engine: seen.Dockerd(seen.Registered(seen.Oldest, `"default-runtime":"runsc"`))},
			opts:   unattended(config.DisruptionReload, config.RuntimeItem("runsc")),
			want:   planned{Held: []string{config.RuntimeItem("runsc")}},
		},
		{
			name: "R04: another program keeps changing dockerd",
			host: seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: seen.Registered(seen.Newer), Engine: seen.Dockerd("")},
			opts: unattended(config.DisruptionReload, config.ItemDockerd),
			want: planned{Held: []string{config.ItemDockerd}},
		},
		{
			name: "R04: the link",
			host: seen.Host{Releases: []string{seen.Newer}, Link: seen.Older, File: seen.Registered(seen.Newer), Engine: seen.Dockerd(seen.Registered(seen.Newer))},
			opts: unattended(config.DisruptionReload, config.ItemLink),
			want: planned{Held: []string{config.ItemLink}},
		},
		{
			name: "R06: another release cannot be fetched: the installed one is enforced",
			config: func(c *config.Config) {
				seen.AsDefault(c)
				c.Release.Version = seen.Oldest
			},
			host: drifted, opts: noFetch,
			want: planned{
				Steps: []string{"write register runsc; default runtime runsc instead of runc", "reload docker.service", "confirm runsc=" + seen.RunscKeepingWrites(seen.Newer) + ", default=runsc"},
				File:  `{"default-runtime":"runsc","runtimes":{"runsc":{"path":"` + seen.RunscPath(seen.Newer) + `","runtimeArgs":["--overlay2=none","--dcache=0"]}}}`,
				Held:  []string{"release " + seen.Oldest + " (not installed)"},
			},
		},
		{
			name: "R04: the release is damaged again and again: an older, intact one stands in",
			host: seen.Host{Releases: []string{seen.Newer, seen.Older}, Damaged: seen.Newer, Link: seen.Older, File: seen.Registered(seen.Older), Engine: seen.Dockerd(seen.Registered(seen.Older))},
			opts: unattended(config.DisruptionReload, config.ItemRelease),
			want: planned{Held: []string{config.ItemRelease}},
		},
		{
			name:   "R06: the only release is damaged: nothing relies on it",
			config: seen.AsDefault,
			host:   seen.Host{Releases: []string{seen.Newer}, Damaged: seen.Newer, Link: seen.Newer, File: `{}`, Engine: seen.Dockerd("")},
			opts:   noFetch,
			want:   planned{Held: []string{"release " + seen.Newer + " (damaged: runsc is missing)"}},
		},
	} {
		t.Run(test.name, func(t *testing.T) { checkPlan(t, seen.Wants(test.config), test.host, test.opts, test.want) })
	}
}
