package buildkit

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A script gives this program exactly what it was made from, and what BuildKit says.
func TestScript_IsReadBack(t *testing.T) {
	for _, want := range []Runsc{
		{Path: "/usr/local/lib/gvisor/20260914.0/runsc"},
		{Path: "/opt/it's here/runsc", Args: []string{"--a=b c", "--d=$(e)", "--f='g'"}, Runc: "/usr/bin/runc"},
	} {
		script := string(Script("printf", want))
		script = strings.Replace(script, "exec 'printf' "+Arg, `exec printf '%s\n'`, 1)
		out, err := exec.CommandContext(t.Context(), "sh", "-c", script, "runc", "--log", "a b", "run").Output()
		if err != nil {
			t.Fatal(err)
		}
		got, rest, err := parse(strings.Split(strings.TrimSuffix(string(out), "\n"), "\n"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got) + cmp.Diff([]string{"--log", "a b", "run"}, rest); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
}

func TestParse_Refuses(t *testing.T) {
	for _, args := range []string{"", "--runsc=runsc -- run", "--runsc=/x --other", "run"} {
		if r, _, err := parse(strings.Fields(args)); err == nil {
			t.Errorf("%q: got %+v, want an error", args, r)
		}
	}
}
