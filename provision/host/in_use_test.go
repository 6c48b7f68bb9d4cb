package host

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/test/stored"
)

const (
	runsHere     = "20260914.0" // the release that the test's process runs from
	runsNowhere  = "20260907.0"
	sentryOfTest = "gvisor-bin/gvisor_sentry"
)

// A process that cannot be read may run from any release, so no release may be removed.
func TestFault_V06_AProcessThatCannotBeReadUsesEveryRelease(t *testing.T) {
	stat := "42 (gvisor_sentry) S 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 4200 0 0\n"
	for _, test := range []struct {
		name string
		exe  string                 // "" for the sentry of runsHere
		do   func(dir string) error // to the process
		user bool                   // root can read it, other users cannot
		want map[string]bool
	}{
		{name: "a process that can be read", want: map[string]bool{runsHere: true, runsNowhere: false}},
		{name: "a process that runs from no release", exe: "/bin/sh", want: map[string]bool{runsHere: false, runsNowhere: false}},
		{name: "a sandbox with an unreadable stat file", want: map[string]bool{runsHere: true, runsNowhere: true}, do: func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "stat"), []byte("odd\n"), 0o644)
		}},
		{name: "an executable that this user may not see", user: true, want: map[string]bool{runsHere: true, runsNowhere: true}, do: func(dir string) error {
			hidden := filepath.Join(dir, "hidden")
			return errors.Join(os.Mkdir(hidden, 0), os.Remove(filepath.Join(dir, "exe")), os.Symlink(filepath.Join(hidden, "x"), filepath.Join(dir, "exe")))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.user && os.Geteuid() == 0 {
				t.Skip("root can read it")
			}
			at := t.TempDir()
			h := Host{Owner: os.Geteuid(), Paths: Paths{Store: filepath.Join(at, "store"), Proc: filepath.Join(at, "proc")}}
			for _, name := range []string{runsHere, runsNowhere} {
				// The releases have different files.
				stored.Release(t, h.Paths.Store, name, map[string]string{"runsc": "runsc " + name, sentryOfTest: "sentry " + name})
			}
			if test.exe == "" {
				test.exe = filepath.Join(h.Paths.Store, runsHere, sentryOfTest)
			}
			dir := filepath.Join(h.Paths.Proc, "42")
			err := errors.Join(os.MkdirAll(dir, 0o755), os.Symlink(test.exe, filepath.Join(dir, "exe")),
				os.WriteFile(filepath.Join(dir, "cmdline"), []byte("runsc-sandbox\x00boot\x000a\x00"), 0o644),
				os.WriteFile(filepath.Join(dir, "stat"), []byte(stat), 0o644))
			if test.do != nil {
				err = errors.Join(err, test.do(dir))
			}
			installed, listErr := h.Store().List(t.Context())
			if err = errors.Join(err, listErr); err != nil || len(installed) != 2 {
				t.Fatal(installed, err)
			}
			got, err := observeUse(t.Context(), &h, installed)
			if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
				t.Errorf("got error %v (-want +got):\n%s", err, diff)
			}
		})
	}
}
