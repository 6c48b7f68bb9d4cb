package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"runsc-provisioner/test/need"
)

func TestFault_E01_AHostWithoutDockerIsOutOfReach(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ load, said string }{
		{"not-found", "no such unit"},
		{"masked", "systemd says it is masked"},
	} {
		h := freshHost(t, "{}")
		h.units.unit.LoadState = test.load
		for _, command := range []string{"plan", "apply"} {
			h.refuses(exitOutOfReach, []string{"docker.service: ", test.said}, command)
		}
		if got := h.dockerd.Asked(); got != 0 {
			t.Errorf("%s: got %d requests to dockerd, want none", test.load, got)
		}
	}
}

func TestFault_E02_StoppedDockerIsRegisteredAndNotStarted(t *testing.T) {
	t.Parallel()
	need.Root(t)
	h := freshHost(t, "{}")
	h.units.unit.ActiveState = "inactive"
	got := h.want(exitHeld, "apply", "--release="+newer, "--default-runtime")
	if !strings.Contains(got.stdout, "held: default-runtime runsc: Docker is not running") {
		t.Errorf("got %v, want the default held", got)
	}
	if got, want := h.read("etc/docker/daemon.json"), `{"runtimes":{"runsc":{"path":"`+h.runsc(newer)+`","runtimeArgs":["--overlay2=none","--dcache=0"]}}}`; strings.Join(strings.Fields(got), "") != want {
		t.Errorf("got daemon.json %s, want the runtime registered and no default: %s", got, want)
	}
	if got := h.dockerd.Asked(); got != 0 || h.units.reloads != 0 {
		t.Errorf("got %d requests to dockerd and %d reloads, want none, because either would start Docker", got, h.units.reloads)
	}
	h.units.unit.ActiveState = "active"
	h.want(exitDone, "apply")
	if got := h.dockerd.DefaultRuntime; got != "runsc" {
		t.Errorf("after Docker's start: got default runtime %s, want runsc", got)
	}
}

func TestFault_E04_AReloadThatFailsIsRolledBack(t *testing.T) {
	t.Parallel()
	h := olderHost(t)
	daemonJSON := h.read("etc/docker/daemon.json")
	h.units.reloadErr = errors.New("job failed")
	got := h.want(exitRolledBack, "apply", "--release="+newer)
	for _, said := range []string{"reload docker.service: job failed", "hint: "} {
		if !strings.Contains(got.stderr, said) {
			t.Errorf("got stderr %q, want it to have %q", got.stderr, said)
		}
	}
	if now := h.read("etc/docker/daemon.json"); now != daemonJSON {
		t.Errorf("got daemon.json %s\nwant the old one: %s", now, daemonJSON)
	}
	if got := h.dockerd.Runtimes["runsc"].Path; got != h.runsc(older) {
		t.Errorf("got dockerd with %s, want %s", got, h.runsc(older))
	}
}

func TestFault_E09_AReleaseThatStartsNoSandboxIsNeverRegistered(t *testing.T) {
	t.Parallel()
	need.Root(t)
	h := freshHost(t, "{}")
	got := h.want(exitFailed, "apply", "--release="+newer, "--default-runtime", "--runtime-arg=--no-such-flag")
	for _, said := range []string{
		"gVisor " + newer + " rejects the argument --no-such-flag of runtime runsc", "hint: ",
		"  runsc: flag provided but not defined: -no-such-flag\n",
	} {
		if !strings.Contains(got.stderr, said) {
			t.Errorf("got stderr %q, want it to have %q", got.stderr, said)
		}
	}
	if text := h.read("etc/docker/daemon.json"); text != "{}" || h.units.reloads != 0 {
		t.Errorf("got daemon.json %s after %d reloads, want it untouched", text, h.units.reloads)
	}
	if left, _ := filepath.Glob(filepath.Join(h.paths.State, "*")); len(left) != 2 {
		t.Errorf("got %q left in the state directory, want only the lock and before.json", left)
	}
	// The flags of a failed run must not affect the next apply.
	if _, err := os.Lstat(filepath.Join(h.paths.Config, "config.d/50-apply.toml")); err == nil {
		t.Error("got the flags saved, want them not saved")
	}
	h.want(exitDone, "apply", "--release="+newer)
}

// The runtime starts a sandbox outside Docker, but dockerd starts no container
// with it.
func TestFault_E09_ARuntimeThatFailsInDockerIsRolledBack(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, daemonJSON string }{
		{"no runtime before", "{}"},
		{"another default before", `{"default-runtime":"nvidia","runtimes":{"nvidia":{"path":"/usr/bin/nvidia"}}}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			need.Root(t)
			h := freshHost(t, test.daemonJSON)
			previous := h.dockerd.DefaultRuntime
			h.inDockerErr = errors.New("OCI runtime start failed: starting container: no such device")
			h.units.said = []string{`time="…" level=error msg="Handler for POST /start returned error"`, `level=info msg="token=hunter2"`}
			got := h.want(exitRolledBack, "apply", "--release="+newer, "--default-runtime")
			for _, said := range []string{
				"dockerd starts no sandbox of gVisor " + newer + " (runtime runsc): OCI runtime start failed",
				"everything is as it was before", "  docker: time=", "hint: ",
			} {
				if !strings.Contains(got.stderr, said) {
					t.Errorf("got stderr %q, want it to have %q", got.stderr, said)
				}
			}
			if strings.Contains(got.stderr, "hunter2") {
				t.Errorf("got stderr %q, want only lines with errors", got.stderr)
			}
			if text := h.read("etc/docker/daemon.json"); text != test.daemonJSON {
				t.Errorf("got daemon.json %s, want the old one", text)
			}
			if _, knows := h.dockerd.Runtimes["runsc"]; knows || h.dockerd.DefaultRuntime != previous {
				t.Errorf("got dockerd with %v and default %s, want it as before", h.dockerd.Runtimes, h.dockerd.DefaultRuntime)
			}
			for _, read := range h.units.read {
				if strings.Contains(read, `"default-runtime":"runsc"`) {
					t.Errorf("got dockerd made to read %s, want no switch of the default", read)
				}
			}
			for _, path := range []string{h.paths.Link, h.runsc(newer), filepath.Join(h.paths.State, "journal.json")} {
				if _, err := os.Lstat(path); err == nil {
					t.Errorf("got %s left, want it removed", path)
				}
			}
			h.inDockerErr = nil
			h.want(exitDone, "apply", "--release="+newer, "--default-runtime")
		})
	}
}

func TestApply_OnceDoesNotSaveItsFlags(t *testing.T) {
	t.Parallel()
	need.Root(t)
	h := freshHost(t, "{}")
	saved := filepath.Join(h.paths.Config, "config.d/50-apply.toml")
	got := h.want(exitDone, "apply", "--once", "--release="+older, "--default-runtime")
	if _, err := os.Lstat(saved); err == nil || strings.Contains(got.stdout, "saved") {
		t.Errorf("--once: got %v and the flags saved, want them not saved", got)
	}
	// Its effect stays: an unset default is not undone.
	h.want(exitDone, "apply", "--release="+older)
	if text, want := h.read("etc/runsc-provisioner/config.d/50-apply.toml"), "version = '"+older+"'\n"; !strings.HasSuffix(text, want) {
		t.Errorf("got %q saved, want %q at its end", text, want)
	}
	if text := h.read("etc/docker/daemon.json"); !strings.Contains(text, "default-runtime") {
		t.Errorf("got daemon.json %s, want the default still there", text)
	}
}

func TestFault_J12_ASymlinkStaysAndItsTargetIsEdited(t *testing.T) {
	t.Parallel()
	need.Root(t)
	h := freshHost(t, "")
	h.write("srv/daemon.json", "{}\n")
	target := filepath.Join(h.root, "srv/daemon.json")
	if err := os.MkdirAll(filepath.Dir(h.paths.DaemonJSON), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, h.paths.DaemonJSON); err != nil {
		t.Fatal(err)
	}
	h.want(exitDone, "apply", "--release="+newer)
	if got, err := os.Readlink(h.paths.DaemonJSON); got != target {
		t.Errorf("got link to %q (%v), want a link to %q", got, err, target)
	}
	if text := h.read("srv/daemon.json"); !strings.Contains(text, h.runsc(newer)) {
		t.Errorf("got %s, want the target edited", text)
	}
	if err := os.Chmod(filepath.Dir(target), 0o777); err != nil {
		t.Fatal(err)
	}
	h.refuses(exitRefused, []string{"is a symlink to"}, "apply", "--release="+older)
}

func TestFault_J13_OwnerAndModeAreKept(t *testing.T) {
	t.Parallel()
	need.Root(t)
	h := freshHost(t, "{}")
	if err := errors.Join(os.Chmod(h.paths.DaemonJSON, 0o640), os.Chown(h.paths.DaemonJSON, 0, 4321)); err != nil {
		t.Fatal(err)
	}
	h.want(exitDone, "apply", "--release="+newer)
	wantMode(t, h.paths.DaemonJSON, 0o640)
	info, err := os.Stat(h.paths.DaemonJSON)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Sys().(*syscall.Stat_t); got.Uid != 0 || got.Gid != 4321 {
		t.Errorf("got owner %d:%d, want 0:4321", got.Uid, got.Gid)
	}
}

func TestFault_J14_AnotherProgramsEditIsNotLost(t *testing.T) {
	t.Parallel()
	h := olderHost(t)
	theirs := strings.Replace(h.read("etc/docker/daemon.json"), `"local"`, `"journald"`, 1)
	edited := false
	h.after = func(action string) {
		if action == "prove" && !edited { // daemon.json was read, and not yet written
			edited = true
			h.write("etc/docker/daemon.json", theirs)
		}
	}
	h.want(exitDone, "apply", "--release="+newer)
	got := h.read("etc/docker/daemon.json")
	if want := strings.Replace(theirs, h.runsc(older), h.runsc(newer), 1); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestFault_J14_AProgramThatKeepsWritingWins(t *testing.T) {
	t.Parallel()
	h := olderHost(t)
	theirs, edits := h.read("etc/docker/daemon.json"), 0
	h.after = func(action string) {
		if action == "prove" {
			edits++
			theirs += "\n"
			h.write("etc/docker/daemon.json", theirs)
		}
	}
	reloads := h.units.reloads
	got := h.want(exitTryAgain, "apply", "--release="+newer)
	if !strings.Contains(got.stderr, "/etc/docker/daemon.json: the host kept changing") {
		t.Errorf("got stderr %q, want it to name what kept changing", got.stderr)
	}
	if edits != 3 {
		t.Errorf("got %d tries, want 3", edits)
	}
	if text := h.read("etc/docker/daemon.json"); text != theirs || h.units.reloads != reloads {
		t.Errorf("got daemon.json %q after %d reloads, want theirs, %q, and no reload", text, h.units.reloads-reloads, theirs)
	}
}

// Between the two writes of one apply, dockerd has our runtimes, and daemon.json
// has the edit of another program.
func TestFault_J14_AnEditBetweenRegisteringAndChoosingIsNotLost(t *testing.T) {
	t.Parallel()
	need.Root(t)
	h := freshHost(t, "{}")
	edited := false
	h.after = func(action string) {
		if action == "confirm" && !edited {
			edited = true
			h.write("etc/docker/daemon.json", strings.Replace(h.read("etc/docker/daemon.json"), "{", `{"debug":true,`, 1))
		}
	}
	h.want(exitDone, "apply", "--release="+newer, "--default-runtime")
	want := `{"debug":true,"runtimes":{"runsc":{"path":"` + h.runsc(newer) + `","runtimeArgs":["--overlay2=none","--dcache=0"]}},"default-runtime":"runsc"}`
	if got := strings.Join(strings.Fields(h.read("etc/docker/daemon.json")), ""); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := h.dockerd.DefaultRuntime; got != "runsc" {
		t.Errorf("got default runtime %s, want runsc", got)
	}
}

// dockerd reads the text of another program, and never shows ours. apply must
// neither wait for ours nor undo anything, but look again.
func TestFault_J14_AnEditBetweenWritingAndReloadingIsNotLost(t *testing.T) {
	t.Parallel()
	h := olderHost(t)
	edited := false
	h.after = func(action string) {
		if action == "write" && !edited {
			edited = true
			h.write("etc/docker/daemon.json", `{"debug":true,"runtimes":{"runsc":{"path":"/bin/true"}}}`)
		}
	}
	got := h.want(exitDone, "apply", "--release="+newer)
	if strings.Contains(got.stdout, "putting everything back") {
		t.Errorf("got %s, want nothing undone", got.stdout)
	}
	want := `{"debug":true,"runtimes":{"runsc":{"path":"` + h.runsc(newer) + `","runtimeArgs":["--overlay2=none","--dcache=0"]}},"default-runtime":"runsc"}`
	if got := strings.Join(strings.Fields(h.read("etc/docker/daemon.json")), ""); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if _, err := os.Stat(filepath.Join(h.paths.State, "journal.json")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("journal: got %v, want no journal left", err)
	}
}
