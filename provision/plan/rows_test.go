package plan

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/test/seen"
)

func TestNew(t *testing.T) {
	converged := seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: seen.Registered(seen.Newer), Engine: seen.Dockerd(seen.Registered(seen.Newer))}
	for _, test := range []struct {
		name   string
		config func(*config.Config)
		host   seen.Host
		opts   Options
		want   planned
	}{
		{
			name: "converged: empty",
			host: converged,
		},
		{
			name: "nothing installed, latest",
			host: seen.Host{Engine: seen.Dockerd("")},
			want: planned{
				Steps: []string{
					"install latest (not installed)", "prove {latest} as runsc --overlay2=none --dcache=0", "link {latest}",
					"write register runsc", "reload docker.service", "confirm runsc=" + seen.RunscKeepingWrites("{latest}"),
					"prove {latest} through Docker as runsc --overlay2=none --dcache=0",
				},
				File: seen.Registered("{latest}"), Provisional: true,
			},
		},
		{
			name:   "exact release",
			config: func(c *config.Config) { c.Release.Version = seen.Older; seen.AsDefault(c) },
			host:   seen.Host{File: `{"debug":true}`, Engine: seen.Dockerd(`{"debug":true}`)},
			want: planned{
				Steps: []string{
					"install " + seen.Older + " (not installed)", "prove " + seen.Older + " as runsc --overlay2=none --dcache=0", "link " + seen.Older,
					"write register runsc", "reload docker.service", "confirm runsc=" + seen.RunscKeepingWrites(seen.Older),
					"prove " + seen.Older + " through Docker as runsc --overlay2=none --dcache=0",
					"write default runtime runsc", "reload docker.service", "confirm runsc=" + seen.RunscKeepingWrites(seen.Older) + ", default=runsc",
				},
				File: `{"debug":true,` + seen.Registered(seen.Older, `"default-runtime":"runsc"`)[1:],
			},
		},
		{
			name: "file right, engine stale",
			host: seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: seen.Registered(seen.Newer), Engine: seen.Dockerd(seen.Registered(seen.Older))},
			want: planned{Steps: []string{"prove " + seen.Newer + " as runsc --overlay2=none --dcache=0", "reload docker.service", "confirm runsc=" + seen.RunscKeepingWrites(seen.Newer), "prove " + seen.Newer + " through Docker as runsc --overlay2=none --dcache=0"}},
		},
		{
			name: "X05: file right, engine has other arguments",
			host: seen.Host{
				Releases: []string{seen.Newer}, Link: seen.Newer, File: seen.Registered(seen.Newer),
				Engine: seen.Dockerd(`{"runtimes":{"runsc":{"path":"` + seen.RunscPath(seen.Newer) + `","runtimeArgs":["--debug"]}}}`),
			},
			want: planned{Steps: []string{"prove " + seen.Newer + " as runsc --overlay2=none --dcache=0", "reload docker.service", "confirm runsc=" + seen.RunscKeepingWrites(seen.Newer), "prove " + seen.Newer + " through Docker as runsc --overlay2=none --dcache=0"}},
		},
		{
			name: "engine right, file lost its key",
			host: seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: `{}`, Engine: seen.Dockerd(seen.Registered(seen.Newer))},
			want: planned{
				Steps: []string{"prove " + seen.Newer + " as runsc --overlay2=none --dcache=0", "write register runsc", "reload docker.service", "confirm runsc=" + seen.RunscKeepingWrites(seen.Newer), "prove " + seen.Newer + " through Docker as runsc --overlay2=none --dcache=0"},
				File:  seen.Registered(seen.Newer),
			},
		},
		{
			name:   "default only",
			config: seen.AsDefault,
			host:   converged,
			want: planned{
				Steps: []string{"prove " + seen.Newer + " as runsc --overlay2=none --dcache=0", "prove " + seen.Newer + " through Docker as runsc --overlay2=none --dcache=0", "write default runtime runsc", "reload docker.service", "confirm runsc=" + seen.RunscKeepingWrites(seen.Newer) + ", default=runsc"},
				File:  seen.Registered(seen.Newer, `"default-runtime":"runsc"`),
			},
		},
		{
			name:   "default right in the file, engine stale",
			config: seen.AsDefault,
			host: seen.Host{
				Releases: []string{seen.Newer}, Link: seen.Newer, File: seen.Registered(seen.Newer, `"default-runtime":"runsc"`),
				Engine: seen.Dockerd(seen.Registered(seen.Newer)),
			},
			want: planned{Steps: []string{
				"prove " + seen.Newer + " as runsc --overlay2=none --dcache=0", "reload docker.service", "confirm runsc=" + seen.RunscKeepingWrites(seen.Newer) + ", default=runsc",
				"prove " + seen.Newer + " through Docker as runsc --overlay2=none --dcache=0",
			}},
		},
		{
			name:   "default back to runc",
			config: func(c *config.Config) { c.Docker.DefaultRuntime = "runc" },
			host: seen.Host{
				Releases: []string{seen.Newer}, Link: seen.Newer, File: seen.Registered(seen.Newer, `"default-runtime":"runsc"`),
				Engine: seen.Dockerd(seen.Registered(seen.Newer, `"default-runtime":"runsc"`)),
			},
			want: planned{
				Steps: []string{"write default runtime runc instead of runsc", "reload docker.service", "confirm runsc=" + seen.RunscKeepingWrites(seen.Newer) + ", default=runc"},
				File:  seen.Registered(seen.Newer, `"default-runtime":"runc"`),
			},
		},
		{
			name:   "Docker stopped: registered, default held",
			config: seen.AsDefault,
			host:   seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer},
			want: planned{
				Steps: []string{"prove " + seen.Newer + " as runsc --overlay2=none --dcache=0", "write register runsc"},
				File:  seen.Registered(seen.Newer),
				Held:  []string{"docker.service", "default-runtime runsc"},
			},
		},
		{
			name: "X20: Docker stopped, nothing to change: nothing is confirmed",
			host: seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: seen.Registered(seen.Newer)},
			want: planned{Held: []string{"docker.service"}},
		},
		{
			name: "foreign link",
			host: seen.Host{Releases: []string{seen.Newer}, LinkIs: "a file", File: seen.Registered(seen.Newer), Engine: seen.Dockerd(seen.Registered(seen.Newer))},
			want: planned{Warnings: []string{"left alone: /usr/local/bin/runsc is a file"}},
		},
		{
			name: "link of an older release",
			host: seen.Host{Releases: []string{seen.Newer, seen.Older}, Link: seen.Older, File: seen.Registered(seen.Newer), Engine: seen.Dockerd(seen.Registered(seen.Newer))},
			want: planned{Steps: []string{"link " + seen.Newer}},
		},
		{
			name: "J08: runtime of gVisor's own installer adopted, arguments kept, and writes",
			host: seen.Host{
				Releases: []string{seen.Newer}, Link: seen.Newer,
				Before: `{"runtimes":{"runsc":{"path":"/usr/bin/runsc","runtimeArgs":["--platform=kvm"]}}}`,
				File:   `{"runtimes":{"runsc":{"path":"/usr/bin/runsc","runtimeArgs":["--platform=kvm"]}}}`,
				Engine: seen.Dockerd(`{"runtimes":{"runsc":{"path":"/usr/bin/runsc","runtimeArgs":["--platform=kvm"]}}}`),
			},
			want: planned{
				Steps: []string{
					"prove " + seen.Newer + " as runsc --platform=kvm --overlay2=none --dcache=0",
					"write runsc runs " + seen.RunscPath(seen.Newer) + " instead of /usr/bin/runsc, its arguments are kept, and " + strings.TrimPrefix(keepsWrites, "runsc "),
					"reload docker.service", "confirm runsc=" + seen.RunscPath(seen.Newer) + " --platform=kvm --overlay2=none --dcache=0",
					"prove " + seen.Newer + " through Docker as runsc --platform=kvm --overlay2=none --dcache=0",
				},
				File:     seen.WithArgs(seen.RunscPath(seen.Newer), `"--platform=kvm","--overlay2=none","--dcache=0"`),
				Warnings: []string{notKnown("/usr/bin/runsc")},
			},
		},
		{
			name:   "J08: arguments of the configuration",
			config: func(c *config.Config) { c.Docker.Runtimes["runsc"] = config.Runtime{Args: []string{}} },
			host: seen.Host{
				Releases: []string{seen.Newer}, Link: seen.Newer,
				File:   `{"runtimes":{"runsc":{"path":"` + seen.RunscPath(seen.Newer) + `","runtimeArgs":["--debug"]}}}`,
				Engine: seen.Dockerd(`{"runtimes":{"runsc":{"path":"` + seen.RunscPath(seen.Newer) + `","runtimeArgs":["--debug"]}}}`),
			},
			want: planned{
				Steps: []string{"prove " + seen.Newer + " as runsc --overlay2=none --dcache=0", "write new arguments for runsc, which keeps what containers write (--overlay2=none --dcache=0)", "reload docker.service", "confirm runsc=" + seen.RunscKeepingWrites(seen.Newer), "prove " + seen.Newer + " through Docker as runsc --overlay2=none --dcache=0"},
				File:  seen.Registered(seen.Newer),
			},
		},
		{
			name: "a runtime with a runtimeType: replaced",
			host: seen.Host{
				Releases: []string{seen.Newer}, Link: seen.Newer, File: `{"runtimes":{"runsc":{"runtimeType":"io.containerd.runsc.v1"}}}`, Before: "{}", Engine: seen.Dockerd(`{"runtimes":{"runsc":{"path":"/x"}}}`),
			},
			want: planned{
				Steps: []string{
					"prove " + seen.Newer + " as runsc --overlay2=none --dcache=0", "write runsc runs " + seen.RunscPath(seen.Newer) + " instead of runtimeType io.containerd.runsc.v1, and keeps what containers write (--overlay2=none --dcache=0)",
					"reload docker.service", "confirm runsc=" + seen.RunscKeepingWrites(seen.Newer), "prove " + seen.Newer + " through Docker as runsc --overlay2=none --dcache=0",
				},
				File: seen.Registered(seen.Newer),
			},
		},
		{
			name: "damaged release",
			host: seen.Host{Releases: []string{seen.Newer}, Damaged: seen.Newer, Link: seen.Newer, File: seen.Registered(seen.Newer), Engine: seen.Dockerd(seen.Registered(seen.Newer))},
			want: planned{Steps: []string{"install " + seen.Newer + " (damaged: runsc is missing)"}},
		},
		{
			name: "upgrade asked",
			host: seen.Host{Releases: []string{seen.Older}, Link: seen.Older, File: seen.Registered(seen.Older), Engine: seen.Dockerd(seen.Registered(seen.Older))},
			opts: Options{Upgrade: true},
			want: planned{Steps: []string{"install latest (if newer than " + seen.Older + ")"}, Provisional: true},
		},
		{
			name:   "upgrade asked, exact release: nothing newer satisfies it",
			config: func(c *config.Config) { c.Release.Version = seen.Older },
			host:   seen.Host{Releases: []string{seen.Older}, Link: seen.Older, File: seen.Registered(seen.Older), Engine: seen.Dockerd(seen.Registered(seen.Older))},
			opts:   Options{Upgrade: true},
		},
		{
			name: "a newer release is installed",
			host: seen.Host{Releases: []string{seen.Newer, seen.Older}, InUse: []string{seen.Older}, Link: seen.Older, File: seen.Registered(seen.Older), Engine: seen.Dockerd(seen.Registered(seen.Older))},
			want: planned{
				Steps: []string{
					"prove " + seen.Newer + " as runsc --overlay2=none --dcache=0", "link " + seen.Newer, "write runsc runs " + seen.RunscPath(seen.Newer) + " instead of " + seen.RunscPath(seen.Older),
					"reload docker.service", "confirm runsc=" + seen.RunscKeepingWrites(seen.Newer), "prove " + seen.Newer + " through Docker as runsc --overlay2=none --dcache=0",
				},
				File: seen.Registered(seen.Newer),
			},
		},
		{
			name: "old releases pruned, those in use and the previous one kept",
			host: seen.Host{
				Releases: []string{seen.Newer, seen.Older, seen.Oldest, "20260824.0", "20260817.0"}, InUse: []string{"20260817.0", seen.Newer}, Link: seen.Newer,
				File: seen.Registered(seen.Newer), Engine: seen.Dockerd(seen.Registered(seen.Newer)),
			},
			want: planned{Steps: []string{"remove " + seen.Oldest, "remove 20260824.0"}},
		},
		{
			name: "the previous release is damaged: the one before it is kept",
			host: seen.Host{
				Releases: []string{seen.Newer, seen.Older, seen.Oldest}, Damaged: seen.Older, Link: seen.Newer,
				File: seen.Registered(seen.Newer), Engine: seen.Dockerd(seen.Registered(seen.Newer)),
			},
			want: planned{Steps: []string{"remove " + seen.Older}},
		},
		{
			name:   "old releases pruned, but not one that another runtime names",
			config: func(c *config.Config) { c.Release.Keep = 0 },
			host: seen.Host{
				Releases: []string{seen.Newer, seen.Older, seen.Oldest}, Link: seen.Newer,
				File:   seen.Registered(seen.Newer)[:len(seen.Registered(seen.Newer))-2] + `,"mine":{"path":"` + seen.RunscPath(seen.Oldest) + `"}}}`,
				Engine: seen.Dockerd(seen.Registered(seen.Newer)[:len(seen.Registered(seen.Newer))-2] + `,"mine":{"path":"` + seen.RunscPath(seen.Oldest) + `"}}}`),
			},
			want: planned{Steps: []string{"remove " + seen.Older}},
		},
		{
			name: "several runtimes: each list of arguments is proven once",
			config: func(c *config.Config) {
				seen.AsDefault(c)
				c.Docker.Runtimes["gv"] = config.Runtime{}
				c.Docker.Runtimes["debug"] = config.Runtime{Args: []string{"--debug"}}
			},
			host: seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, Engine: seen.Dockerd("")},
			want: planned{
				Steps: []string{
					"prove " + seen.Newer + " as debug --debug --overlay2=none --dcache=0", "prove " + seen.Newer + " as gv --overlay2=none --dcache=0",
					"write register debug; register gv; register runsc",
					"reload docker.service",
					"confirm debug=" + seen.RunscPath(seen.Newer) + " --debug --overlay2=none --dcache=0, gv=" + seen.RunscKeepingWrites(seen.Newer) + ", runsc=" + seen.RunscKeepingWrites(seen.Newer),
					"prove " + seen.Newer + " through Docker as debug --debug --overlay2=none --dcache=0", "prove " + seen.Newer + " through Docker as gv --overlay2=none --dcache=0", "prove " + seen.Newer + " through Docker as runsc --overlay2=none --dcache=0",
					"write default runtime runsc",
					"reload docker.service",
					"confirm debug=" + seen.RunscPath(seen.Newer) + " --debug --overlay2=none --dcache=0, gv=" + seen.RunscKeepingWrites(seen.Newer) + ", runsc=" + seen.RunscKeepingWrites(seen.Newer) + ", default=runsc",
				},
				File: `{"runtimes":{"debug":{"path":"` + seen.RunscPath(seen.Newer) + `","runtimeArgs":["--debug","--overlay2=none","--dcache=0"]},"gv":{"path":"` + seen.RunscPath(seen.Newer) +
					`","runtimeArgs":["--overlay2=none","--dcache=0"]},"runsc":{"path":"` + seen.RunscPath(seen.Newer) + `","runtimeArgs":["--overlay2=none","--dcache=0"]}},"default-runtime":"runsc"}`,
			},
		},
		{
			name:   "already proven: all keys in one write, no other proof",
			config: seen.AsDefault,
			host: seen.Host{
				Releases: []string{seen.Newer}, Link: seen.Newer, File: `{"debug":true}`, Proven: []string{"runsc"},
				Engine: seen.Dockerd(seen.Registered(seen.Newer, `"default-runtime":"runsc"`, `"debug":true`)),
			},
			want: planned{
				Steps: []string{"write register runsc; default runtime runsc", "reload docker.service", "confirm runsc=" + seen.RunscKeepingWrites(seen.Newer) + ", default=runsc"},
				File:  `{"debug":true,` + seen.Registered(seen.Newer, `"default-runtime":"runsc"`)[1:],
			},
		},
		{
			name:   "--no-proof: all keys in one write, and a warning",
			config: seen.AsDefault,
			host:   seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, Engine: seen.Dockerd("")},
			opts:   Options{NoProof: true},
			want: planned{
				Steps:    []string{"write register runsc; default runtime runsc", "reload docker.service", "confirm runsc=" + seen.RunscKeepingWrites(seen.Newer) + ", default=runsc"},
				File:     seen.Registered(seen.Newer, `"default-runtime":"runsc"`),
				Warnings: []string{"no proof: with --no-proof, nothing shows that containers start in a sandbox"},
			},
		},
		{
			name:   "userns-remap, no container runs: restarted, and proven before and after",
			config: seen.Remapped,
			host:   seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, Engine: seen.Dockerd("")},
			want: planned{
				Steps: []string{
					"prove " + seen.Newer + " as runsc --overlay2=none --dcache=0", "write register runsc", "reload docker.service", "confirm runsc=" + seen.RunscKeepingWrites(seen.Newer),
					"prove " + seen.Newer + " through Docker as runsc --overlay2=none --dcache=0",
					"write default runtime runsc; userns-remap default", "restart docker.service",
					"confirm runsc=" + seen.RunscKeepingWrites(seen.Newer) + ", default=runsc, remap=on",
					"prove " + seen.Newer + " through Docker as runsc --overlay2=none --dcache=0",
				},
				File: seen.Registered(seen.Newer, `"default-runtime":"runsc"`, `"userns-remap":"default"`),
			},
		},
		{
			name:   "E08: userns-remap, containers run: held and not written; the rest is done",
			config: seen.Remapped,
			host:   seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, Proven: []string{"runsc"}, Running: []string{"a", "b"}, Engine: seen.Dockerd("")},
			want: planned{
				Steps: []string{"write register runsc; default runtime runsc", "reload docker.service", "confirm runsc=" + seen.RunscKeepingWrites(seen.Newer) + ", default=runsc"},
				File:  seen.Registered(seen.Newer, `"default-runtime":"runsc"`),
				Held:  []string{"userns-remap default"},
			},
		},
		{
			name:   "E08: userns-remap, containers run, with consent",
			config: seen.Remapped,
			host: seen.Host{
				Releases: []string{seen.Newer}, Link: seen.Newer, Proven: []string{"runsc"}, Running: []string{"a", "b"},
				File: seen.Registered(seen.Newer, `"default-runtime":"runsc"`), Engine: seen.Dockerd(seen.Registered(seen.Newer, `"default-runtime":"runsc"`)),
			},
			opts: Options{AllowRestart: true},
			want: planned{
				Steps: []string{
					"write userns-remap default", "restart docker.service", "confirm runsc=" + seen.RunscKeepingWrites(seen.Newer) + ", default=runsc, remap=on",
					"prove " + seen.Newer + " through Docker as runsc --overlay2=none --dcache=0",
				},
				File: seen.Registered(seen.Newer, `"default-runtime":"runsc"`, `"userns-remap":"default"`),
			},
		},
		{
			name:   "U02: userns-remap, containers run, live-restore: held, even with consent",
			config: seen.Remapped,
			host: seen.Host{
				Releases: []string{seen.Newer}, Link: seen.Newer, Running: []string{"a"}, LiveRestore: true,
				File: seen.Registered(seen.Newer, `"default-runtime":"runsc"`), Engine: seen.Dockerd(seen.Registered(seen.Newer, `"default-runtime":"runsc"`)),
			},
			opts: Options{AllowRestart: true},
			want: planned{Held: []string{"userns-remap default"}},
		},
		{
			name:   "userns-remap in the file, not in dockerd, containers run: held, nothing written",
			config: seen.Remapped,
			host: seen.Host{
				Releases: []string{seen.Newer}, Link: seen.Newer, Running: []string{"a"},
				File:   seen.Registered(seen.Newer, `"default-runtime":"runsc"`, `"userns-remap":"default"`),
				Engine: seen.Dockerd(seen.Registered(seen.Newer, `"default-runtime":"runsc"`)),
			},
			want: planned{Held: []string{"userns-remap default"}},
		},
		{
			name:   "userns-remap in effect: empty",
			config: seen.Remapped,
			host: seen.Host{
				Releases: []string{seen.Newer}, Link: seen.Newer, Running: []string{"a"}, Remapped: true,
				File:   seen.Registered(seen.Newer, `"default-runtime":"runsc"`, `"userns-remap":"default"`),
				Engine: seen.Dockerd(seen.Registered(seen.Newer, `"default-runtime":"runsc"`)),
			},
		},
		{
			name:   "E02: Docker stopped: default and userns-remap held",
			config: seen.Remapped,
			host:   seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer},
			want: planned{
				Steps: []string{"prove " + seen.Newer + " as runsc --overlay2=none --dcache=0", "write register runsc"},
				File:  seen.Registered(seen.Newer),
				Held:  []string{"docker.service", "default-runtime runsc", "userns-remap default"},
			},
		},
		{
			name:   "X01: Docker stopped: userns-remap is switched off without a proof",
			config: func(c *config.Config) { c.Docker.UsernsRemap = "off" },
			host:   seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: seen.Registered(seen.Newer, `"userns-remap":"default"`)},
			opts:   Options{AllowHiddenData: true},
			want: planned{
				Steps: []string{"write userns-remap off"},
				File:  seen.Registered(seen.Newer),
				Held:  []string{"docker.service"},
			},
		},
		{
			name:   "X01: Docker stopped: the switch may hide data",
			config: func(c *config.Config) { c.Docker.UsernsRemap = "off" },
			host:   seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: seen.Registered(seen.Newer, `"userns-remap":"default"`)},
			want:   planned{Held: []string{"docker.service", "userns-remap off"}},
		},
		{
			name:   "X01: Docker stopped: the daemon may not restart Docker",
			config: func(c *config.Config) { c.Docker.UsernsRemap = "off" },
			host:   seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: seen.Registered(seen.Newer, `"userns-remap":"default"`)},
			opts:   Options{AllowHiddenData: true, Unattended: &Unattended{MaxDisruption: config.DisruptionReload}},
			want:   planned{Held: []string{"userns-remap off"}},
		},
		{
			name:   "X01: Docker stopped: the default goes back to runc without a proof",
			config: func(c *config.Config) { c.Docker.DefaultRuntime = "runc" },
			host:   seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: seen.Registered(seen.Newer, `"default-runtime":"runsc"`)},
			want: planned{
				Steps: []string{"write default runtime runc instead of runsc"},
				File:  seen.Registered(seen.Newer, `"default-runtime":"runc"`),
				Held:  []string{"docker.service"},
			},
		},
		{
			name: "a flag for an option that is not managed",
			host: seen.Host{
				Releases: []string{seen.Newer}, Link: seen.Newer, File: seen.Registered(seen.Newer), Engine: seen.Dockerd(seen.Registered(seen.Newer)),
				Conflict: &commandline.FlagConflict{Option: "default-runtime", Flag: "--default-runtime=crun", Where: "ExecStart"},
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) { checkPlan(t, seen.Wants(test.config), test.host, test.opts, test.want) })
	}
}

// docker-ce's unit has the flag -H fd://. dockerd then refuses a daemon.json with hosts.
func TestNew_HostsInDaemonJSONAndAmongTheFlags(t *testing.T) {
	conflict := &commandline.FlagConflict{Option: "hosts", Flag: "--host=fd://", Where: "/usr/lib/systemd/system/docker.service:13"}
	for text, want := range map[string]error{
		"":                      nil,
		`{"debug":true}`:        nil,
		`{"hosts":["unix://"]}`: conflict,
	} {
		o := seen.Host{File: text, Engine: seen.Dockerd(""), Conflict: conflict}.Observed(t)
		if _, err := New(config.Default(), o, Options{}); !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%q: got %v, want %v", text, err, want)
		}
	}
}

func TestNew_NamesTheSnapBesideDockerService(t *testing.T) {
	o := seen.Host{Engine: seen.Dockerd("")}.Observed(t)
	for _, runs := range []bool{false, true} {
		o.SnapRuns = runs
		plan, err := New(config.Default(), o, Options{})
		if err != nil || slices.Contains(plan.Warnings, SnapWarning) != runs {
			t.Errorf("runs %t: got warnings %q, error %v", runs, plan.Warnings, err)
		}
	}
}

func TestFault_J10_NoPlanWithAConflictingFlag(t *testing.T) {
	conflict := &commandline.FlagConflict{Option: "default-runtime", Flag: "--default-runtime=crun", Where: "/etc/default/docker:4"}
	o := seen.Host{Engine: seen.Dockerd(""), Conflict: conflict}.Observed(t)
	plan, err := New(seen.Wants(seen.AsDefault), o, Options{})
	var refusal *blocked.Refused
	if !errors.As(err, &refusal) || !errors.Is(err, conflict) || !plan.Empty() {
		t.Errorf("got plan %v and error %v, want a refusal of %v", plan, err, conflict)
	}
}

// The proof uses the cgroup driver of the running dockerd.
func TestNew_ProvesWithDockersCgroupDriver(t *testing.T) {
	for _, test := range []struct {
		name string
		host seen.Host
		want string
	}{
		{"running", seen.Host{Releases: []string{seen.Newer}, Engine: seen.Dockerd("")}, "systemd"},
		{"stopped", seen.Host{Releases: []string{seen.Newer}}, ""},
	} {
		plan, err := New(config.Default(), test.host.Observed(t), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := plan.Steps[0].(steps.Prove).CgroupDriver; got != test.want {
			t.Errorf("%s: got driver %q, want %q", test.name, got, test.want)
		}
	}
}

func TestPlan_Disruption(t *testing.T) {
	for _, test := range []struct {
		steps []steps.Step
		want  config.Disruption
	}{
		{nil, config.DisruptionNone},
		{[]steps.Step{steps.InstallRelease{}, steps.Prove{}, steps.Link{}, steps.WriteDaemonJSON{}, steps.Confirm{}, steps.RemoveRelease{}}, config.DisruptionNone},
		{[]steps.Step{steps.Prove{}, steps.Reload{}, steps.Confirm{}}, config.DisruptionReload},
		{[]steps.Step{steps.Reload{}, steps.ProveInDocker{}, steps.Restart{}, steps.Confirm{}}, config.DisruptionRestart},
	} {
		if got := (Plan{Steps: test.steps}).Disruption(); got != test.want {
			t.Errorf("%v: got %v, want %v", test.steps, got, test.want)
		}
	}
}
