package buildkit

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCall_BecomesOneOfRunsc(t *testing.T) {
	const before = "/s/20260914.0/runsc --root=/run/runsc-builds --platform=kvm --overlay2=none --dcache=0"
	runsc := Runsc{Path: "/s/20260914.0/runsc", Args: []string{"--platform=kvm", "--overlay2=root:self", "--dcache=5"}}
	for _, test := range []struct {
		name, args string
		needs      Needs
		want       string
		bundle     string
	}{
		{
			name: "a step of 26.1", args: "--log /e/runc-log.json --log-format json run --bundle /e/abc --keep abc",
			want: before + " --log /e/runc-log.json --log-format json run --bundle /e/abc abc", bundle: "/e/abc",
		},
		{
			name: "a step of 20.10", args: "--log /e/runc-log.json --log-format json run --bundle /e/abc abc",
			want: before + " --log /e/runc-log.json --log-format json run --bundle /e/abc abc", bundle: "/e/abc",
		},
		{
			name: "the host's network", args: "run --bundle=/e/abc --no-pivot --keep abc", needs: Needs{Network: true},
			want: before + " --network=host run --bundle=/e/abc abc", bundle: "/e/abc",
		},
		{
			name: "an ssh agent", args: "run --bundle=/e/abc abc", needs: Needs{Socket: true},
			want: before + " --host-uds=open run --bundle=/e/abc abc", bundle: "/e/abc",
		},
		{name: "the end of a step", args: "--log-format json delete abc", want: before + " --log-format json delete --force abc"},
		{name: "a canceled step", args: "kill abc 9", want: before + " kill abc 9"},
		{
			name: "a command beside a step", args: "exec --process /p --pid-file /f abc", want: before + " exec --process /p --pid-file /f abc",
		},
		{name: "flags of a command of the step stay", args: "exec abc tool --keep -v", want: before + " exec abc tool --keep -v"},
		{name: "no bundle", args: "create --keep", want: before + " create", bundle: ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			call, err := ParseCall(strings.Fields(test.args))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Fields(test.want), call.Argv(runsc, test.needs)); diff != "" || call.Bundle() != test.bundle {
				t.Errorf("bundle %q, want %q; arguments (-want +got):\n%s", call.Bundle(), test.bundle, diff)
			}
		})
	}
}

func TestCall_AReleaseWithoutTheFlagsGetsNone(t *testing.T) {
	call, err := ParseCall([]string{"run", "--bundle", "/b", "x"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"/s/20220101.0/runsc", "--root=" + StateDir, "run", "--bundle", "/b", "x"}
	if diff := cmp.Diff(want, call.Argv(Runsc{Path: "/s/20220101.0/runsc"}, Needs{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestCall_Kinds(t *testing.T) {
	for args, want := range map[string]struct{ asks, starts bool }{
		"--version": {asks: true}, "-v": {asks: true}, "--log x --version": {asks: true}, "features": {asks: true},
		"--root /x run y": {asks: true, starts: true}, "create y": {starts: true}, "--log run state y": {}, "state y": {},
	} {
		call, err := ParseCall(strings.Fields(args))
		if err != nil || call.IsForRunc() != want.asks || call.Starts() != want.starts {
			t.Errorf("%s: asks %t, starts %t, %v; want %+v", args, call.IsForRunc(), call.Starts(), err, want)
		}
	}
	for _, args := range [][]string{nil, {"--log"}, {"--debug"}} {
		if call, err := ParseCall(args); err == nil {
			t.Errorf("%q: got the command %q, want an error", args, call.Command)
		}
	}
}

// What the user has set for the runtime stands.
func TestCall_KeepsTheSocketsOfTheRuntime(t *testing.T) {
	call, err := ParseCall([]string{"run", "--bundle", "/b", "x"})
	if err != nil {
		t.Fatal(err)
	}
	argv := call.Argv(Runsc{Path: "/s/20260914.0/runsc", Args: []string{"--host-uds=none"}}, Needs{Socket: true})
	if slices.Contains(argv, "--host-uds=open") || !slices.Contains(argv, "--host-uds=none") {
		t.Errorf("got %q", argv)
	}
}
