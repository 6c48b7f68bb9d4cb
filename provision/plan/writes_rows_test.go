package plan

import (
	"errors"
	"strings"
	"testing"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/runtimes"
	"runsc-provisioner/test/seen"
	"runsc-provisioner/verify"
)

// argumentSteps are the steps of a plan that only changes the arguments of runsc.
func argumentSteps(what, args string) []string {
	if args != "" {
		args = " " + args
	}
	return []string{
		"prove " + seen.Newer + " as runsc" + args, "write " + what, "reload docker.service",
		"confirm runsc=" + seen.RunscPath(seen.Newer) + args, "prove " + seen.Newer + " through Docker as runsc" + args,
	}
}

const keepsWrites = "runsc keeps what containers write (--overlay2=none --dcache=0)"

// notKnown is the warning for a program that the plan replaces.
func notKnown(program string) string {
	return "runtime runsc: arguments that " + program + ` adds by itself are not known, and not kept; whether it keeps what containers write is not known either, ` +
		`so runtime runsc keeps it (rootfs = "docker"); to change that, set docker.runtimes.runsc.args or rootfs`
}

func TestNew_Writes(t *testing.T) {
	adopted := runtimes.DescribeLoss(config.Default(), "runsc", runtimes.Arguments{Origin: runtimes.Adopted})
	at := func(text string) seen.Host {
		return seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: text, Engine: seen.Dockerd(text)}
	}
	with := func(h seen.Host, change func(*seen.Host)) seen.Host { change(&h); return h }
	unrecorded := func(h *seen.Host) { h.Unrecorded = true }
	for _, test := range []struct {
		name   string
		config func(*config.Config)
		host   seen.Host
		want   planned
	}{
		{
			name:   "sandbox: no flag is added",
			config: seen.Rootfs(config.RootfsSandbox),
			host:   seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, Engine: seen.Dockerd("")},
			want:   planned{Steps: argumentSteps("register runsc", ""), File: seen.RegisteredBare(seen.Newer)},
		},
		{
			name:   "sandbox, registered with the flag: it is removed",
			config: seen.Rootfs(config.RootfsSandbox),
			host:   at(seen.Registered(seen.Newer)),
			want:   planned{Steps: argumentSteps("runsc has gVisor's own overlay (without --overlay2=none --dcache=0)", ""), File: seen.RegisteredBare(seen.Newer)},
		},
		{
			name: "the flag was removed by another program: drift",
			host: at(seen.RegisteredBare(seen.Newer)),
			want: planned{Steps: argumentSteps(keepsWrites, "--overlay2=none --dcache=0"), File: seen.Registered(seen.Newer)},
		},
		{
			name: "another value was written by another program: drift; other arguments stay",
			host: at(seen.WithArgs(seen.RunscPath(seen.Newer), `"-overlay2","root:self","--debug"`)),
			want: planned{Steps: argumentSteps(keepsWrites, "--debug --overlay2=none --dcache=0"), File: seen.WithArgs(seen.RunscPath(seen.Newer), `"--debug","--overlay2=none","--dcache=0"`)},
		},
		{
			name: "an earlier version registered it without --dcache=0: added",
			host: at(seen.WithArgs(seen.RunscPath(seen.Newer), `"--overlay2=none"`)),
			want: planned{Steps: argumentSteps(keepsWrites, "--overlay2=none --dcache=0"), File: seen.Registered(seen.Newer)},
		},
		{
			name: "the same without a record: added, with a warning",
			host: with(at(seen.WithArgs(seen.RunscPath(seen.Newer), `"--overlay2=none"`)), unrecorded),
			want: planned{
				Steps: argumentSteps(keepsWrites, "--overlay2=none --dcache=0"), File: seen.Registered(seen.Newer), Warnings: []string{runtimes.DescribeAssumed("runsc", runtimes.Created)},
			},
		},
		{
			name:   "the record was lost: still ours, also if it changes",
			config: seen.Rootfs(config.RootfsSandbox),
			host:   with(at(seen.Registered(seen.Newer)), unrecorded),
			want: planned{
				Steps: argumentSteps("runsc has gVisor's own overlay (without --overlay2=none --dcache=0)", ""), File: seen.RegisteredBare(seen.Newer), Warnings: []string{runtimes.DescribeAssumed("runsc", runtimes.Created)},
			},
		},
		{
			name: "the record was lost, nothing changes",
			host: with(at(seen.Registered(seen.Newer)), unrecorded),
		},
		{
			name: "the user's --dcache in daemon.json stays",
			host: at(seen.WithArgs(seen.RunscPath(seen.Newer), `"--dcache=-1","--overlay2=none"`)),
		},
		{
			name:   "the user's --dcache in the configuration stays",
			config: seen.Rootfs(config.RootfsDocker, "--dcache", "100"),
			host:   at(seen.Registered(seen.Newer)),
			want: planned{
				Steps: argumentSteps("runsc keeps what containers write (--dcache 100 --overlay2=none)", "--dcache 100 --overlay2=none"),
				File:  seen.WithArgs(seen.RunscPath(seen.Newer), `"--dcache","100","--overlay2=none"`),
			},
		},
		{
			name:   "sandbox leaves the user's --dcache",
			config: seen.Rootfs(config.RootfsSandbox),
			host:   at(seen.WithArgs(seen.RunscPath(seen.Newer), `"--dcache=0","--overlay2=none"`)),
			want: planned{
				Steps: argumentSteps("runsc has gVisor's own overlay (without --overlay2=none)", "--dcache=0"), File: seen.WithArgs(seen.RunscPath(seen.Newer), `"--dcache=0"`),
			},
		},
		{
			name:   "another --dcache under sandbox: new arguments, same overlay",
			config: seen.Rootfs(config.RootfsSandbox, "--dcache=9"),
			host:   at(seen.RegisteredBare(seen.Newer)),
			want:   planned{Steps: argumentSteps("new arguments for runsc", "--dcache=9"), File: seen.WithArgs(seen.RunscPath(seen.Newer), `"--dcache=9"`)},
		},
		{
			name:   "configured arguments that keep writes: --dcache=0 is added to them",
			config: seen.Rootfs("", "--overlay2=none"),
			host:   at(seen.WithArgs(seen.RunscPath(seen.Newer), `"--overlay2=none"`)),
			want:   planned{Steps: argumentSteps(keepsWrites, "--overlay2=none --dcache=0"), File: seen.Registered(seen.Newer)},
		},
		{
			name:   "the same with an explicit rootfs",
			config: seen.Rootfs(config.RootfsDocker, "--overlay2=none"),
			host:   at(seen.WithArgs(seen.RunscPath(seen.Newer), `"--overlay2=none"`)),
			want:   planned{Steps: argumentSteps(keepsWrites, "--overlay2=none --dcache=0"), File: seen.Registered(seen.Newer)},
		},
		{
			name:   "configured arguments: the flag is added to them",
			config: seen.Rootfs("", "--debug"),
			host:   at(seen.Registered(seen.Newer)),
			want:   planned{Steps: argumentSteps("new arguments for runsc", "--debug --overlay2=none --dcache=0"), File: seen.WithArgs(seen.RunscPath(seen.Newer), `"--debug","--overlay2=none","--dcache=0"`)},
		},
		{
			name:   "an explicit argument overrides an unset rootfs, with a warning",
			config: seen.Rootfs("", "--overlay2=root:memory"),
			host:   at(seen.WithArgs(seen.RunscPath(seen.Newer), `"--overlay2=root:memory"`)),
			want:   planned{Warnings: []string{runtimes.DescribeLoss(config.Default(), "runsc", runtimes.Arguments{Explicit: []string{"--overlay2=root:memory"}})}},
		},
		{
			name:   "the same with rootfs = sandbox: no warning",
			config: seen.Rootfs(config.RootfsSandbox, "--overlay2=root:memory"),
			host:   at(seen.WithArgs(seen.RunscPath(seen.Newer), `"--overlay2=root:memory"`)),
		},
		{
			name: "an earlier version without a record registered it: changed, with a warning",
			host: with(at(seen.RegisteredBare(seen.Newer)), unrecorded),
			want: planned{
				Steps: argumentSteps(keepsWrites, "--overlay2=none --dcache=0"), File: seen.Registered(seen.Newer), Warnings: []string{runtimes.DescribeAssumed("runsc", runtimes.Created)},
			},
		},
		{
			name: "an earlier version without a record, an older release: changed with the upgrade",
			host: seen.Host{Releases: []string{seen.Newer, seen.Older}, InUse: []string{seen.Older}, Link: seen.Newer, File: seen.RegisteredBare(seen.Older), Engine: seen.Dockerd(seen.RegisteredBare(seen.Older)), Unrecorded: true},
			want: planned{
				Steps: argumentSteps("runsc runs "+seen.RunscPath(seen.Newer)+" instead of "+seen.RunscPath(seen.Older)+", and keeps what containers write (--overlay2=none --dcache=0)", "--overlay2=none --dcache=0"),
				File:  seen.Registered(seen.Newer), Warnings: []string{runtimes.DescribeAssumed("runsc", runtimes.Created)},
			},
		},
		{
			name: "no record, a release's path with arguments: adopted, with a warning of lost writes",
			host: with(at(seen.WithArgs(seen.RunscPath(seen.Newer), `"--debug"`)), unrecorded),
			want: planned{Warnings: []string{adopted}},
		},
		{
			name:   "a lost record, arguments of the configuration: ours, and the flags stay",
			config: func(c *config.Config) { c.Docker.Runtimes["runsc"] = config.Runtime{Args: []string{"--debug"}} },
			host:   with(at(seen.WithArgs(seen.RunscPath(seen.Newer), `"--debug","--overlay2=none","--dcache=0"`)), unrecorded),
		},
		{
			name: "a record that this user may not read: no claim about who registered it",
			host: with(at(seen.WithArgs(seen.RunscPath(seen.Newer), `"--debug"`)), func(h *seen.Host) { h.RecordUnreadable = true }),
			want: planned{Warnings: []string{"runtime runsc: only root may read the record of who registered it, so this plan may lack a change to its arguments"}},
		},
		{
			name: "no record, another path without arguments: adopted, writes kept, with a warning",
			host: with(at(`{"runtimes":{"runsc":{"path":"/usr/bin/runsc"}}}`), unrecorded),
			want: planned{
				Steps: argumentSteps("runsc runs "+seen.RunscPath(seen.Newer)+" instead of /usr/bin/runsc, and "+strings.TrimPrefix(keepsWrites, "runsc "), "--overlay2=none --dcache=0"), File: seen.Registered(seen.Newer),
				Warnings: []string{runtimes.DescribeAssumed("runsc", runtimes.Adopted), notKnown("/usr/bin/runsc")},
			},
		},
		{
			name: "no record, our link without arguments, which is runsc of a release: adopted, and lost as before",
			host: with(at(`{"runtimes":{"runsc":{"path":"/usr/local/bin/runsc"}}}`), unrecorded),
			want: planned{
				Steps: argumentSteps("runsc runs "+seen.RunscPath(seen.Newer)+" instead of /usr/local/bin/runsc", ""), File: seen.RegisteredBare(seen.Newer),
				Warnings: []string{runtimes.DescribeAssumed("runsc", runtimes.Adopted), adopted},
			},
		},
		{
			name: "an unknown program with an overlay of its own arguments: it decides",
			host: with(at(seen.WithArgs("/opt/wrap", `"--overlay2=root:memory"`)), func(h *seen.Host) { h.Before = h.File }),
			want: planned{
				Steps: argumentSteps("runsc runs "+seen.RunscPath(seen.Newer)+" instead of /opt/wrap", "--overlay2=root:memory"), File: seen.WithArgs(seen.RunscPath(seen.Newer), `"--overlay2=root:memory"`),
				Warnings: []string{adopted},
			},
		},
		{
			name:   "an unknown program, sandbox: as configured, and only its arguments are said to be lost",
			config: seen.Rootfs(config.RootfsSandbox),
			host:   with(at(seen.WithArgs("/opt/wrap", `"--debug"`)), func(h *seen.Host) { h.Before = h.File }),
			want: planned{
				Steps: argumentSteps("runsc runs "+seen.RunscPath(seen.Newer)+" instead of /opt/wrap, its arguments are kept", "--debug"), File: seen.WithArgs(seen.RunscPath(seen.Newer), `"--debug"`),
				Warnings: []string{"runtime runsc: arguments that /opt/wrap adds by itself are not known, and not kept; to change that, set docker.runtimes.runsc.args or rootfs"},
			},
		},
		{
			name:   "an unknown program, arguments of the configuration: they keep writes, no warning",
			config: seen.Rootfs("", "--debug"),
			host:   with(at(seen.WithArgs("/opt/wrap", `"--x"`)), func(h *seen.Host) { h.Before = h.File }),
			want: planned{
				Steps: argumentSteps("runsc runs "+seen.RunscPath(seen.Newer)+" instead of /opt/wrap, and "+strings.TrimPrefix(keepsWrites, "runsc "), "--debug --overlay2=none --dcache=0"),
				File:  seen.WithArgs(seen.RunscPath(seen.Newer), `"--debug","--overlay2=none","--dcache=0"`),
			},
		},
		{
			name: "adopted with the flag: kept, no warning",
			host: with(at(seen.WithArgs(seen.RunscPath(seen.Newer), `"--debug","--overlay2=none"`)), func(h *seen.Host) { h.Before = seen.WithArgs("/usr/bin/runsc", `"--debug","--overlay2=none"`) }),
		},
		{
			name:   "equal arguments keep their spelling",
			config: func(c *config.Config) { c.Docker.Runtimes["runsc"] = config.Runtime{Args: []string{}} },
			host:   with(at(seen.WithArgs(seen.RunscPath(seen.Newer), "")), func(h *seen.Host) { h.Before = seen.WithArgs(seen.RunscPath(seen.Older), "") }),
			want:   planned{Warnings: []string{adopted}},
		},
		{
			name:   "adopted, docker: the flag is set in its kept arguments",
			config: seen.Rootfs(config.RootfsDocker),
			host:   with(at(seen.WithArgs(seen.RunscPath(seen.Newer), `"--debug"`)), func(h *seen.Host) { h.Before = seen.WithArgs(seen.RunscPath(seen.Older), `"--debug"`) }),
			want:   planned{Steps: argumentSteps(keepsWrites, "--debug --overlay2=none --dcache=0"), File: seen.WithArgs(seen.RunscPath(seen.Newer), `"--debug","--overlay2=none","--dcache=0"`)},
		},
		{
			name:   "adopted, sandbox: the flag is removed from its kept arguments",
			config: seen.Rootfs(config.RootfsSandbox),
			host:   with(at(seen.WithArgs(seen.RunscPath(seen.Newer), `"--overlay2","none","--debug"`)), func(h *seen.Host) { h.Before = seen.WithArgs(seen.RunscPath(seen.Older), `"--debug"`) }),
			want: planned{
				Steps: argumentSteps("runsc has gVisor's own overlay (without --overlay2 none)", "--debug"), File: seen.WithArgs(seen.RunscPath(seen.Newer), `"--debug"`),
			},
		},
		{
			name: "adopted, and removed by another program: registered with its earlier arguments",
			host: with(at(`{"runtimes":{}}`), func(h *seen.Host) { h.Before = seen.WithArgs(seen.RunscPath(seen.Older), `"--debug"`) }),
			want: planned{
				Steps: argumentSteps("register runsc", "--debug"), File: seen.WithArgs(seen.RunscPath(seen.Newer), `"--debug"`), Warnings: []string{adopted},
			},
		},
		{
			name: "an unknown program, adopted, and removed by another program: its arguments, and writes kept",
			host: with(at(`{"runtimes":{}}`), func(h *seen.Host) { h.Before = seen.WithArgs("/opt/wrap", `"--debug"`) }),
			want: planned{
				Steps: argumentSteps("register runsc", "--debug --overlay2=none --dcache=0"), File: seen.WithArgs(seen.RunscPath(seen.Newer), `"--debug","--overlay2=none","--dcache=0"`),
			},
		},
		{
			name: "an unknown program that an earlier version replaced by one that loses writes: they are kept",
			host: with(at(seen.WithArgs(seen.RunscPath(seen.Newer), `"--debug"`)), func(h *seen.Host) { h.Before = seen.WithArgs("/opt/wrap", `"--debug"`) }),
			want: planned{Steps: argumentSteps(keepsWrites, "--debug --overlay2=none --dcache=0"), File: seen.WithArgs(seen.RunscPath(seen.Newer), `"--debug","--overlay2=none","--dcache=0"`)},
		},
		{
			name:   "the classic builder, writes are kept: no warning",
			config: seen.AsDefault,
			host:   with(at(seen.Registered(seen.Newer, `"default-runtime":"runsc"`)), func(h *seen.Host) { h.ClassicBuild = "this Docker builds with it" }),
		},
		{
			name:   "the classic builder meets a sandboxed default that loses writes",
			config: func(c *config.Config) { seen.AsDefault(c); seen.Rootfs(config.RootfsSandbox)(c) },
			host:   with(at(seen.RegisteredBare(seen.Newer, `"default-runtime":"runsc"`)), func(h *seen.Host) { h.ClassicBuild = "this Docker builds with it" }),
			want: planned{Warnings: []string{`docker build makes images that lack what RUN wrote, and reports success: this Docker builds with it, ` +
				`which uses the default runtime runsc; set docker.runtimes.runsc.rootfs = "docker" to change that`}},
		},
	} {
		t.Run(test.name, func(t *testing.T) { checkPlan(t, seen.Wants(test.config), test.host, Options{}, test.want) })
	}
}

// runsc exits on an unknown flag.
func TestArguments_OfAReleaseBeforeTheFlag(t *testing.T) {
	o := seen.Host{Releases: []string{seen.Newer}, File: seen.Registered("20221128.0")}.Observed(t)
	for _, value := range []string{"", config.RootfsDocker, config.RootfsSandbox} {
		got := runtimes.ArgumentsOf(seen.Wants(seen.Rootfs(value)), o, "20221128.0", "runsc")
		if len(got.List) > 0 || got.Writes != verify.WritesKept {
			t.Errorf("rootfs %q: got arguments %q and writes %s, want no arguments and writes kept", value, got.List, got.Writes)
		}
	}
}

func TestConfig_RootfsContradictions(t *testing.T) {
	for _, test := range []struct {
		rootfs string
		args   []string
		fits   bool
	}{
		{"", nil, true},
		{"", []string{"--overlay2=root:self"}, true},
		{config.RootfsDocker, nil, true},
		{config.RootfsDocker, []string{"--debug"}, true},
		{config.RootfsDocker, []string{"--overlay2=none"}, true},
		{config.RootfsDocker, []string{"-overlay2", "none"}, true},
		{config.RootfsDocker, []string{"--overlay2=root:self"}, false},
		{config.RootfsDocker, []string{"--overlay2=none", "--overlay2=root:self"}, false},
		{config.RootfsDocker, []string{"--overlay2=root:self", "--overlay2=none"}, true},
		{config.RootfsDocker, []string{"--overlay"}, false},
		{config.RootfsDocker, []string{"--overlay2", "all:memory"}, false},
		{config.RootfsSandbox, nil, true},
		{config.RootfsSandbox, []string{"--overlay2=all:memory"}, true},
		{config.RootfsSandbox, []string{"--overlay2=none"}, false},
		{config.RootfsSandbox, []string{"-overlay2", "none"}, false},
		{"host", nil, false},
	} {
		err := seen.Wants(seen.Rootfs(test.rootfs, test.args...)).Validate()
		var refused *config.Error
		switch is := errors.As(err, &refused); {
		case test.fits && err != nil:
			t.Errorf("rootfs %q with %q: got %v, want it taken", test.rootfs, test.args, err)
		case !test.fits && (!is || refused.Key != "docker.runtimes.runsc.rootfs"):
			t.Errorf("rootfs %q with %q: got %v, want docker.runtimes.runsc.rootfs refused", test.rootfs, test.args, err)
		}
	}
}
