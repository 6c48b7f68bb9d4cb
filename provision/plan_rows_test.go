package provision

import (
	"errors"
	"testing"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
)

// wants is the default configuration with some changes.
func wants(change func(*config.Config)) config.Config {
	c := config.Default()
	if change != nil {
		change(&c)
	}
	return c
}

func asDefault(c *config.Config) { c.Docker.DefaultRuntime = config.DefaultRuntimeName }

func remapped(c *config.Config) { asDefault(c); c.Docker.UsernsRemap = "default" }

func TestNewPlan(t *testing.T) {
	converged := host{releases: []string{newer}, link: newer, file: registered(newer), engine: dockerd(registered(newer))}
	for _, test := range []struct {
		name   string
		config func(*config.Config)
		host   host
		opts   Options
		want   planned
	}{
		{
			name: "converged: empty",
			host: converged,
		},
		{
			name: "nothing installed, latest",
			host: host{engine: dockerd("")},
			want: planned{
				Steps: []string{
					"install latest (not installed)", "prove {latest} as runsc --overlay2=none --dcache=0", "link {latest}",
					"write register runsc", "reload docker.service", "confirm runsc=" + keptOf("{latest}"),
					"prove {latest} through Docker as runsc --overlay2=none --dcache=0",
				},
				File: registered("{latest}"), Provisional: true,
			},
		},
		{
			name:   "exact release",
			config: func(c *config.Config) { c.Release.Version = older; asDefault(c) },
			host:   host{file: `{"debug":true}`, engine: dockerd(`{"debug":true}`)},
			want: planned{
				Steps: []string{
					"install " + older + " (not installed)", "prove " + older + " as runsc --overlay2=none --dcache=0", "link " + older,
					"write register runsc", "reload docker.service", "confirm runsc=" + keptOf(older),
					"prove " + older + " through Docker as runsc --overlay2=none --dcache=0",
					"write default runtime runsc", "reload docker.service", "confirm runsc=" + keptOf(older) + ", default=runsc",
				},
				File: `{"debug":true,` + registered(older, `"default-runtime":"runsc"`)[1:],
			},
		},
		{
			name: "file right, engine stale",
			host: host{releases: []string{newer}, link: newer, file: registered(newer), engine: dockerd(registered(older))},
			want: planned{Steps: []string{"prove " + newer + " as runsc --overlay2=none --dcache=0", "reload docker.service", "confirm runsc=" + keptOf(newer), "prove " + newer + " through Docker as runsc --overlay2=none --dcache=0"}},
		},
		{
			name: "X05: file right, engine has other arguments",
			host: host{
				releases: []string{newer}, link: newer, file: registered(newer),
				engine: dockerd(`{"runtimes":{"runsc":{"path":"` + runscOf(newer) + `","runtimeArgs":["--debug"]}}}`),
			},
			want: planned{Steps: []string{"prove " + newer + " as runsc --overlay2=none --dcache=0", "reload docker.service", "confirm runsc=" + keptOf(newer), "prove " + newer + " through Docker as runsc --overlay2=none --dcache=0"}},
		},
		{
			name: "engine right, file lost its key",
			host: host{releases: []string{newer}, link: newer, file: `{}`, engine: dockerd(registered(newer))},
			want: planned{
				Steps: []string{"prove " + newer + " as runsc --overlay2=none --dcache=0", "write register runsc", "reload docker.service", "confirm runsc=" + keptOf(newer), "prove " + newer + " through Docker as runsc --overlay2=none --dcache=0"},
				File:  registered(newer),
			},
		},
		{
			name:   "default only",
			config: asDefault,
			host:   converged,
			want: planned{
				Steps: []string{"prove " + newer + " as runsc --overlay2=none --dcache=0", "prove " + newer + " through Docker as runsc --overlay2=none --dcache=0", "write default runtime runsc", "reload docker.service", "confirm runsc=" + keptOf(newer) + ", default=runsc"},
				File:  registered(newer, `"default-runtime":"runsc"`),
			},
		},
		{
			name:   "default right in the file, engine stale",
			config: asDefault,
			host: host{
				releases: []string{newer}, link: newer, file: registered(newer, `"default-runtime":"runsc"`),
				engine: dockerd(registered(newer)),
			},
			want: planned{Steps: []string{
				"prove " + newer + " as runsc --overlay2=none --dcache=0", "reload docker.service", "confirm runsc=" + keptOf(newer) + ", default=runsc",
				"prove " + newer + " through Docker as runsc --overlay2=none --dcache=0",
			}},
		},
		{
			name:   "back to runc",
			config: func(c *config.Config) { c.Docker.DefaultRuntime = "runc" },
			host: host{
				releases: []string{newer}, link: newer, file: registered(newer, `"default-runtime":"runsc"`),
				engine: dockerd(registered(newer, `"default-runtime":"runsc"`)),
			},
			want: planned{
				Steps: []string{"write default runtime runc instead of runsc", "reload docker.service", "confirm runsc=" + keptOf(newer) + ", default=runc"},
				File:  registered(newer, `"default-runtime":"runc"`),
			},
		},
		{
			name:   "Docker stopped: registered, default held",
			config: asDefault,
			host:   host{releases: []string{newer}, link: newer},
			want: planned{
				Steps:    []string{"prove " + newer + " as runsc --overlay2=none --dcache=0", "write register runsc"},
				File:     registered(newer),
				Held:     []string{"default-runtime runsc"},
				Warnings: []string{"the runtimes take effect when Docker starts"},
			},
		},
		{
			name: "Docker stopped, and as wanted: empty",
			host: host{releases: []string{newer}, link: newer, file: registered(newer)},
		},
		{
			name: "foreign link",
			host: host{releases: []string{newer}, foreign: "a file", file: registered(newer), engine: dockerd(registered(newer))},
			want: planned{Warnings: []string{"left alone: /usr/local/bin/runsc is a file"}},
		},
		{
			name: "link of an older release",
			host: host{releases: []string{newer, older}, link: older, file: registered(newer), engine: dockerd(registered(newer))},
			want: planned{Steps: []string{"link " + newer}},
		},
		{
			name: "J08: runtime of gVisor's own installer adopted, arguments kept",
			host: host{
				releases: []string{newer}, link: newer,
				before: `{"runtimes":{"runsc":{"path":"/usr/bin/runsc","runtimeArgs":["--platform=kvm"]}}}`,
				file:   `{"runtimes":{"runsc":{"path":"/usr/bin/runsc","runtimeArgs":["--platform=kvm"]}}}`,
				engine: dockerd(`{"runtimes":{"runsc":{"path":"/usr/bin/runsc","runtimeArgs":["--platform=kvm"]}}}`),
			},
			want: planned{
				Steps: []string{
					"prove " + newer + " as runsc --platform=kvm",
					"write runsc runs " + runscOf(newer) + " instead of /usr/bin/runsc, its arguments are kept",
					"reload docker.service", "confirm runsc=" + runscOf(newer) + " --platform=kvm",
					"prove " + newer + " through Docker as runsc --platform=kvm",
				},
				File:     `{"runtimes":{"runsc":{"path":"` + runscOf(newer) + `","runtimeArgs":["--platform=kvm"]}}}`,
				Warnings: []string{lossOf(config.Default(), "runsc", arguments{Origin: Adopted})},
			},
		},
		{
			name:   "J08: arguments that the configuration names",
			config: func(c *config.Config) { c.Docker.Runtimes["runsc"] = config.Runtime{Args: []string{}} },
			host: host{
				releases: []string{newer}, link: newer,
				file:   `{"runtimes":{"runsc":{"path":"` + runscOf(newer) + `","runtimeArgs":["--debug"]}}}`,
				engine: dockerd(`{"runtimes":{"runsc":{"path":"` + runscOf(newer) + `","runtimeArgs":["--debug"]}}}`),
			},
			want: planned{
				Steps: []string{"prove " + newer + " as runsc --overlay2=none --dcache=0", "write new arguments for runsc, which keeps what containers write (--overlay2=none --dcache=0)", "reload docker.service", "confirm runsc=" + keptOf(newer), "prove " + newer + " through Docker as runsc --overlay2=none --dcache=0"},
				File:  registered(newer),
			},
		},
		{
			name: "a runtime by the type of its shim",
			host: host{
				releases: []string{newer}, link: newer, file: `{"runtimes":{"runsc":{"runtimeType":"io.containerd.runsc.v1"}}}`, before: "{}", engine: dockerd(`{"runtimes":{"runsc":{"path":"/x"}}}`),
			},
			want: planned{
				Steps: []string{
					"prove " + newer + " as runsc --overlay2=none --dcache=0", "write runsc runs " + runscOf(newer) + " instead of runtimeType io.containerd.runsc.v1, and keeps what containers write (--overlay2=none --dcache=0)",
					"reload docker.service", "confirm runsc=" + keptOf(newer), "prove " + newer + " through Docker as runsc --overlay2=none --dcache=0",
				},
				File: registered(newer),
			},
		},
		{
			name: "damaged release",
			host: host{releases: []string{newer}, damaged: newer, link: newer, file: registered(newer), engine: dockerd(registered(newer))},
			want: planned{Steps: []string{"install " + newer + " (damaged: runsc is missing)"}},
		},
		{
			name: "upgrade asked",
			host: host{releases: []string{older}, link: older, file: registered(older), engine: dockerd(registered(older))},
			opts: Options{Upgrade: true},
			want: planned{Steps: []string{"install latest (if newer than " + older + ")"}, Provisional: true},
		},
		{
			name:   "upgrade asked of an exact release: nothing newer could be wanted",
			config: func(c *config.Config) { c.Release.Version = older },
			host:   host{releases: []string{older}, link: older, file: registered(older), engine: dockerd(registered(older))},
			opts:   Options{Upgrade: true},
		},
		{
			name: "a newer release is there",
			host: host{releases: []string{newer, older}, inUse: []string{older}, link: older, file: registered(older), engine: dockerd(registered(older))},
			want: planned{
				Steps: []string{
					"prove " + newer + " as runsc --overlay2=none --dcache=0", "link " + newer, "write runsc runs " + runscOf(newer) + " instead of " + runscOf(older),
					"reload docker.service", "confirm runsc=" + keptOf(newer), "prove " + newer + " through Docker as runsc --overlay2=none --dcache=0",
				},
				File: registered(newer),
			},
		},
		{
			name: "old releases pruned, those in use and the previous one kept",
			host: host{
				releases: []string{newer, older, oldest, "20260824.0", "20260817.0"}, inUse: []string{"20260817.0", newer}, link: newer,
				file: registered(newer), engine: dockerd(registered(newer)),
			},
			want: planned{Steps: []string{"remove " + oldest, "remove 20260824.0"}},
		},
		{
			name: "the previous one is damaged: the one before it is kept",
			host: host{
				releases: []string{newer, older, oldest}, damaged: older, link: newer,
				file: registered(newer), engine: dockerd(registered(newer)),
			},
			want: planned{Steps: []string{"remove " + older}},
		},
		{
			name:   "old releases pruned, one that another runtime names kept",
			config: func(c *config.Config) { c.Release.Keep = 0 },
			host: host{
				releases: []string{newer, older, oldest}, link: newer,
				file:   registered(newer)[:len(registered(newer))-2] + `,"mine":{"path":"` + runscOf(oldest) + `"}}}`,
				engine: dockerd(registered(newer)[:len(registered(newer))-2] + `,"mine":{"path":"` + runscOf(oldest) + `"}}}`),
			},
			want: planned{Steps: []string{"remove " + older}},
		},
		{
			name: "several runtimes, each proven with its arguments, equal ones once",
			config: func(c *config.Config) {
				asDefault(c)
				c.Docker.Runtimes["gv"] = config.Runtime{}
				c.Docker.Runtimes["debug"] = config.Runtime{Args: []string{"--debug"}}
			},
			host: host{releases: []string{newer}, link: newer, engine: dockerd("")},
			want: planned{
				Steps: []string{
					"prove " + newer + " as debug --debug --overlay2=none --dcache=0", "prove " + newer + " as gv --overlay2=none --dcache=0",
					"write register debug; register gv; register runsc",
					"reload docker.service",
					"confirm debug=" + runscOf(newer) + " --debug --overlay2=none --dcache=0, gv=" + keptOf(newer) + ", runsc=" + keptOf(newer),
					"prove " + newer + " through Docker as debug --debug --overlay2=none --dcache=0", "prove " + newer + " through Docker as gv --overlay2=none --dcache=0", "prove " + newer + " through Docker as runsc --overlay2=none --dcache=0",
					"write default runtime runsc",
					"reload docker.service",
					"confirm debug=" + runscOf(newer) + " --debug --overlay2=none --dcache=0, gv=" + keptOf(newer) + ", runsc=" + keptOf(newer) + ", default=runsc",
				},
				File: `{"runtimes":{"debug":{"path":"` + runscOf(newer) + `","runtimeArgs":["--debug","--overlay2=none","--dcache=0"]},"gv":{"path":"` + runscOf(newer) +
					`","runtimeArgs":["--overlay2=none","--dcache=0"]},"runsc":{"path":"` + runscOf(newer) + `","runtimeArgs":["--overlay2=none","--dcache=0"]}},"default-runtime":"runsc"}`,
			},
		},
		{
			name:   "a proof is remembered: all keys in one write, and no other proof",
			config: asDefault,
			host: host{
				releases: []string{newer}, link: newer, file: `{"debug":true}`, proven: []string{"runsc"},
				engine: dockerd(registered(newer, `"default-runtime":"runsc"`, `"debug":true`)),
			},
			want: planned{
				Steps: []string{"write register runsc; default runtime runsc", "reload docker.service", "confirm runsc=" + keptOf(newer) + ", default=runsc"},
				File:  `{"debug":true,` + registered(newer, `"default-runtime":"runsc"`)[1:],
			},
		},
		{
			name:   "--no-proof: all keys in one write, and it is said",
			config: asDefault,
			host:   host{releases: []string{newer}, link: newer, engine: dockerd("")},
			opts:   Options{NoProof: true},
			want: planned{
				Steps:    []string{"write register runsc; default runtime runsc", "reload docker.service", "confirm runsc=" + keptOf(newer) + ", default=runsc"},
				File:     registered(newer, `"default-runtime":"runsc"`),
				Warnings: []string{"no proof: --no-proof was given, and nothing shows that containers start in a sandbox"},
			},
		},
		{
			name:   "userns-remap, nothing runs: restarted, and proven before and after",
			config: remapped,
			host:   host{releases: []string{newer}, link: newer, engine: dockerd("")},
			want: planned{
				Steps: []string{
					"prove " + newer + " as runsc --overlay2=none --dcache=0", "write register runsc", "reload docker.service", "confirm runsc=" + keptOf(newer),
					"prove " + newer + " through Docker as runsc --overlay2=none --dcache=0",
					"write default runtime runsc; userns-remap default", "restart docker.service",
					"confirm runsc=" + keptOf(newer) + ", default=runsc, remap=on",
					"prove " + newer + " through Docker as runsc --overlay2=none --dcache=0",
				},
				File: registered(newer, `"default-runtime":"runsc"`, `"userns-remap":"default"`),
			},
		},
		{
			name:   "E08: userns-remap, containers run: held, its key not written, the rest is done",
			config: remapped,
			host:   host{releases: []string{newer}, link: newer, proven: []string{"runsc"}, running: []string{"a", "b"}, engine: dockerd("")},
			want: planned{
				Steps: []string{"write register runsc; default runtime runsc", "reload docker.service", "confirm runsc=" + keptOf(newer) + ", default=runsc"},
				File:  registered(newer, `"default-runtime":"runsc"`),
				Held:  []string{"userns-remap default"},
			},
		},
		{
			name:   "E08: userns-remap, containers run, with consent",
			config: remapped,
			host: host{
				releases: []string{newer}, link: newer, proven: []string{"runsc"}, running: []string{"a", "b"},
				file: registered(newer, `"default-runtime":"runsc"`), engine: dockerd(registered(newer, `"default-runtime":"runsc"`)),
			},
			opts: Options{AllowRestart: true},
			want: planned{
				Steps: []string{
					"write userns-remap default", "restart docker.service", "confirm runsc=" + keptOf(newer) + ", default=runsc, remap=on",
					"prove " + newer + " through Docker as runsc --overlay2=none --dcache=0",
				},
				File: registered(newer, `"default-runtime":"runsc"`, `"userns-remap":"default"`),
			},
		},
		{
			name:   "U02: userns-remap, containers run, live-restore: held, even with consent",
			config: remapped,
			host: host{
				releases: []string{newer}, link: newer, running: []string{"a"}, alive: true,
				file: registered(newer, `"default-runtime":"runsc"`), engine: dockerd(registered(newer, `"default-runtime":"runsc"`)),
			},
			opts: Options{AllowRestart: true},
			want: planned{Held: []string{"userns-remap default"}},
		},
		{
			name:   "userns-remap in the file, not in dockerd, containers run: held, nothing written",
			config: remapped,
			host: host{
				releases: []string{newer}, link: newer, running: []string{"a"},
				file:   registered(newer, `"default-runtime":"runsc"`, `"userns-remap":"default"`),
				engine: dockerd(registered(newer, `"default-runtime":"runsc"`)),
			},
			want: planned{Held: []string{"userns-remap default"}},
		},
		{
			name:   "userns-remap as wanted: empty",
			config: remapped,
			host: host{
				releases: []string{newer}, link: newer, running: []string{"a"}, remapped: true,
				file:   registered(newer, `"default-runtime":"runsc"`, `"userns-remap":"default"`),
				engine: dockerd(registered(newer, `"default-runtime":"runsc"`)),
			},
		},
		{
			name:   "E02: Docker stopped: default and userns-remap held",
			config: remapped,
			host:   host{releases: []string{newer}, link: newer},
			want: planned{
				Steps:    []string{"prove " + newer + " as runsc --overlay2=none --dcache=0", "write register runsc"},
				File:     registered(newer),
				Held:     []string{"default-runtime runsc", "userns-remap default"},
				Warnings: []string{"the runtimes take effect when Docker starts"},
			},
		},
		{
			name: "a flag that nothing of ours stands beside",
			host: host{
				releases: []string{newer}, link: newer, file: registered(newer), engine: dockerd(registered(newer)),
				conflict: &engine.FlagConflict{Option: "default-runtime", Flag: "--default-runtime=crun", Where: "ExecStart"},
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) { checkPlan(t, wants(test.config), test.host, test.opts, test.want) })
	}
}

func TestFault_J10_NoPlanBesideAFlag(t *testing.T) {
	conflict := &engine.FlagConflict{Option: "default-runtime", Flag: "--default-runtime=crun", Where: "/etc/default/docker:4"}
	o := host{engine: dockerd(""), conflict: conflict}.observed(t)
	plan, err := NewPlan(wants(asDefault), o, Options{})
	var refusal *blocked.Refused
	if !errors.As(err, &refusal) || !errors.Is(err, conflict) || !plan.Empty() {
		t.Errorf("got plan %v and error %v, want a refusal of %v", plan, err, conflict)
	}
}

// The proof is made with the cgroup driver of the dockerd that runs.
func TestNewPlan_ProvesWithDockersCgroupDriver(t *testing.T) {
	for _, test := range []struct {
		name string
		host host
		want string
	}{
		{"running", host{releases: []string{newer}, engine: dockerd("")}, "systemd"},
		{"stopped", host{releases: []string{newer}}, ""},
	} {
		plan, err := NewPlan(config.Default(), test.host.observed(t), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := plan.Steps[0].(Prove).CgroupDriver; got != test.want {
			t.Errorf("%s: got driver %q, want %q", test.name, got, test.want)
		}
	}
}

func TestPlan_Disruption(t *testing.T) {
	for _, test := range []struct {
		steps []Step
		want  config.Disruption
	}{
		{nil, config.DisruptionNone},
		{[]Step{InstallRelease{}, Prove{}, Link{}, WriteDaemonJSON{}, Confirm{}, RemoveRelease{}}, config.DisruptionNone},
		{[]Step{Prove{}, Reload{}, Confirm{}}, config.DisruptionReload},
		{[]Step{Reload{}, ProveInDocker{}, Restart{}, Confirm{}}, config.DisruptionRestart},
	} {
		if got := (Plan{Steps: test.steps}).Disruption(); got != test.want {
			t.Errorf("%v: got %v, want %v", test.steps, got, test.want)
		}
	}
}
