package proof

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/test/stored"
)

const (
	// proofFails is the script of a runsc that starts nothing.
	proofFails = "echo no such platform >&2; exit 1"
	// proofRuns makes a sandbox appear in the host's /proc.
	proofRuns = `mkdir $HOST/proc/42
ln -s $HOST/store/20260914.0/gvisor-bin/gvisor_sentry $HOST/proc/42/exe
printf 'runsc-sandbox\0boot\0%s\0' "$id" >$HOST/proc/42/cmdline
echo '42 (gvisor_sentry) S 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 4200 0 0' >$HOST/proc/42/stat
echo 4.19.0-gvisor
cat >/dev/null`
	// proofHangs tells the test that runsc runs, prints nothing, and keeps its output open.
	proofHangs = "echo >$HOST/running; exec cat"
)

// proofHost is a host with one release. Its runsc is a script that ends with run. In the
// host's directory it records which container it ran, and which it deleted before the
// bundle.
func proofHost(t *testing.T, run string) (r Runner, root string) {
	t.Helper()
	root = t.TempDir()
	at := func(name string) string { return filepath.Join(root, name) }
	script := `#!/bin/sh
for id; do :; done
case " $* " in
*" delete "*) [ -d "$HOST/state/$id/rootfs" ] && echo "$id" >>$HOST/deleted; exit 0;;
esac
[ -f "$HOST/state/$id/config.json" ] && echo "$id" >>$HOST/ran
mkdir "$HOST/state/$id/state/runsc"
` + run + "\n"
	stored.Release(t, at("store"), "20260914.0", map[string]string{
		"runsc": strings.ReplaceAll(script, "$HOST", root), "gvisor-bin/gvisor_sentry": "a sentry",
	})
	if err := errors.Join(os.Mkdir(at("state"), 0o700), os.Mkdir(at("proc"), 0o755)); err != nil {
		t.Fatal(err)
	}
	return Runner{Self: "/proc/self/exe", Host: &host.Host{Owner: os.Geteuid(), Paths: host.Paths{
		Etc: at("etc"), Config: at("etc/own"), State: at("state"), Store: at("store"), Link: at("bin/runsc"), Proc: at("proc"), DaemonJSON: at("etc/daemon.json"),
	}}}, root
}

// noted returns what the script recorded in the file called name.
func noted(t *testing.T, root, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// proofsLeft returns the directories of proofs.
func (r Runner) proofsLeft(t *testing.T) []string {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(r.Paths.State, dirPrefix+"*"))
	if err != nil {
		t.Fatal(err)
	}
	return left
}

// mayProve skips the test without root: runsc is started in a mount namespace of its own.
func mayProve(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 && os.Getenv("CI") != "true" {
		t.Skip("needs root")
	}
}

func TestProve_LeavesNoBundle(t *testing.T) {
	for _, test := range []struct {
		name, run string
		passes    bool
	}{
		{"after a proof that passes", proofRuns, true},
		{"after a proof that fails", proofFails, false},
		{"after a proof without a visible sandbox", "echo 4.19.0-gvisor; cat >/dev/null", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			mayProve(t)
			r, root := proofHost(t, test.run)
			_, err := r.Prove(t.Context(), steps.Prove{Release: "20260914.0", Runtime: "runsc"})
			var failed *Failed
			if passes := err == nil; passes != test.passes || !passes && !errors.As(err, &failed) {
				t.Errorf("got error %v, want it to pass: %t", err, test.passes)
			}
			if left := r.proofsLeft(t); len(left) != 0 {
				t.Errorf("got %q left, want nothing", left)
			}
			if ran, deleted := noted(t, root, "ran"), noted(t, root, "deleted"); ran == "" || deleted != ran {
				t.Errorf("got container %q with a bundle, and %q deleted before its bundle, want the same", ran, deleted)
			}
		})
	}
}

// The bundle is made before runsc is started.
func TestProve_LeavesNoBundleIfRunscDoesNotStart(t *testing.T) {
	r, root := proofHost(t, proofFails)
	if err := os.Chmod(filepath.Join(root, "store/20260914.0/runsc"), 0o644); err != nil {
		t.Fatal(err)
	}
	var failed *Failed
	if _, err := r.Prove(t.Context(), steps.Prove{Release: "20260914.0", Runtime: "runsc"}); !errors.As(err, &failed) {
		t.Errorf("got error %v, want a *Failed", err)
	}
	if left := r.proofsLeft(t); len(left) != 0 || noted(t, root, "ran") != "" {
		t.Errorf("got %q left, and ran %q, want nothing", left, noted(t, root, "ran"))
	}
}

func TestProve_LeavesNoBundleIfInterrupted(t *testing.T) {
	mayProve(t)
	r, root := proofHost(t, proofHangs)
	if err := unix.Mkfifo(filepath.Join(root, "running"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		defer cancel()
		// The open waits until runsc opens the FIFO. To close it before runsc has written
		// would end runsc.
		if _, err := os.ReadFile(filepath.Join(root, "running")); err != nil {
			t.Error(err)
		}
	}()
	if _, err := r.Prove(ctx, steps.Prove{Release: "20260914.0", Runtime: "runsc"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want %v", err, context.Canceled)
	}
	if left := r.proofsLeft(t); len(left) != 0 {
		t.Errorf("got %q left, want nothing", left)
	}
	if ran, deleted := noted(t, root, "ran"), noted(t, root, "deleted"); ran == "" || deleted != ran {
		t.Errorf("got container %q run, and %q deleted before its bundle, want the same", ran, deleted)
	}
}

// The next run removes the container of a killed proof, then its bundle.
func TestSweep_RemovesTheBundleOfAKilledProof(t *testing.T) {
	r, root := proofHost(t, proofFails)
	installed, err := r.Installed(t.Context(), "20260914.0")
	if err != nil {
		t.Fatal(err)
	}
	id := dirPrefix + "killed"
	p := proof{step: steps.Prove{Release: "20260914.0"}, release: installed, id: id, dir: filepath.Join(r.Paths.State, id)}
	request := filepath.Join(r.Paths.State, requestPrefix+"killed")
	gone := filepath.Join(r.Paths.State, dirPrefix+"gone") // its release was removed since
	other := filepath.Join(r.Paths.State, "runsc-other")
	err = errors.Join(p.bundle(r.Self), os.MkdirAll(filepath.Join(p.dir, "state", "runsc"), 0o700),
		os.Mkdir(request, 0o700), os.WriteFile(filepath.Join(request, "request"), nil, 0o600),
		os.MkdirAll(filepath.Join(gone, "rootfs"), 0o755), os.WriteFile(filepath.Join(gone, "release"), []byte("20260907.0"), 0o600),
		os.Mkdir(other, 0o755), r.Sweep(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	if left := r.proofsLeft(t); len(left) != 0 {
		t.Errorf("got %q left, want nothing", left)
	}
	if _, err := os.Stat(other); err != nil {
		t.Errorf("got %v, want a directory of another program left alone", err)
	}
	if os.Geteuid() != 0 {
		return // only root can start a runsc
	}
	if deleted := noted(t, root, "deleted"); deleted != id {
		t.Errorf("got containers %q deleted before their bundles, want %s", deleted, id)
	}
}
