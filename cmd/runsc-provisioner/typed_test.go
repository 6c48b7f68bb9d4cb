package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/test/need"
)

func TestJoinValues(t *testing.T) {
	for typed, want := range map[string]string{
		"apply --default-runtime runsc":           "apply --default-runtime=runsc",
		"apply --default-runtime":                 "apply --default-runtime",
		"apply --default-runtime --userns-remap":  "apply --default-runtime --userns-remap",
		"plan -v --userns-remap on --once":        "plan -v --userns-remap=on --once",
		"apply --default-runtime=kvm runsc":       "apply --default-runtime=kvm runsc",
		"apply --release --default-runtime runsc": "apply --release --default-runtime runsc", // the value of --release
		"apply --once runsc":                      "apply --once runsc",
		"apply -- --default-runtime runsc":        "apply -- --default-runtime runsc",
		"--config-dir /x apply --userns-remap u":  "--config-dir /x apply --userns-remap=u",
		"verify --default-runtime x":              "verify --default-runtime x",
		"aply --default-runtime runsc":            "aply --default-runtime runsc",
	} {
		got := joinValues(newRoot(&app{}), strings.Fields(typed))
		if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", typed, diff)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "abc", 0}, {"runtme", "runtime", 1}, {"kitten", "sitting", 3}} {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("%s to %s: got %d, want %d", test.a, test.b, got, test.want)
		}
	}
}

// A value after a blank counts like one after "=", and is saved like it.
func TestApplyWithTheValueAfterABlank(t *testing.T) {
	t.Parallel()
	need.Root(t)
	h := freshHost(t, "{}")
	h.want(exitDone, "apply", "--default-runtime", "runsc")
	if saved := h.read("etc/runsc-provisioner/config.d/50-apply.toml"); !strings.Contains(saved, "default_runtime = 'runsc'") {
		t.Errorf("got saved %s", saved)
	}
	if text := h.read("etc/docker/daemon.json"); !strings.Contains(text, `"default-runtime": "runsc"`) {
		t.Errorf("got daemon.json %s", text)
	}
	h.want(exitDone, "apply", "--default-runtime", "runc")
	if saved := h.read("etc/runsc-provisioner/config.d/50-apply.toml"); !strings.Contains(saved, "default_runtime = 'runc'") {
		t.Errorf("got saved %s", saved)
	}
}

// Words for on and off are no users: no command advises to create one of that name.
func TestUsernsRemapOnAndOff(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"on", "yes", "true", "enabled", "default"} {
		h := freshHost(t, "{}")
		for _, args := range [][]string{{"plan", "--userns-remap=" + word}, {"plan", "--userns-remap", word}} {
			got := h.run(args...)
			if strings.Contains(got.stdout+got.stderr, "useradd") || strings.Contains(got.stdout+got.stderr, "user "+word) {
				t.Errorf("%q: got %v, want no user of that name", args, got)
			}
		}
		h.write("etc/runsc-provisioner/config.toml", "[docker]\nuserns_remap = \""+word+"\"\n")
		want := exitRefused
		if word == "default" {
			want = exitDone
		}
		h.want(want, "config", "check")
	}
	h := freshHost(t, "{}")
	for _, word := range []string{"no", "false", "none", "disabled", "off"} {
		h.want(exitDone, "plan", "--userns-remap", word)
	}
}

func TestCompletionOfValues(t *testing.T) {
	h := freshHost(t, "{}")
	h.write("etc/runsc-provisioner/config.toml", "[docker.runtimes.kvm]\nargs = [\"--platform=kvm\"]\n")
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"apply", "--default-runtime="}, "kvm runsc runc off"},
		{[]string{"apply", "--default-runtime", ""}, "kvm runsc runc off"},
		{[]string{"plan", "--userns-remap", ""}, "default off"},
		{[]string{"apply", "--channel", ""}, "release nightly master"},
		{[]string{"apply", "--release", ""}, "latest"},
		{[]string{"apply", "--rootfs="}, "docker sandbox"},
		{[]string{"apply", "--format="}, "text json"},
		{[]string{"verify", "--format", ""}, "table json plugin prometheus"},
		{[]string{"verify", "--fail-on", ""}, "weakening ways-around"},
		{[]string{"config", "show", "--format", ""}, "text json"},
		{[]string{"prove", ""}, "kvm runsc"},
		{[]string{"config", ""}, "check show"},
		{[]string{"apply", ""}, ""},
	} {
		var got []string
		for line := range strings.Lines(h.want(exitDone, append([]string{"__complete"}, test.args...)...).stdout) {
			word, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
			if !strings.HasPrefix(word, ":") {
				got = append(got, word)
			}
		}
		if diff := cmp.Diff(test.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.args, diff)
		}
	}
}
