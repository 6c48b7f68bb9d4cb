package plan

import (
	"strings"
	"testing"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/test/seen"
	"runsc-provisioner/verify"
)

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
