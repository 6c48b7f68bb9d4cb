package daemonjson

import (
	"errors"
	"strings"
	"testing"
)

func TestFault_J09_NamesAndArgumentsThatAreLiveInAShell(t *testing.T) {
	cases := []struct {
		check func(string) error
		value string
		good  bool
	}{
		{CheckName, "runsc", true},
		{CheckName, "runsc-kvm_2.0", true},
		{CheckName, "0", true},
		{CheckName, "", false},
		{CheckName, "runc", false},
		{CheckName, "RunC", false},
		{CheckName, "-runsc", false},
		{CheckName, ".runsc", false},
		{CheckName, "run sc", false},
		{CheckName, "run/sc", false},
		{CheckName, "runsc\n", false},
		{CheckName, "rünsc", false},
		{CheckName, "io.containerd.runsc.v1", false},
		{CheckName, "IO.containerd.x", false},
		{CheckName, strings.Repeat("a", 100), true},
		{CheckName, strings.Repeat("a", 101), false},
		{CheckArg, "--platform=systrap", true},
		{CheckArg, "--debug-log=/tmp/runsc/%ID%/", true},
		{CheckArg, "--overlay2=root:self", true},
		{CheckArg, "--x=a,b+c@1.2-3_4", true},
		{CheckArg, "", false},
		{CheckArg, "--a b", false},
		{CheckArg, "--a\tb", false},
		{CheckArg, "--a\n", false},
		{CheckArg, "--a\u00a0b", false},
		{CheckArg, "ä", false},
	}
	for _, meta := range "|&;<>()$`\\\"'*?[]#~{}!^\x00\x7f" {
		cases = append(cases, struct {
			check func(string) error
			value string
			good  bool
		}{CheckArg, "--a=" + string(meta), false})
	}
	for _, c := range cases {
		err := c.check(c.value)
		var e *ValueError
		if c.good && err != nil || !c.good && (!errors.As(err, &e) || e.Value != c.value) {
			t.Errorf("%q: got %v, want good %v", c.value, err, c.good)
		}
	}
	for _, name := range []string{"runc", "a b", "io.containerd.x"} {
		_, err := Edit(Document{}, Want{Runtimes: map[string]*Runtime{name: {Path: "/x"}}})
		var e *ValueError
		if !errors.As(err, &e) {
			t.Errorf("Edit with runtime %q: got %v, want a *ValueError", name, err)
		}
	}
}

func TestValueErrorSaysWhatIsWrongWithWhat(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{CheckName("runc"), `runtime name "runc": the name belongs to Docker`},
		{CheckArg("--a=$(b)"), `runtime argument "--a=$(b)": "$" is not safe in the shell script Docker writes it to; letters, digits and _ . / : , = @ % + - are`},
	} {
		if c.err == nil || c.err.Error() != c.want {
			t.Errorf("got  %v\nwant %s", c.err, c.want)
		}
	}
}

func TestFault_X18_ARefusedArgumentIsShownWithoutItsSecret(t *testing.T) {
	for arg, want := range map[string]string{
		"--token=hunter2 x":             `runtime argument "--token=***": `,
		"--log=http://bob:hunter2@h $x": `runtime argument "--log=***": `,
		"bob:hunter2@h $x":              `runtime argument "***": `,
		"bob:hunter2@h=x $x":            `runtime argument "***": `,
		"--platform=kvm x":              `runtime argument "--platform=kvm x": `,
	} {
		if err := CheckArg(arg); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v, want %s…", arg, err, want)
		}
	}
}
