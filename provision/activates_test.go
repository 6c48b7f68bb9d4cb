package provision

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/state"
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
		{name: "as it started", started: `{"data-root":"/srv","mtu":1450}`, file: `{ "mtu": 1450, "data-root": "/srv"}`},
		{name: "spelled otherwise", started: `{"log-opts":{"a":"1","b":"2"}}`, file: `{"log-opts":{"b":"2", "a":"1"}}`},
		{name: "a value changed", started: `{"mtu":1450,"dns":["1.1.1.1"]}`, file: `{"mtu":1400,"dns":["1.1.1.1"]}`, want: []string{"mtu"}},
		{name: "an option removed", started: `{"storage-driver":"btrfs","exec-root":"/x"}`, file: `{}`, want: []string{"exec-root", "storage-driver"}},
		{name: "an option added", started: `{}`, file: `{"exec-opts":["native.cgroupdriver=cgroupfs"]}`, want: []string{"exec-opts"}},
		{name: "only hot ones changed", started: `{}`, file: hot},
		{name: "ours", started: `{}`, file: `{"userns-remap":"default","runtimes":{},"default-runtime":"runsc"}`},
		{name: "not known: what is there counts", file: `{"mtu":1450,"hosts":["fd://"],"no-such-option":1,"debug":true}`, want: []string{"hosts", "mtu", "no-such-option"}},
		{name: "not known: what dockerd tells", file: `{"data-root":"/srv/docker","storage-driver":"overlay2","log-driver":"local","features":{"buildkit":true}}`,
			info: func(i *engine.Info) { i.LoggingDriver = "local"; i.RootDir = "/srv/docker" }, next: "/srv/docker"},
		{name: "not known: what dockerd tells is another", file: `{"data-root":"/srv/docker","storage-driver":"zfs","log-driver":"local","features":{"containerd-snapshotter":true}}`,
			next: "/srv/docker", want: []string{"data-root", "features", "log-driver", "storage-driver"}},
		{name: "not known: the data root removed", file: `{}`, info: func(i *engine.Info) { i.RootDir = "/srv/docker" }, next: "/var/lib/docker", want: []string{"data-root"}},
		{name: "remapped", started: `{}`, file: `{}`, info: func(i *engine.Info) { i.RootDir, i.UsernsRemap = "/var/lib/docker/100000.100000", true }, next: "/var/lib/docker"},
		{name: "the same root in other words", started: `{"data-root":"/link"}`, file: `{"data-root":"/var/lib/docker/"}`, next: "/var/lib/docker"},
		{name: "a feature that is hot", started: `{}`, file: `{"features":{"buildkit":false}}`},
		{name: "the snapshotter turned off", started: `{"features":{"containerd-snapshotter":true}}`, file: `{"features":{"containerd-snapshotter":false}}`,
			info: func(i *engine.Info) { i.Snapshotter = true }, want: []string{"features"}},
		{name: "29 without the feature that turned it off", started: `{"features":{"containerd-snapshotter":false}}`, file: `{"features":{}}`,
			info: func(i *engine.Info) { i.Version = "29.1.0" }, want: []string{"features"}},
		{name: "an empty file", started: " ", file: "\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := Observed{File: fileOf(t, test.file), NextRoot: test.next}
			o.Engine = &engine.Info{Version: "26.1.5", RootDir: "/var/lib/docker", StorageDriver: "overlay2", LoggingDriver: "json-file"}
			if test.info != nil {
				test.info(o.Engine)
			}
			if test.started != "" {
				o.Loaded.Started = digests("", fileOf(t, test.started).Doc)
			}
			if got := restartActivates(o); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestFault_X02_TheRestartIsHeld(t *testing.T) {
	h := host{releases: []string{newer}, link: newer, file: registered(newer, `"mtu":1400,"default-runtime":"runsc"`), engine: dockerd(registered(newer, `"mtu":1450,"default-runtime":"runsc"`)), proven: []string{"runsc"}}
	plan, err := NewPlan(wants(remapped), h.observed(t), Options{AllowRestart: true, AllowHiddenData: true})
	if err != nil || !plan.Empty() || len(plan.Held) != 1 || !strings.Contains(plan.Held[0].Why, ": mtu;") || strings.Contains(plan.Held[0].Why, "1400") {
		t.Errorf("got %+v, %v, want the restart held for mtu, and no value shown", plan, err)
	}
	h.file = *h.engine
	if plan, err := NewPlan(wants(remapped), h.observed(t), Options{}); err != nil || len(plan.Held) != 0 || plan.Disruption() != config.DisruptionRestart {
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
		{name: "what dockerd tells", started: `{}`, file: `{"debug":true,"labels":["a=1"],"live-restore":true}`, want: []string{"debug", "labels", "live-restore"}},
		{name: "what is remembered", started: `{"registry-mirrors":["a"],"shutdown-timeout":5}`, file: `{"registry-mirrors":["b"],"shutdown-timeout":5}`, want: []string{"registry-mirrors"}},
		{name: "what a reload of ours has loaded", started: `{}`, reloaded: `{"registry-mirrors":["b"]}`, file: `{"registry-mirrors":["b"]}`},
		{name: "left out: stays", started: `{"registry-mirrors":["a"]}`, file: `{}`},
		{name: "left out: goes back to dockerd's own", started: `{"max-concurrent-downloads":9}`, file: `{}`, want: []string{"max-concurrent-downloads"}},
		{name: "another runtime and default", started: `{}`, file: `{"runtimes":{"kata":{"path":"/kata"}},"default-runtime":"kata"}`, want: []string{"default-runtime", "runtimes.kata"}},
		{name: "a runtime that it forgets", started: `{"runtimes":{"kata":{"path":"/kata"}}}`, file: `{"runtimes":{}}`, want: []string{"runtimes.kata"}},
		{name: "the default that we choose", started: `{}`, file: `{"runtimes":{"runsc":{"path":"/runsc"}},"default-runtime":"runsc"}`, asDefault: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := config.Default()
			if test.asDefault {
				asDefault(&c)
			}
			h := host{file: test.file, engine: dockerd(test.started)}
			o := h.observed(t)
			if test.reloaded != "" {
				o.Loaded.Reloaded = digests("", fileOf(t, test.reloaded).Doc)
			}
			if got := reloadActivates(c, o, o.File.Doc); !slices.Equal(got, test.want) {
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
		host host
		opts Options
		held bool
	}{
		{name: "no runtimes in the file", host: host{file: `{}`, engine: dockerd(`{}`)}, held: true},
		{name: "by the daemon", host: host{file: `{}`, engine: dockerd(`{}`)}, opts: Options{Unattended: &Unattended{Most: config.DisruptionRestart}}, held: true},
		{name: "defined in the file", host: host{file: `{"runtimes":{` + defined + `}}`, engine: dockerd(`{"runtimes":{` + defined + `}}`)}},
		{name: "defined in the file, which was not loaded", host: host{file: `{"runtimes":{` + defined + `}}`, engine: dockerd(`{}`)}},
		{name: "defined with another path", host: host{file: `{"runtimes":{"nvidia":{"path":"/other"}}}`, engine: dockerd(`{}`)}, held: true},
		{name: "forgotten already", host: host{file: `{"runtimes":{"x":{"path":"/x"}}}`, engine: dockerd(`{"runtimes":{"x":{"path":"/x"}}}`)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.host.releases, test.host.link, test.host.flags = []string{newer}, newer, []string{nvidia}
			o := test.host.observed(t)
			plan, err := NewPlan(config.Default(), o, test.opts)
			if err != nil {
				t.Fatal(err)
			}
			if held := len(plan.Held) == 1 && strings.Contains(plan.Held[0].Why, `{"nvidia":{"path":"/bin/nvidia"}}`); held != test.held || test.held != plan.Empty() {
				t.Errorf("got %+v, want held %t", plan, test.held)
			}
			for _, step := range plan.Steps {
				if confirm, ok := step.(Confirm); ok && strings.Contains(test.host.file, "/bin/nvidia") {
					forgetful := *reloaded(*o.Engine, fileOf(t, registered(newer)).Doc)
					if confirm.Missing(forgetful) == nil {
						t.Error("got it confirmed, want it missed that nvidia is forgotten")
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
		h := host{releases: []string{newer}, link: newer, file: test.file, engine: dockerd(test.file), flags: []string{"--authorization-plugin=authz"}}
		plan, err := NewPlan(config.Default(), h.observed(t), Options{})
		if err != nil || (len(plan.Held) == 1) != test.held || plan.Empty() != test.held {
			t.Errorf("%s: got %+v, %v, want held %t", test.file, plan, err, test.held)
		}
	}
	// Nothing to reload: nothing to hold.
	h := host{releases: []string{newer}, link: newer, file: registered(newer), engine: dockerd(registered(newer)), flags: []string{"--authorization-plugin=authz"}}
	checkPlan(t, config.Default(), h, Options{}, planned{})
}

func TestFault_X04_ARestartReadsTheFlagsAgain(t *testing.T) {
	h := host{releases: []string{newer}, link: newer, file: registered(newer, `"default-runtime":"runsc"`), engine: dockerd(registered(newer, `"default-runtime":"runsc"`)),
		proven: []string{"runsc"}, flags: []string{"--add-runtime=nvidia=/bin/nvidia"}}
	o := h.observed(t)
	o.Engine.Runtimes["nvidia"] = engine.Runtime{Path: "/bin/nvidia"}
	for _, test := range []struct {
		proven bool
		most   config.Disruption
	}{{true, config.DisruptionRestart}, {false, config.DisruptionNone}} {
		if !test.proven {
			o.Proofs = map[string]bool{}
		}
		plan, err := NewPlan(wants(remapped), o, Options{})
		if err != nil || plan.Disruption() != test.most || (len(plan.Held) == 0) != test.proven {
			t.Errorf("proven %t: got %+v, %v, want disruption %s", test.proven, plan, err, test.most)
		}
		for _, step := range plan.Steps {
			if _, is := step.(Reload); is {
				t.Errorf("got %v, want no reload", plan.Steps)
			}
		}
	}
}

func TestFault_X04_TheWayBackNamesWhatWasForgotten(t *testing.T) {
	for _, test := range []struct{ name, old, flags, want string }{
		{"no runtimes before", `{"debug":true}`, "", `{"debug":true,"default-runtime":"runc","runtimes":{"nvidia":{"path":"/bin/nvidia","runtimeArgs":["-v"]}}}`},
		{"a default that is a flag", `{"debug":true}`, "--default-runtime=nvidia", `{"debug":true,"runtimes":{"nvidia":{"path":"/bin/nvidia","runtimeArgs":["-v"]}}}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			flags, err := engine.ParseFlags(append([]string{"dockerd"}, strings.Fields(test.flags)...))
			if err != nil {
				t.Fatal(err)
			}
			j := state.Journal{Runtimes: []string{"runsc"}, Engine: &state.JournalEngine{
				Default: "runc", Others: map[string]daemonjson.Runtime{"nvidia": {Path: "/bin/nvidia", Args: []string{"-v"}}},
			}}
			doc, err := explicit([]byte(test.old), ranWith(j), flags)
			if got := strings.Join(strings.Fields(string(doc.Bytes())), ""); err != nil || got != test.want {
				t.Errorf("got %s, %v, want %s", got, err, test.want)
			}
		})
	}
}

func TestFault_X05_TheWayBackHasTheOldArguments(t *testing.T) {
	j := state.Journal{Runtimes: []string{"runsc", "new"}, Engine: &state.JournalEngine{
		Default: "runsc", Runtimes: map[string]daemonjson.Runtime{"runsc": {Path: "/good", Args: []string{"--right"}}},
	}}
	old := []byte(`{"runtimes":{"runsc":{"path":"/good","runtimeArgs":["--wrong"]},"new":{"path":"/new"}},"default-runtime":"runsc"}`)
	doc, err := explicit(old, ranWith(j), engine.Flags{})
	want := `{"runtimes":{"runsc":{"path":"/good","runtimeArgs":["--right"]}},"default-runtime":"runsc"}`
	if got := strings.Join(strings.Fields(string(doc.Bytes())), ""); err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

func TestFault_X05_ArgumentsAreProven(t *testing.T) {
	const typo = `"runtimeArgs":["--overlay2=none","--dcache=0","--typo"]`
	with := func(args string) string {
		return `{"runtimes":{"runsc":{"path":"` + runscOf(newer) + `",` + args + `}}}`
	}
	proves := []string{"prove " + newer + " as runsc --overlay2=none --dcache=0 --typo", "reload docker.service", "confirm runsc=" + runscOf(newer) + " --overlay2=none --dcache=0 --typo", "prove " + newer + " through Docker as runsc --overlay2=none --dcache=0 --typo"}
	h := host{releases: []string{newer}, link: newer, file: with(typo), engine: dockerd(registered(newer))}
	checkPlan(t, config.Default(), h, Options{}, planned{Steps: proves})
	checkPlan(t, config.Default(), h, Options{Unattended: &Unattended{Most: config.DisruptionReload}}, planned{Steps: proves})

	// Not known to dockerd at all.
	h.engine = dockerd(`{}`)
	checkPlan(t, config.Default(), h, Options{}, planned{Steps: proves})

	// Loaded by another program.
	h.engine, h.untried = dockerd(h.file), true
	checkPlan(t, config.Default(), h, Options{}, planned{Steps: []string{proves[0], proves[3]}})
	checkPlan(t, config.Default(), h, Options{NoProof: true}, planned{})

	// Once tried and failed, the daemon does not load it again.
	h.engine, h.untried = dockerd(registered(newer)), false
	o := h.observed(t)
	o.Failed = map[string]bool{state.ProofKey(intact(newer).ManifestDigest, []string{"--overlay2=none", "--dcache=0", "--typo"}, o.Engine.Version, o.Since, false, verify.WritesKept): true}
	if plan, err := NewPlan(config.Default(), o, Options{Unattended: &Unattended{Most: config.DisruptionReload}}); err != nil || !plan.Empty() || len(plan.Held) != 1 {
		t.Errorf("got %+v, %v, want it held", plan, err)
	}
	if plan, err := NewPlan(config.Default(), o, Options{}); err != nil || len(plan.Steps) != 4 {
		t.Errorf("got %+v, %v, want it tried again by a person", plan, err)
	}
}

func TestFault_X05_CheckupOfARuntime(t *testing.T) {
	with := func(args string) string {
		return `{"runtimes":{"runsc":{"path":"` + runscOf(newer) + `","runtimeArgs":["` + args + `"]}}}`
	}
	for _, test := range []struct {
		name   string
		host   host
		failed bool
		since  string
		want   Health
	}{
		{name: "proven, and the store was mounted in another way since", host: host{file: registered(newer), engine: dockerd(registered(newer))}, since: "boot 8", want: Warning},
		{name: "proven before a reboot", host: host{file: registered(newer), engine: dockerd(registered(newer))}, since: "another"},
		{name: "proven", host: host{file: registered(newer), engine: dockerd(registered(newer))}},
		{name: "never proven", host: host{file: registered(newer), engine: dockerd(registered(newer)), untried: true}, want: Warning},
		{name: "failed", host: host{file: registered(newer), engine: dockerd(registered(newer))}, failed: true, want: Critical},
		{name: "another in the file", host: host{file: with("--a"), engine: dockerd(with("--b"))}, want: Warning},
		{name: "no release", host: host{file: registered(newer), engine: dockerd(`{"runtimes":{"runsc":{"path":"/bin/runsc"}}}`)}, want: Critical},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.host.releases = []string{newer}
			o := test.host.observed(t)
			if test.failed {
				o.Failed = map[string]bool{state.ProofKey(intact(newer).ManifestDigest, []string{verify.KeepWrites, verify.ForgetFiles}, o.Engine.Version, o.Since, false, verify.WritesKept): true}
			}
			if test.since != "" {
				o.Since = test.since
			}
			items := runtimeItems(config.Default(), o)
			if len(items) != 1 || items[0].Name != "runtime runsc" || items[0].Health != test.want {
				t.Errorf("got %+v, want runtime runsc %s", items, test.want)
			}
		})
	}
}

func TestWhatDockerdStartedFrom(t *testing.T) {
	h := &Provisioner{Host: Host{Paths: Paths{State: t.TempDir()}}}
	start := time.Now()
	boot := sinceBoot()
	unit := Unit{InvocationID: "a", Started: start, StartedAfterBoot: boot}
	file := fileOf(t, `{"mtu":1}`)
	file.Exists = true
	for _, test := range []struct {
		name    string
		changed time.Duration // since the start
		unit    func(*Unit)
		known   bool
	}{
		{"changed before the start", -time.Second, nil, true},
		{"changed after it", time.Second, nil, false},
		{"at the same tick", -time.Millisecond, nil, false},
		{"a start that is not known", -time.Hour, func(u *Unit) { u.Started = time.Time{} }, false},
		{"the clock was set back since the start", -time.Minute, func(u *Unit) { u.Started = start.Add(time.Hour) }, true},
		{"set back, and changed after the start", time.Minute, func(u *Unit) { u.Started = start.Add(time.Hour) }, false},
		{"set forward since, and changed after the start", -time.Minute, func(u *Unit) { u.Started = start.Add(-time.Hour) }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			u, f := unit, file
			if test.unit != nil {
				test.unit(&u)
			}
			f.Changed = start.Add(test.changed)
			if l := h.observeLoaded(u, f); (l.Started != nil) != test.known {
				t.Errorf("got %+v, want known %t", l, test.known)
			}
		})
	}

	// Remembered, for this start alone, and in no one's words.
	file.Changed = start.Add(-time.Second)
	h.rememberLoaded(h.observeLoaded(unit, file))
	file.Changed = start.Add(time.Hour)
	if l := h.observeLoaded(unit, file); l.Started["mtu"] == "" {
		t.Errorf("got %+v, want it remembered", l)
	}
	h.rememberReload("a", []byte(`{"debug":true}`))
	if l := h.observeLoaded(unit, file); l.Started["mtu"] == "" || l.Hot()["debug"] == "" || l.Hot()["mtu"] == "" {
		t.Errorf("got %+v, want both remembered", l)
	}
	other := unit
	other.InvocationID = "b"
	if l := h.observeLoaded(other, file); l.Started != nil || l.Reloaded != nil {
		t.Errorf("got %+v, want nothing known of another start", l)
	}
	if digests("a", file.Doc)["mtu"] == digests("b", file.Doc)["mtu"] {
		t.Error("got the same digest for two starts")
	}
	info, err := os.Stat(h.State().LoadedPath())
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("got %v, %v, want a file for its owner alone", info.Mode(), err)
	}
	for _, text := range []string{"", "{", `{"schema_version":2,"invocation":"a"}`, `[]`} {
		if err := os.WriteFile(h.State().LoadedPath(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if l := h.observeLoaded(unit, file); l.Started != nil {
			t.Errorf("%q: got %+v, want nothing known", text, l)
		}
	}
}

func TestNextRootFollowsASymlink(t *testing.T) {
	dir := t.TempDir()
	if root := nextRoot(fileOf(t, `{"data-root":"`+dir+`/to/"}`).Doc, engine.Flags{DataRoot: "/flag"}); root != dir+"/to" {
		t.Errorf("got %s", root)
	}
	if err := os.Symlink(dir, filepath.Join(dir, "to")); err != nil {
		t.Fatal(err)
	}
	if root := nextRoot(fileOf(t, `{"data-root":"`+dir+`/to/"}`).Doc, engine.Flags{}); root != dir {
		t.Errorf("got %s, want where the symlink leads", root)
	}
	if root := nextRoot(daemonjson.Document{}, engine.Flags{DataRoot: "/no/such"}); root != "/no/such" {
		t.Errorf("got %s, want that of the flag", root)
	}
}
