package plan

import (
	"slices"
	"strings"
	"testing"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/test/seen"
	"runsc-provisioner/verify"
)

func TestFault_X02_WhatARestartActivates(t *testing.T) {
	const hot = `{"debug":true,"labels":["a=1"],"registry-mirrors":["https://m"],"live-restore":true,"runtimes":{"x":{"path":"/x"}},"default-runtime":"x","default-shm-size":"64M","max-concurrent-downloads":3}`
	for _, test := range []struct {
		name    string
		started string // "": not known
		file    string
		info    func(*engine.Info)
		next    string
		want    []string
	}{
		{name: "unchanged since the start", started: `{"data-root":"/srv","mtu":1450}`, file: `{ "mtu": 1450, "data-root": "/srv"}`},
		{name: "another spelling", started: `{"log-opts":{"a":"1","b":"2"}}`, file: `{"log-opts":{"b":"2", "a":"1"}}`},
		{name: "a value changed", started: `{"mtu":1450,"dns":["1.1.1.1"]}`, file: `{"mtu":1400,"dns":["1.1.1.1"]}`, want: []string{"mtu"}},
		{name: "an option removed", started: `{"storage-driver":"btrfs","exec-root":"/x"}`, file: `{}`, want: []string{"exec-root", "storage-driver"}},
		{name: "an option added", started: `{}`, file: `{"exec-opts":["native.cgroupdriver=cgroupfs"]}`, want: []string{"exec-opts"}},
		{name: "only hot ones changed", started: `{}`, file: hot},
		{name: "ours", started: `{}`, file: `{"userns-remap":"default","runtimes":{},"default-runtime":"runsc"}`},
		{name: "not known: every set option counts", file: `{"mtu":1450,"hosts":["fd://"],"no-such-option":1,"debug":true}`, want: []string{"hosts", "mtu", "no-such-option"}},
		{name: "not known: dockerd reports the same values", file: `{"data-root":"/srv/docker","storage-driver":"overlay2","log-driver":"local","features":{"buildkit":true}}`,
			info: func(i *engine.Info) { i.LoggingDriver = "local"; i.RootDir = "/srv/docker" }, next: "/srv/docker"},
		{name: "not known: dockerd reports other values", file: `{"data-root":"/srv/docker","storage-driver":"zfs","log-driver":"local","features":{"containerd-snapshotter":true}}`,
			next: "/srv/docker", want: []string{"data-root", "features", "log-driver", "storage-driver"}},
		{name: "not known: the data root removed", file: `{}`, info: func(i *engine.Info) { i.RootDir = "/srv/docker" }, next: "/var/lib/docker", want: []string{"data-root"}},
		{name: "remapped", started: `{}`, file: `{}`, info: func(i *engine.Info) { i.RootDir, i.UsernsRemap = "/var/lib/docker/100000.100000", true }, next: "/var/lib/docker"},
		{name: "the same data root, spelled differently", started: `{"data-root":"/link"}`, file: `{"data-root":"/var/lib/docker/"}`, next: "/var/lib/docker"},
		{name: "a feature that is hot", started: `{}`, file: `{"features":{"buildkit":false}}`},
		{name: "the snapshotter turned off", started: `{"features":{"containerd-snapshotter":true}}`, file: `{"features":{"containerd-snapshotter":false}}`,
			info: func(i *engine.Info) { i.Snapshotter = true }, want: []string{"features"}},
		{name: "29 without the feature that turned it off", started: `{"features":{"containerd-snapshotter":false}}`, file: `{"features":{}}`,
			info: func(i *engine.Info) { i.Version = "29.1.0" }, want: []string{"features"}},
		{name: "an empty file", started: " ", file: "\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := host.Observed{File: seen.DaemonJSON(t, test.file), NextDataRoot: test.next}
			o.Engine = &engine.Info{Version: "26.1.5", RootDir: "/var/lib/docker", StorageDriver: "overlay2", LoggingDriver: "json-file"}
			if test.info != nil {
				test.info(o.Engine)
			}
			if test.started != "" {
				o.Loaded.Started = host.OptionDigests("", seen.DaemonJSON(t, test.started).Doc)
			}
			if got := activatedByRestart(o); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestFault_X02_TheRestartIsHeld(t *testing.T) {
	h := seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: seen.Registered(seen.Newer, `"mtu":1400,"default-runtime":"runsc"`), Engine: seen.Dockerd(seen.Registered(seen.Newer, `"mtu":1450,"default-runtime":"runsc"`)), Proven: []string{"runsc"}}
	plan, err := New(seen.Wants(seen.Remapped), h.Observed(t), Options{AllowRestart: true, AllowHiddenData: true})
	if err != nil || !plan.Empty() || len(plan.Held) != 1 || !strings.Contains(plan.Held[0].Why, ": mtu;") || strings.Contains(plan.Held[0].Why, "1400") {
		t.Errorf("got %+v, %v, want the restart held for mtu, without its values", plan, err)
	}
	h.File = *h.Engine
	if plan, err := New(seen.Wants(seen.Remapped), h.Observed(t), Options{}); err != nil || len(plan.Held) != 0 || plan.Disruption() != config.DisruptionRestart {
		t.Errorf("got %+v, %v, want a restart", plan, err)
	}
}

func TestFault_X03_WhatAReloadActivates(t *testing.T) {
	for _, test := range []struct {
		name          string
		started, file string
		reloaded      string
		want          []string
		asDefault     bool
	}{
		{name: "nothing", started: `{"debug":false,"mtu":1}`, file: `{"debug":false,"mtu":2}`},
		{name: "options that dockerd reports", started: `{}`, file: `{"debug":true,"labels":["a=1"],"live-restore":true}`, want: []string{"debug", "labels", "live-restore"}},
		{name: "an option that differs from the start", started: `{"registry-mirrors":["a"],"shutdown-timeout":5}`, file: `{"registry-mirrors":["b"],"shutdown-timeout":5}`, want: []string{"registry-mirrors"}},
		{name: "already loaded by our reload", started: `{}`, reloaded: `{"registry-mirrors":["b"]}`, file: `{"registry-mirrors":["b"]}`},
		{name: "removed: it stays in effect", started: `{"registry-mirrors":["a"]}`, file: `{}`},
		{name: "removed: dockerd resets it", started: `{"max-concurrent-downloads":9}`, file: `{}`, want: []string{"max-concurrent-downloads"}},
		{name: "another runtime and default", started: `{}`, file: `{"runtimes":{"kata":{"path":"/kata"}},"default-runtime":"kata"}`, want: []string{"default-runtime", "runtimes.kata"}},
		{name: "a runtime that dockerd loses", started: `{"runtimes":{"kata":{"path":"/kata"}}}`, file: `{"runtimes":{}}`, want: []string{"runtimes.kata"}},
		{name: "our own default", started: `{}`, file: `{"runtimes":{"runsc":{"path":"/runsc"}},"default-runtime":"runsc"}`, asDefault: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := config.Default()
			if test.asDefault {
				seen.AsDefault(&c)
			}
			h := seen.Host{File: test.file, Engine: seen.Dockerd(test.started)}
			o := h.Observed(t)
			if test.reloaded != "" {
				o.Loaded.Reloaded = host.OptionDigests("", seen.DaemonJSON(t, test.reloaded).Doc)
			}
			if got := activatedByReload(c, o, o.File.Doc); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestFault_X04_RuntimesOfFlagsAreKept(t *testing.T) {
	const nvidia = "--add-runtime=nvidia=/bin/nvidia"
	defined := `"nvidia":{"path":"/bin/nvidia"}`
	for _, test := range []struct {
		name string
		host seen.Host
		opts Options
		held bool
	}{
		{name: "no runtimes in the file", host: seen.Host{File: `{}`, Engine: seen.Dockerd(`{}`)}, held: true},
		{name: "by the daemon", host: seen.Host{File: `{}`, Engine: seen.Dockerd(`{}`)}, opts: Options{Unattended: &Unattended{MaxDisruption: config.DisruptionRestart}}, held: true},
		{name: "defined in the file", host: seen.Host{File: `{"runtimes":{` + defined + `}}`, Engine: seen.Dockerd(`{"runtimes":{` + defined + `}}`)}},
		{name: "defined in a file that was not loaded", host: seen.Host{File: `{"runtimes":{` + defined + `}}`, Engine: seen.Dockerd(`{}`)}},
		{name: "defined with another path", host: seen.Host{File: `{"runtimes":{"nvidia":{"path":"/other"}}}`, Engine: seen.Dockerd(`{}`)}, held: true},
		{name: "lost already", host: seen.Host{File: `{"runtimes":{"x":{"path":"/x"}}}`, Engine: seen.Dockerd(`{"runtimes":{"x":{"path":"/x"}}}`)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.host.Releases, test.host.Link, test.host.Flags = []string{seen.Newer}, seen.Newer, []string{nvidia}
			o := test.host.Observed(t)
			plan, err := New(config.Default(), o, test.opts)
			if err != nil {
				t.Fatal(err)
			}
			if held := len(plan.Held) == 1 && strings.Contains(plan.Held[0].Why, `{"nvidia":{"path":"/bin/nvidia"}}`); held != test.held || test.held != plan.Empty() {
				t.Errorf("got %+v, want held %t", plan, test.held)
			}
			for _, step := range plan.Steps {
				if confirm, ok := step.(steps.Confirm); ok && strings.Contains(test.host.File, "/bin/nvidia") {
					forgetful := *seen.Reloaded(*o.Engine, seen.DaemonJSON(t, seen.Registered(seen.Newer)).Doc)
					if confirm.Missing(forgetful) == nil {
						t.Error("got no error, want an error, because nvidia is lost")
					}
				}
			}
		})
	}
}

func TestFault_X04_AuthorizationPluginsOfFlagsAreKept(t *testing.T) {
	for _, test := range []struct {
		file string
		held bool
	}{{`{}`, true}, {`{"authorization-plugins":["authz"]}`, false}} {
		h := seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: test.file, Engine: seen.Dockerd(test.file), Flags: []string{"--authorization-plugin=authz"}}
		plan, err := New(config.Default(), h.Observed(t), Options{})
		if err != nil || (len(plan.Held) == 1) != test.held || plan.Empty() != test.held {
			t.Errorf("%s: got %+v, %v, want held %t", test.file, plan, err, test.held)
		}
	}
	// Without a reload, nothing is held.
	h := seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: seen.Registered(seen.Newer), Engine: seen.Dockerd(seen.Registered(seen.Newer)), Flags: []string{"--authorization-plugin=authz"}}
	checkPlan(t, config.Default(), h, Options{}, planned{})
}

func TestFault_X04_ARestartReadsTheFlagsAgain(t *testing.T) {
	h := seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: seen.Registered(seen.Newer, `"default-runtime":"runsc"`), Engine: seen.Dockerd(seen.Registered(seen.Newer, `"default-runtime":"runsc"`)),
		Proven: []string{"runsc"}, Flags: []string{"--add-runtime=nvidia=/bin/nvidia"}}
	o := h.Observed(t)
	o.Engine.Runtimes["nvidia"] = engine.Runtime{Path: "/bin/nvidia"}
	for _, test := range []struct {
		proven bool
		most   config.Disruption
	}{{true, config.DisruptionRestart}, {false, config.DisruptionNone}} {
		if !test.proven {
			o.Proofs = map[string]bool{}
		}
		plan, err := New(seen.Wants(seen.Remapped), o, Options{})
		if err != nil || plan.Disruption() != test.most || (len(plan.Held) == 0) != test.proven {
			t.Errorf("proven %t: got %+v, %v, want disruption %s", test.proven, plan, err, test.most)
		}
		for _, step := range plan.Steps {
			if _, is := step.(steps.Reload); is {
				t.Errorf("got %v, want no reload", plan.Steps)
			}
		}
	}
}

func TestFault_X05_ArgumentsAreProven(t *testing.T) {
	const typo = `"runtimeArgs":["--overlay2=none","--dcache=0","--typo"]`
	with := func(args string) string {
		return `{"runtimes":{"runsc":{"path":"` + seen.RunscPath(seen.Newer) + `",` + args + `}}}`
	}
	proves := []string{"prove " + seen.Newer + " as runsc --overlay2=none --dcache=0 --typo", "reload docker.service", "confirm runsc=" + seen.RunscPath(seen.Newer) + " --overlay2=none --dcache=0 --typo", "prove " + seen.Newer + " through Docker as runsc --overlay2=none --dcache=0 --typo"}
	h := seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: with(typo), Engine: seen.Dockerd(seen.Registered(seen.Newer))}
	checkPlan(t, config.Default(), h, Options{}, planned{Steps: proves})
	checkPlan(t, config.Default(), h, Options{Unattended: &Unattended{MaxDisruption: config.DisruptionReload}}, planned{Steps: proves})

	// dockerd does not have the runtime.
	h.Engine = seen.Dockerd(`{}`)
	checkPlan(t, config.Default(), h, Options{}, planned{Steps: proves})

	// Loaded by another program.
	h.Engine, h.NeverProven = seen.Dockerd(h.File), true
	checkPlan(t, config.Default(), h, Options{}, planned{Steps: []string{proves[0], proves[3]}})
	checkPlan(t, config.Default(), h, Options{NoProof: true}, planned{})

	// After a failed proof, the daemon does not load the arguments again.
	h.Engine, h.NeverProven = seen.Dockerd(seen.Registered(seen.Newer)), false
	o := h.Observed(t)
	o.FailedProofs = map[string]bool{state.ProofKey(seen.Intact(seen.Newer).ManifestDigest, []string{"--overlay2=none", "--dcache=0", "--typo"}, o.Engine.Version, o.BootAndMount, false, verify.WritesKept): true}
	if plan, err := New(config.Default(), o, Options{Unattended: &Unattended{MaxDisruption: config.DisruptionReload}}); err != nil || !plan.Empty() || len(plan.Held) != 1 {
		t.Errorf("got %+v, %v, want it held", plan, err)
	}
	if plan, err := New(config.Default(), o, Options{}); err != nil || len(plan.Steps) != 4 {
		t.Errorf("got %+v, %v, want a person to be able to try again", plan, err)
	}
}
