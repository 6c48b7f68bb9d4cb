package buildkit

import (
	"testing"
)

const program = "/s/builds/runc"

func TestDropIn(t *testing.T) {
	const heading = "# BuildKit runs the steps of docker build in gVisor sandboxes, with this program.\n# runsc-provisioner wrote this, and writes it again if it changes.\n[Service]\nEnvironment="
	for _, test := range []struct {
		way     Way
		program string
		want    string
	}{
		{ByVariable, program, `"DOCKER_BUILDKIT_RUNC_COMMAND=/s/builds/runc"`},
		{BySearch, program, `"PATH=/s/builds:/usr/bin:/bin"`},
		{ByVariable, `/a "b" 10%\c/builds/runc`, `"DOCKER_BUILDKIT_RUNC_COMMAND=/a \"b\" 10%%\\c/builds/runc"`},
	} {
		if got := string(DropIn(test.way, test.program, "/usr/bin:/bin")); got != heading+test.want+"\n" {
			t.Errorf("%s: got %s, want the setting %s", test.way, got, test.want)
		}
	}
}

func TestDropInNames(t *testing.T) {
	const other = "/s/other/runc"
	for _, way := range []Way{ByVariable, BySearch} {
		text := DropIn(way, program, "/usr/bin:/bin")
		if !DropInNames(text, program) || DropInNames(text, other) || DropInNames(DropIn(way, "/s2/builds/runc", "/bin"), program) {
			t.Errorf("%s: got another answer than for its program alone", way)
		}
	}
	if DropInNames(nil, program) || DropInNames([]byte("[Service]\nEnvironment=\"DOCKER_BUILDKIT_RUNC_COMMAND=/s/builds/runc\"\n"), program) {
		t.Error("got the text of another program")
	}
}

func TestEnvironment(t *testing.T) {
	for _, test := range []struct {
		name             string
		variables        []string
		variable, search bool
		without          string
	}{
		{name: "nothing", without: DefaultSearch},
		{name: "another PATH", variables: []string{"PATH=/bin:/s/builds"}, without: "/bin"},
		{name: "our PATH", variables: []string{"PATH=/s/builds:/usr/bin:/bin", "HOME=/"}, search: true, without: "/usr/bin:/bin"},
		{name: "our PATH alone", variables: []string{"PATH=/s/builds:"}, search: true, without: DefaultSearch},
		{name: "our variable", variables: []string{"DOCKER_BUILDKIT_RUNC_COMMAND=/s/builds/runc", "PATH=/bin"}, variable: true, without: "/bin"},
		{name: "another program", variables: []string{"DOCKER_BUILDKIT_RUNC_COMMAND=/s/builds/runc", "DOCKER_BUILDKIT_RUNC_COMMAND=/x"}, without: DefaultSearch},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := EnvironmentOf(test.variables)
			if e.Uses(ByVariable, program) != test.variable || e.Uses(BySearch, program) != test.search ||
				e.Mentions(program) != (test.variable || test.search) || e.SearchWithout(program) != test.without {
				t.Errorf("got %+v, by variable %t, by search %t, without %q, want %+v", e, e.Uses(ByVariable, program), e.Uses(BySearch, program), e.SearchWithout(program), test)
			}
		})
	}
}

func TestSelfOf(t *testing.T) {
	if got := SelfOf(Script("/usr/bin/runsc-provisioner", Runsc{Path: "/x/runsc", Args: []string{"--a='b'"}})); got != "/usr/bin/runsc-provisioner" {
		t.Errorf("got %q", got)
	}
	for _, text := range []string{"", "#!/bin/sh\nexec /bin/sh\n", "#!/bin/sh\nexec 'a'\\''b' " + Arg + " -- \n"} {
		if got := SelfOf([]byte(text)); got != "" {
			t.Errorf("%q: got %q", text, got)
		}
	}
}
