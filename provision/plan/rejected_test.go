package plan

import (
	"slices"
	"strings"
	"testing"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/test/seen"
)

// withVFS2 configures runsc as the default, with an argument that a newer release may reject.
func withVFS2(c *config.Config) {
	seen.AsDefault(c)
	c.Docker.Runtimes["runsc"] = config.Runtime{Args: []string{"--debug", "--vfs2"}}
}

func TestNew_ReleaseThatRejectsArguments(t *testing.T) {
	registered := seen.WithArgs(seen.RunscPath(seen.Older), `"--debug","--vfs2","--overlay2=none","--dcache=0"`)
	older := strings.TrimSuffix(registered, "}") + `,"default-runtime":"runsc"}`
	held := []string{"release " + seen.Newer}
	upgraded := seen.Host{
		Releases: []string{seen.Newer, seen.Older}, Link: seen.Older, File: older, Engine: seen.Dockerd(older), Rejects: []string{"--vfs2"},
	}
	change := func(change func(*seen.Host)) seen.Host {
		h := upgraded
		change(&h)
		return h
	}
	args := func(args ...string) func(*config.Config) {
		return func(c *config.Config) {
			seen.AsDefault(c)
			c.Docker.Runtimes["runsc"] = config.Runtime{Args: args}
		}
	}
	upgrade := func(args string) planned {
		confirm := "confirm runsc=" + seen.RunscPath(seen.Newer) + " " + args
		return planned{
			Steps: []string{
				"prove " + seen.Newer + " as runsc " + args, "link " + seen.Newer, "write runsc runs " + seen.RunscPath(seen.Newer) + " instead of " + seen.RunscPath(seen.Older),
				"reload docker.service", confirm + ", default=runsc", "prove " + seen.Newer + " through Docker as runsc " + args,
			},
			File: strings.NewReplacer(seen.Older, seen.Newer, `"--debug","--vfs2","--overlay2=none","--dcache=0"`, `"`+strings.ReplaceAll(args, " ", `","`)+`"`).Replace(older),
		}
	}
	for _, test := range []struct {
		name   string
		config func(*config.Config)
		host   seen.Host
		opts   Options
		want   planned
	}{
		{name: "held: nothing else to do, and the release stays", config: withVFS2, host: upgraded, want: planned{Held: held}},
		{name: "held: the daemon too", config: withVFS2, host: upgraded, opts: unattended(config.DisruptionReload), want: planned{Held: held}},
		{name: "held, even without proofs", config: withVFS2, host: upgraded, opts: Options{NoProof: true}, want: planned{Held: held}},
		{
			name: "held: a newer release may accept it", config: withVFS2, host: upgraded, opts: Options{Upgrade: true},
			want: planned{Steps: []string{"install latest (if newer than " + seen.Newer + ")"}, Held: held, Provisional: true},
		},
		{
			name: "held: the earlier release is kept as configured", config: withVFS2,
			host: change(func(h *seen.Host) { h.Link, h.Proven = seen.Newer, nil }),
			want: planned{Steps: []string{"link " + seen.Older}, Held: held},
		},
		{
			name: "held: Docker is stopped", config: withVFS2,
			host: change(func(h *seen.Host) { h.Engine = nil }), want: planned{Held: append([]string{"docker.service"}, held...)},
		},
		{
			name: "held: the arguments are those of daemon.json", config: seen.AsDefault, host: upgraded, want: planned{Held: held},
		},
		{
			name: "held: the release was asked for by name",
			config: func(c *config.Config) {
				withVFS2(c)
				c.Release.Version = seen.Newer
			},
			host: upgraded, want: planned{Held: held},
		},
		{
			name: "the argument is gone: the upgrade goes on", config: args("--debug"), host: upgraded,
			want: upgrade("--debug --overlay2=none --dcache=0"),
		},
		{
			name: "the earlier release is pinned: nothing is held",
			config: func(c *config.Config) {
				withVFS2(c)
				c.Release.Version = seen.Older
			},
			host: upgraded, want: planned{},
		},
		{
			name: "the same flag with another value is tried", config: args("--debug", "--vfs2=false"), host: upgraded,
			want: upgrade("--debug --vfs2=false --overlay2=none --dcache=0"),
		},
		{
			name: "held: the release stays in the store, also with keep = 0",
			config: func(c *config.Config) {
				withVFS2(c)
				c.Release.Keep = 0
			},
			host: change(func(h *seen.Host) { h.Releases = []string{seen.Newer, seen.Older, seen.Oldest} }),
			want: planned{Steps: []string{"remove " + seen.Oldest}, Held: held},
		},
		{
			name: "Docker uses the release already, without the argument: the proof says what is wrong", config: withVFS2,
			host: change(func(h *seen.Host) {
				h.File = strings.NewReplacer(seen.Older, seen.Newer, `"--vfs2",`, "").Replace(older)
				h.Link, h.Engine = seen.Newer, seen.Dockerd(h.File)
			}),
			want: planned{
				Steps: []string{
					"prove " + seen.Newer + " as runsc --debug --vfs2 --overlay2=none --dcache=0", "write new arguments for runsc", "reload docker.service",
					"confirm runsc=" + seen.RunscPath(seen.Newer) + " --debug --vfs2 --overlay2=none --dcache=0, default=runsc",
					"prove " + seen.Newer + " through Docker as runsc --debug --vfs2 --overlay2=none --dcache=0",
				},
				File: strings.ReplaceAll(older, seen.Older, seen.Newer),
			},
		},
		{
			name: "not registered yet: the proof says what is wrong", config: withVFS2,
			host: change(func(h *seen.Host) { h.File, h.Engine, h.Link = "{}", seen.Dockerd("{}"), "" }),
			want: planned{
				Steps: []string{
					"prove " + seen.Newer + " as runsc --debug --vfs2 --overlay2=none --dcache=0", "link " + seen.Newer, "write register runsc", "reload docker.service",
					"confirm runsc=" + seen.RunscPath(seen.Newer) + " --debug --vfs2 --overlay2=none --dcache=0",
					"prove " + seen.Newer + " through Docker as runsc --debug --vfs2 --overlay2=none --dcache=0",
					"write default runtime runsc", "reload docker.service",
					"confirm runsc=" + seen.RunscPath(seen.Newer) + " --debug --vfs2 --overlay2=none --dcache=0, default=runsc",
				},
				File: strings.ReplaceAll(older, seen.Older, seen.Newer),
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			checkPlan(t, seen.Wants(test.config), test.host, test.opts, test.want)
		})
	}
}

// Every argument is named, for each runtime, and where the user removes it.
func TestRejecting_NamesAllArguments(t *testing.T) {
	const file = `{"runtimes":{` +
		`"kvm":{"path":"/usr/local/lib/gvisor/20260907.0/runsc","runtimeArgs":["--network","round","--fuse"]},` +
		`"runsc":{"path":"/usr/local/lib/gvisor/20260907.0/runsc","runtimeArgs":["--vfs2","--debug","--fuse","--vfs2"]}}}`
	h := seen.Host{
		Releases: []string{seen.Newer, seen.Older}, Link: seen.Older, File: file, Engine: seen.Dockerd(file), Before: file,
		Rejects: []string{"--vfs2", "--fuse", "--network round"},
	}
	c := seen.Wants(func(c *config.Config) {
		c.Docker.Runtimes["runsc"] = config.Runtime{Args: []string{"--vfs2", "--debug", "--fuse", "--vfs2"}}
		c.Docker.Runtimes["kvm"] = config.Runtime{}
	})
	g := NewGoal(c, h.Observed(t))
	if g.Current.Name != seen.Older || g.Rejecting() == nil {
		t.Fatalf("got current release %s and %+v, want %s, and the newer one held", g.Current.Name, g.Rejecting(), seen.Older)
	}
	r := *g.Rejecting()
	if want := []string{"--network round", "--fuse", "--vfs2"}; r.Release != seen.Newer || !slices.Equal(r.Arguments, want) {
		t.Errorf("got %s to reject %q, want %s to reject %q", r.Release, r.Arguments, seen.Newer, want)
	}
	for _, place := range []string{"runtimeArgs of kvm in /etc/docker/daemon.json", "args in [docker.runtimes.runsc]", `version = "` + seen.Older + `"`} {
		if !strings.Contains(r.Remedy, place) {
			t.Errorf("got remedy %q, want it to name %q", r.Remedy, place)
		}
	}
	if held := r.Held(); !slices.Equal(held.Arguments, r.Arguments) || !strings.Contains(held.Why, r.Reason) {
		t.Errorf("got held %+v, want what is rejected in it", held)
	}
}

// An argument that only rootfs adds is not in any file: the user can stay at the earlier release.
func TestRejecting_OwnArgument(t *testing.T) {
	file := seen.Registered(seen.Older)
	h := seen.Host{Releases: []string{seen.Newer, seen.Older}, Link: seen.Older, File: file, Engine: seen.Dockerd(file), Rejects: []string{"--dcache=0"}}
	r := NewGoal(config.Default(), h.Observed(t)).Rejecting()
	if r == nil || !slices.Equal(r.Arguments, []string{"--dcache=0"}) || strings.Contains(r.Remedy, "remove") || !strings.Contains(r.Remedy, seen.Older) {
		t.Errorf("got %+v, want the argument, and the earlier release as the only way", r)
	}
}
