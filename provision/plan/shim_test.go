package plan

import (
	"strings"
	"testing"
	"time"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/runtimes"
	"runsc-provisioner/test/seen"
)

// withOptions is a runtime whose runsc.toml may say anything, such as network = "none".
const withOptions = `{"runtimes":{"runsc":{"runtimeType":"io.containerd.runsc.v1","options":{"TypeUrl":"io.containerd.runsc.v1.options","ConfigPath":"/etc/containerd/runsc.toml","Root":"hunter2"}}}}`

func TestFault_X07_OptionsOfAShimAreHeldUntilArgumentsAreNamed(t *testing.T) {
	h := seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: withOptions, Engine: seen.Dockerd(withOptions), Unrecorded: true}
	for _, test := range []struct {
		name   string
		change func(*config.Config)
		held   []string
	}{
		{"no arguments", nil, []string{"runtimes.runsc"}},
		{"rootfs names no arguments", seen.Rootfs(config.RootfsDocker), []string{"runtimes.runsc"}},
		{"as the default runtime", seen.AsDefault, []string{"runtimes.runsc", "default-runtime runsc"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			checkPlan(t, seen.Wants(test.change), h, Options{}, planned{Held: test.held})
			o := h.Observed(t)
			p, err := New(seen.Wants(test.change), o, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if why := p.Held[0].Why; !strings.Contains(why, "/etc/containerd/runsc.toml") || !strings.Contains(why, "io.containerd.runsc.v1.options") || strings.Contains(why, "hunter2") {
				t.Errorf("got %q, want it to show TypeUrl and ConfigPath, and no other value", why)
			}
			// The record is not final before this program has changed the runtime.
			recorded := Recorded(seen.Wants(test.change), o, p, Options{}, time.Unix(2, 0).UTC())
			if key := recorded.Files[o.File.Path].Keys[config.RuntimeItem("runsc")]; key.Managed {
				t.Errorf("got %+v recorded, want it not managed yet", key)
			}
		})
	}
	for _, named := range [][]string{{"--network=none"}, {}} {
		args := strings.Join(append(named, "--overlay2=none", "--dcache=0"), " ")
		checkPlan(t, seen.Wants(func(c *config.Config) { c.Docker.Runtimes["runsc"] = config.Runtime{Args: named} }), h, Options{}, planned{
			Steps: argumentSteps("runsc runs "+seen.RunscPath(seen.Newer)+" instead of runtimeType io.containerd.runsc.v1 with options (TypeUrl io.containerd.runsc.v1.options, ConfigPath /etc/containerd/runsc.toml, Root), and "+
				strings.TrimPrefix(keepsWrites, "runsc "), args),
			File:     seen.WithArgs(seen.RunscPath(seen.Newer), `"`+strings.ReplaceAll(args, " ", `","`)+`"`),
			Warnings: []string{runtimes.DescribeAssumed("runsc", runtimes.Adopted)},
		})
	}
}

// The arguments were taken out of the configuration again, and another program removed the runtime: those of its
// shim are still not known.
func TestFault_X07_OptionsOfTheRecordAreHeldToo(t *testing.T) {
	h := seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: `{"runtimes":{}}`, Engine: seen.Dockerd(`{"runtimes":{}}`), Before: withOptions}
	checkPlan(t, seen.Wants(nil), h, Options{}, planned{Held: []string{"runtimes.runsc"}})
	text := seen.WithArgs(seen.RunscPath(seen.Newer), `"--network=none","--overlay2=none","--dcache=0"`)
	h.File, h.Engine = text, seen.Dockerd(text)
	checkPlan(t, seen.Wants(nil), h, Options{}, planned{})
}

// Without options, nothing is held: gVisor's shim then starts runsc with its defaults.
func TestFault_X07_AShimWithoutOptionsIsReplaced(t *testing.T) {
	const text = `{"runtimes":{"runsc":{"runtimeType":"io.containerd.runsc.v1"}}}`
	h := seen.Host{Releases: []string{seen.Newer}, Link: seen.Newer, File: text, Before: text, Engine: seen.Dockerd(text)}
	checkPlan(t, seen.Wants(nil), h, Options{}, planned{
		Steps: argumentSteps("runsc runs "+seen.RunscPath(seen.Newer)+" instead of runtimeType io.containerd.runsc.v1, and "+strings.TrimPrefix(keepsWrites, "runsc "), "--overlay2=none --dcache=0"),
		File:  seen.Registered(seen.Newer), Warnings: []string{notKnown("runtimeType io.containerd.runsc.v1")},
	})
}
