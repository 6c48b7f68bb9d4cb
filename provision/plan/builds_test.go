package plan

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/buildkit"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/test/seen"
)

const (
	buildProgram = seen.Store + "/builds/runc"
	buildDropIn  = "/etc/systemd/system/docker.service.d/" + buildkit.DropInName
	ownProgram   = "/usr/bin/runsc-provisioner"
)

// dropInEnvironment is the environment that a dockerd gets from a drop-in.
func dropInEnvironment(text []byte) buildkit.Environment {
	_, setting, _ := strings.Cut(string(text), "Environment=\"")
	setting, _, _ = strings.Cut(setting, "\"")
	return buildkit.EnvironmentOf([]string{"PATH=/usr/bin:/bin", setting})
}

// withBuilds is a converged host with what was seen of its builds. in says whether they are in gVisor.
func withBuilds(t *testing.T, h seen.Host, in bool) host.Observed {
	t.Helper()
	o := h.Observed(t)
	b := buildkit.Seen{
		DropIn: buildkit.File{Path: buildDropIn}, Program: buildkit.File{Path: buildProgram}, ReadsVariable: true,
		Environment: buildkit.EnvironmentOf([]string{"PATH=/usr/bin:/bin"}), Self: ownProgram, Runc: "/usr/bin/runc",
	}
	if in {
		b.Program.Text = buildkit.Script(ownProgram, buildkit.Runsc{Path: seen.RunscPath(seen.Newer), Args: []string{"--overlay2=none", "--dcache=0"}})
		b.DropIn.Text = buildkit.DropIn(buildkit.ByVariable, buildProgram, "")
		b.Environment = dropInEnvironment(b.DropIn.Text)
	}
	o.BuildKit = &b
	return o
}

// Each change of builds is planned once, settles, and is held with a reason where it must not be made.
func TestNew_Builds(t *testing.T) {
	converged := seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: seen.Registered(seen.Newer), Engine: seen.Dockerd(seen.Registered(seen.Newer)), Proven: []string{"runsc"}}
	running, kept, old, stopped := converged, converged, converged, converged
	running.Running = []string{"web"}
	kept.Running, kept.LiveRestore = []string{"web"}, true
	old.Version, old.Flags = "20.10.24", []string{"--containerd=/run/containerd/containerd.sock"}
	stopped.Engine = nil
	oldAlone := old
	oldAlone.Flags = nil
	upgrade := converged
	upgrade.Releases, upgrade.Proven = []string{"20260921.0", seen.Newer}, nil
	restarted := []string{"restart docker.service", "confirm runsc=" + seen.RunscKeepingWrites(seen.Newer)}
	on := slices.Concat([]string{"write build program", "write build drop-in"}, restarted, []string{"confirm builds true", "prove " + seen.Newer + " by a build"})
	for _, test := range []struct {
		name   string
		host   seen.Host
		in     bool // they are in gVisor already
		builds string
		change func(*buildkit.Seen)
		failed bool // the last proof of a build failed
		edited bool // docker.service has changes that systemd has not loaded
		opts   Options
		steps  []string
		held   string // a part of the reason
	}{
		{name: "not managed", host: converged},
		{name: "not managed, and in gVisor", host: converged, in: true},
		{name: "on", host: converged, builds: "runsc", steps: on},
		{name: "on by the search of an old dockerd", host: old, builds: "runsc", steps: on},
		{name: "on, and containers run", host: running, builds: "runsc", held: "--allow-restart"},
		{name: "on, and containers may be stopped", host: running, builds: "runsc", opts: Options{AllowRestart: true}, steps: on},
		{name: "on, and live-restore keeps containers", host: kept, builds: "runsc", steps: on},
		{name: "on, and another program has changed the unit", host: converged, builds: "runsc", edited: true, held: "systemctl daemon-reload"},
		{name: "the program is gone, and another program has changed the unit", host: converged, in: true, builds: "runsc", edited: true, change: func(b *buildkit.Seen) { b.Program.Text = nil }, steps: []string{"write build program", "prove " + seen.Newer + " by a build"}},
		{name: "on, by the daemon", host: converged, builds: "runsc", opts: Options{Unattended: &Unattended{MaxDisruption: config.DisruptionReload}}, held: "max_disruption"},
		{name: "on, contested", host: converged, builds: "runsc", opts: Options{Unattended: &Unattended{MaxDisruption: config.DisruptionRestart, Contested: map[string]string{"builds": "another program"}}}, held: "another program"},
		{name: "on, and Docker is stopped", host: stopped, builds: "runsc", held: "Docker is not running"},
		{name: "on, and containerd would inherit PATH", host: oldAlone, builds: "runsc", held: "--containerd"},
		{name: "on, and dockerd has lost the variable", host: converged, builds: "runsc", change: func(b *buildkit.Seen) { b.ReadsVariable = false }, held: "DOCKER_BUILDKIT_RUNC_COMMAND"},
		{name: "on, and others may change this program", host: converged, builds: "runsc", change: func(b *buildkit.Seen) { b.SelfUnsafe = "/home is writable" }, held: "/home is writable"},
		{name: "on, and BuildKit has another program", host: converged, builds: "runsc", change: func(b *buildkit.Seen) { b.Environment.Command = "/opt/crun" }, held: "/opt/crun"},
		{name: "on, and the environment cannot be read", host: converged, builds: "runsc", change: func(b *buildkit.Seen) { b.Unread = "permission denied" }, held: "permission denied"},
		{name: "on, and a directory is in place of the drop-in", host: converged, builds: "runsc", change: func(b *buildkit.Seen) { b.DropIn.Unusable = "it is a directory" }, held: "it is a directory"},
		{name: "on, and a file of another program has the name of ours", host: converged, builds: "runsc", change: func(b *buildkit.Seen) { b.Program.Text = []byte("#!/bin/sh\n") }, held: "is not of this program"},
		{name: "on, and a drop-in of another program has the name of ours", host: converged, builds: "runsc", change: func(b *buildkit.Seen) { b.DropIn.Text = []byte("[Service]\n") }, held: "is not of this program"},
		{name: "the program cannot be executed", host: converged, in: true, builds: "runsc", change: func(b *buildkit.Seen) { b.Program.BadMode = true }, steps: []string{"write build program", "prove " + seen.Newer + " by a build"}},
		{name: "on already, and Docker is stopped", host: stopped, in: true, builds: "runsc"},
		{name: "off, and the files are of another program", host: converged, builds: "runc", change: func(b *buildkit.Seen) { b.Program.Text, b.DropIn.Text = []byte("#!/bin/sh\n"), []byte("[Service]\n") }},
		{name: "on already", host: converged, in: true, builds: "runsc", steps: []string{"prove " + seen.Newer + " by a build"}},
		{name: "on already, and the last proof failed", host: converged, in: true, builds: "runsc", failed: true, steps: []string{"prove " + seen.Newer + " by a build"}},
		{
			name: "on already, and the last proof failed, by the daemon", host: converged, in: true, builds: "runsc", failed: true,
			opts: Options{Unattended: &Unattended{MaxDisruption: config.DisruptionReload}}, held: "the last proof of a build failed",
		},
		{
			name: "Docker was upgraded", host: converged, builds: "runsc", change: func(b *buildkit.Seen) {
				b.Program.Text = buildkit.Script(ownProgram, buildkit.Runsc{Path: seen.RunscPath(seen.Newer), Runc: "/usr/bin/runc"})
				b.DropIn.Text = buildkit.DropIn(buildkit.BySearch, buildProgram, "/usr/bin")
				b.Environment, b.ReadsVariable = dropInEnvironment(b.DropIn.Text), false
			}, steps: on,
		},
		{name: "the program was changed", host: converged, in: true, builds: "runsc", change: func(b *buildkit.Seen) { b.Program.Text = []byte("#!/bin/sh\n") }, steps: []string{"write build program", "prove " + seen.Newer + " by a build"}},
		{name: "the program is gone", host: converged, in: true, builds: "runsc", change: func(b *buildkit.Seen) { b.Program.Text = nil }, steps: []string{"write build program", "prove " + seen.Newer + " by a build"}},
		{
			name: "the drop-in is gone, and dockerd runs with it", host: converged, in: true, builds: "runsc", change: func(b *buildkit.Seen) { b.DropIn.Text = nil },
			steps: []string{"write build drop-in", "prove " + seen.Newer + " by a build"},
		},
		{name: "dockerd was started without the drop-in", host: converged, in: true, builds: "runsc", change: func(b *buildkit.Seen) { b.Environment = buildkit.Environment{} }, steps: slices.Concat(restarted, []string{"confirm builds true", "prove " + seen.Newer + " by a build"})},
		{
			name: "an upgrade", host: upgrade, in: true, builds: "runsc",
			steps: []string{
				"prove 20260921.0 as runsc --overlay2=none --dcache=0", "link 20260921.0", "write runsc runs " + seen.RunscPath("20260921.0") + " instead of " + seen.RunscPath(seen.Newer),
				"reload docker.service", "confirm runsc=" + seen.RunscKeepingWrites("20260921.0"), "prove 20260921.0 through Docker as runsc --overlay2=none --dcache=0",
				"write build program", "prove 20260921.0 by a build",
			},
		},
		{name: "off", host: converged, in: true, builds: "runc", steps: slices.Concat([]string{"remove build drop-in"}, restarted, []string{"confirm builds false", "remove build program"})},
		{name: "off already", host: converged, builds: "runc"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := config.Default()
			c.Docker.Builds = test.builds
			o := withBuilds(t, test.host, test.in)
			if test.change != nil {
				test.change(o.BuildKit)
			}
			o.Unit.NeedDaemonReload = test.edited
			if test.failed {
				key := state.BuildProofKey("digest of "+seen.Newer, []string{"--overlay2=none", "--dcache=0"}, o.Engine.Version, o.BootAndMount, false, o.BuildKit.Program.Text)
				o.FailedProofs = map[string]bool{key: true}
			}
			p, err := New(c, o, test.opts)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.steps, summary(t, o, p).Steps); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
			var reasons []string
			for _, h := range p.Held {
				if strings.HasPrefix(h.What, "builds") {
					reasons = append(reasons, h.Why)
				}
			}
			if (test.held == "") != (len(reasons) == 0) || !strings.Contains(strings.Join(reasons, ""), test.held) {
				t.Errorf("held: got %q, want %q", reasons, test.held)
			}
			if (len(p.HeldItems()) > 0) != (test.held != "") {
				t.Errorf("held items: got %q", p.HeldItems())
			}
			settles(t, c, o, test.opts)
		})
	}
}

// The release that builds run from stays, even if nothing else uses it.
func TestNew_KeepsTheReleaseOfBuilds(t *testing.T) {
	h := seen.Host{Releases: []string{"20260921.0", seen.Newer}, Link: "20260921.0", File: seen.Registered("20260921.0"), Engine: seen.Dockerd(seen.Registered("20260921.0")), Proven: []string{"runsc"}}
	c := config.Default()
	c.Release.Keep = 0
	for _, in := range []bool{false, true} {
		p, err := New(c, withBuilds(t, h, in), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if removed := slices.Contains(summary(t, withBuilds(t, h, in), p).Steps, "remove "+seen.Newer); removed == in {
			t.Errorf("builds run from it %t: removed %t", in, removed)
		}
	}
}

// prove tries builds as apply does, and refuses where a step would run elsewhere.
func TestBuildProofSteps(t *testing.T) {
	converged := seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: seen.Registered(seen.Newer), Engine: seen.Dockerd(seen.Registered(seen.Newer)), Proven: []string{"runsc"}}
	for _, test := range []struct {
		name, builds string
		in, refused  bool
		steps        int
	}{
		{"not managed", "", true, false, 0},
		{"Docker's own", config.RuncRuntime, false, false, 0},
		{"in gVisor", "runsc", true, false, 1},
		{"not there yet", "runsc", false, true, 0},
	} {
		c := config.Default()
		c.Docker.Builds = test.builds
		o := withBuilds(t, converged, test.in)
		got, err := BuildProofSteps(c, o)
		if _, refused := errors.AsType[*blocked.Refused](err); refused != test.refused || len(got) != test.steps {
			t.Errorf("%s: got %v, %v", test.name, got, err)
		}
		if len(got) == 0 {
			continue
		}
		p, err := New(c, o, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p.Steps, got); diff != "" {
			t.Errorf("%s (-apply +prove):\n%s", test.name, diff)
		}
	}
}
