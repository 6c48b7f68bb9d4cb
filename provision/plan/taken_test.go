package plan

import (
	"strings"
	"testing"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/test/seen"
)

func digestsOf(t *testing.T, text string) map[string]string {
	t.Helper()
	return host.OptionDigests("", seen.DaemonJSON(t, text).Doc)
}

func TestFault_X03_AuthorizationPluginsThatAreNotLoaded(t *testing.T) {
	const opa = `{"authorization-plugins":["opa"]}`
	for _, test := range []struct {
		name     string
		file     string
		started  string // "": unknown
		reloaded string // by this program; "": never
		shown    []string
		gone     []string
		held     bool
	}{
		{name: "none", file: `{}`, started: `{}`},
		{name: "none, and the start is unknown", file: `{}`},
		{name: "an empty list, written since the start", file: `{"authorization-plugins":[]}`, started: `{}`},
		{name: "an empty list removed", file: `{}`, started: `{"authorization-plugins":[]}`},
		{name: "written since the start", file: opa, started: `{}`, held: true},
		{name: "written, and the start is unknown", file: opa, held: true},
		{name: "not a list", file: `{"authorization-plugins":"opa"}`, held: true},
		{name: "loaded at the start", file: opa, started: opa, shown: []string{"opa"}},
		{name: "loaded at the start, by what dockerd shows", file: opa, shown: []string{"opa"}},
		{name: "another plugin", file: opa, started: `{"authorization-plugins":["x"]}`, shown: []string{"x"}, held: true},
		{name: "another order", file: `{"authorization-plugins":["a","b"]}`, shown: []string{"b", "a"}, held: true},
		{name: "removed: a reload would turn it off", file: `{}`, started: opa, shown: []string{"opa"}, held: true},
		{name: "removed, by what dockerd shows", file: `{}`, shown: []string{"opa"}, held: true},
		{name: "loaded at the start, and disabled since", file: opa, started: opa, shown: []string{"opa"}, gone: []string{"opa"}, held: true},
		{name: "loaded by our reload", file: opa, started: `{}`, reloaded: opa},
		{name: "removed by our reload, written again", file: opa, started: opa, reloaded: `{}`, shown: []string{"opa"}, held: true},
		{name: "removed by our reload", file: `{}`, started: opa, reloaded: `{}`, shown: []string{"opa"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, remap := range []bool{false, true} {
				h := seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: test.file, Engine: seen.Dockerd(`{}`)}
				c := config.Default()
				if remap {
					h.File = seen.Registered(seen.Newer, strings.Trim(test.file, "{}"), `"default-runtime":"runsc"`)
					h.File = strings.ReplaceAll(h.File, ",,", ",")
					h.Engine, h.Proven, c = seen.Dockerd(seen.Registered(seen.Newer, `"default-runtime":"runsc"`)), []string{"runsc"}, seen.Wants(seen.Remapped)
				}
				o := h.Observed(t)
				o.Loaded.Started, o.Engine.Authorization, o.AuthorizationGone = nil, test.shown, test.gone
				if test.started != "" {
					o.Loaded.Started = digestsOf(t, test.started)
				}
				if test.reloaded != "" {
					o.Loaded.Reloaded = digestsOf(t, test.reloaded)
				}
				plan, err := New(c, o, Options{})
				if err != nil {
					t.Fatal(err)
				}
				held := len(plan.Held) == 1 && strings.Contains(plan.Held[0].Why, host.OptionAuthorization)
				if held != test.held || held != plan.Empty() {
					t.Errorf("remap %t: got %+v, want held %t", remap, plan, test.held)
				}
			}
		})
	}
}

// remapHost is a host where only userns-remap is missing, and whose daemon.json got option since dockerd started.
func remapHost(option string) seen.Host {
	const asDefault = `"default-runtime":"runsc"`
	h := seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: seen.Registered(seen.Newer, asDefault), Proven: []string{"runsc"}}
	h.Engine = seen.Dockerd(h.File)
	if option != "" {
		h.File = seen.Registered(seen.Newer, asDefault, option)
	}
	return h
}

func TestFault_X03_AReloadProvesOptionsBeforeARestart(t *testing.T) {
	for _, test := range []struct {
		name     string
		option   string
		reloaded bool // by this program
		first    string
	}{
		{name: "nothing was written"},
		{name: "a hot option", option: `"registry-mirrors":["m"]`, first: "registry-mirrors"},
		{name: "loaded by our reload", option: `"registry-mirrors":["m"]`, reloaded: true},
		{name: "of a wrong type", option: `"debug":"true"`, first: "debug"},
		{name: "another runtime", option: `"features":{"buildkit":true}`, first: "features"},
		{name: "ours", option: `"userns-remap":"default"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := remapHost(test.option).Observed(t)
			if test.reloaded {
				o.Loaded.Reloaded = digestsOf(t, string(o.File.Bytes))
			}
			plan, err := New(seen.Wants(seen.Remapped), o, Options{AllowRestart: true})
			if err != nil || len(plan.Held) != 0 {
				t.Fatalf("got %+v, %v, want nothing held", plan, err)
			}
			var order []string
			for _, step := range plan.Steps {
				switch s := step.(type) {
				case steps.Reload:
					order = append(order, "reload "+strings.Join(s.MustTake, ","))
				case steps.WriteDaemonJSON, steps.Restart:
					order = append(order, s.Kind().Action)
				}
			}
			want := "restart"
			if !strings.Contains(test.option, "userns-remap") {
				want = "write restart"
			}
			if test.first != "" {
				want = "reload " + test.first + " " + want
			}
			if got := strings.Join(order, " "); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestFault_X03_NoReloadBeforeARestartForgetsARuntimeOfFlags(t *testing.T) {
	h := remapHost(`"registry-mirrors":["m"]`)
	h.Flags = []string{"--add-runtime=nvidia=/bin/nvidia"}
	o := h.Observed(t)
	o.Engine.Runtimes["nvidia"] = o.Engine.Runtimes["runc"]
	plan, err := New(seen.Wants(seen.Remapped), o, Options{AllowRestart: true})
	if err != nil || !plan.Empty() || len(plan.Held) != 1 || !strings.Contains(plan.Held[0].Why, "nvidia") {
		t.Errorf("got %+v, %v, want it held", plan, err)
	}
}

func TestFault_X02_ARestartIsHeldForOptionsThatNoReloadProves(t *testing.T) {
	for _, test := range []struct {
		name, option, reason string
		swarm                bool
		running              []string
	}{
		{name: "a cluster store, which 20.10 ignores on a reload", option: `"cluster-store":"x"`, reason: "cluster-store"},
		{name: "live-restore, and a container runs", option: `"live-restore":true`, reason: "live-restore", running: []string{"web"}},
		{name: "live-restore on a node of a swarm", option: `"live-restore":true`, reason: "swarm", swarm: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := remapHost(test.option)
			h.Running = test.running
			c := seen.Wants(seen.Remapped)
			if test.swarm { // a node of a swarm may only switch it off
				h.Remapped, c.Docker.UsernsRemap = true, "off"
				h.File = strings.Replace(h.File, "{", `{"userns-remap":"default",`, 1)
			}
			o := h.Observed(t)
			o.Engine.Swarm = test.swarm
			plan, err := New(c, o, Options{AllowRestart: true, AllowHiddenData: true})
			if err != nil || plan.Disruption() == config.DisruptionRestart || len(plan.Held) != 1 || !strings.Contains(plan.Held[0].Why, test.reason) {
				t.Errorf("got %+v, %v, want the restart held for %s", plan, err, test.reason)
			}
		})
	}
}
