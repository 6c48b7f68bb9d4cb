package proof

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/test/stored"
)

func TestFlagError(t *testing.T) {
	const warning = "\033[1mWARNING\033[0m: --vfs2 is deprecated. Expect it to be removed by 2027-01.\n--vfs2 usage: DEPRECATED: this flag has no effect.\n\n"
	const usage = "\nUsage: runsc <flags> <subcommand> <subcommand args>\n\nSubcommands:\n"
	for _, test := range []struct {
		name, output string
		args         string
		named, left  []string // both nil: the error is about no flag
	}{
		{"two dashes", "flag provided but not defined: -vfs2" + usage, "--debug --vfs2", []string{"--vfs2"}, []string{"--debug"}},
		{"one dash", "flag provided but not defined: -vfs2" + usage, "-vfs2 -debug", []string{"-vfs2"}, []string{"-debug"}},
		{"with a value", "flag provided but not defined: -vfs2" + usage, "--vfs2=true", []string{"--vfs2=true"}, nil},
		{"its value is the next argument", "flag provided but not defined: -shape" + usage, "--shape round --debug", []string{"--shape round"}, []string{"--debug"}},
		{"in two forms", "flag provided but not defined: -fuse" + usage, "--fuse --fuse --debug -fuse=0", []string{"--fuse", "-fuse=0"}, []string{"--debug"}},
		{"not one that begins with the same letters", "flag provided but not defined: -fuse" + usage, "--fuse2 --fuse", []string{"--fuse"}, []string{"--fuse2"}},
		{"after warnings", warning + "flag provided but not defined: -fuse" + usage, "--vfs2 --fuse", []string{"--fuse"}, []string{"--vfs2"}},
		{
			"a value", `invalid value "LEGACY_X" for flag -sidecar-usage-policy: invalid value "LEGACY_X"; must be DEFAULT, or STRICT` + usage,
			"--sidecar-usage-policy=STRICT --sidecar-usage-policy=LEGACY_X", []string{"--sidecar-usage-policy=LEGACY_X"}, []string{"--sidecar-usage-policy=STRICT"},
		},
		{"a value with quotes", `invalid value "a\"b" for flag -network: invalid network type "a\"b"` + usage, `--network=a"b`, []string{`--network=a"b`}, nil},
		{"a value in the next argument", `invalid value "nine" for flag -num-network-channels: parse error`, "--num-network-channels nine --debug", []string{"--num-network-channels nine"}, []string{"--debug"}},
		{"no boolean", `invalid boolean value "maybe" for -debug: parse error` + usage, "--debug=maybe --debug=true", []string{"--debug=maybe"}, []string{"--debug=true"}},
		{"a flag that needs a value now", `invalid value "--debug" for flag -vfs2: not a number`, "--vfs2 --debug", []string{"--vfs2"}, []string{"--debug"}},
		{"the last flag needs a value now", `invalid value "--version" for flag -vfs2: not a number`, "--debug --vfs2", []string{"--vfs2"}, []string{"--debug"}},
		{"a flag that is not among the arguments", "flag provided but not defined: -bundle" + usage, "--debug", nil, []string{"--debug"}},
		{"another error", "running container: creating container: cannot set up cgroup for root: no such file", "--debug", nil, nil},
		{"an error that only quotes one", "starting container: flag provided but not defined: -vfs2", "--vfs2", nil, nil},
		{"nothing", "", "--vfs2", nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			said, found := findFlagError(test.output)
			var named, left []string
			if found {
				named, left = said.split(strings.Fields(test.args))
			}
			if want := test.named != nil || test.left != nil; found != want {
				t.Fatalf("got an error about a flag: %t (%+v), want %t", found, said, want)
			}
			if diff := cmp.Diff([][]string{test.named, test.left}, [][]string{named, left}); diff != "" {
				t.Errorf("rejected and other arguments (-want +got):\n%s", diff)
			}
		})
	}
}

// rejects is the script of a runsc that has no flag vfs2 or fuse, and no value LEGACY.
const rejects = `#!/bin/sh
for arg; do case "$arg" in
--vfs2|--vfs2=*|-vfs2) echo "flag provided but not defined: -vfs2" >&2; exit 2;;
--fuse|--fuse=*) echo "flag provided but not defined: -fuse" >&2; exit 2;;
--policy=LEGACY) echo 'invalid value "LEGACY" for flag -policy: no' >&2; exit 2;;
--broken) echo "panic: no such thing" >&2; exit 3;;
--stubborn) echo "flag provided but not defined: -other" >&2; exit 2;;
--version) echo "runsc version release-20260914.0"; exit 0;;
esac; done
exit 128
`

func TestRejected(t *testing.T) {
	r, root := proofHost(t, proofFails)
	stored.Release(t, root+"/store", "20260921.0", map[string]string{"runsc": rejects})
	for _, test := range []struct {
		name, args string
		want       []string
	}{
		{"none", "--debug --policy=STRICT", nil},
		{"one", "--debug --vfs2 --policy=STRICT", []string{"--vfs2"}},
		{"several, in runsc's order", "--fuse=true --debug --policy=LEGACY -vfs2", []string{"--fuse=true", "--policy=LEGACY", "-vfs2"}},
		{"an error about no argument", "--broken", nil},
		{"without the rejected one, another error", "--vfs2 --broken", nil},
		{"the error stays without the argument", "--vfs2 --stubborn", nil},
	} {
		got, err := r.Rejected(t.Context(), "20260921.0", strings.Fields(test.args))
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("%s: error %v, rejected (-want +got):\n%s", test.name, err, diff)
		}
	}
}
