package installer

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"runsc-provisioner/test/inrelease"
)

// shells are those that are /bin/sh somewhere.
func shells() [][]string { return [][]string{{"dash"}, {"busybox", "sh"}, {"bash", "--posix"}} }

// bench is where install.sh runs: on a host that fakes make, with a directory for what it leaves.
type bench struct {
	t      *testing.T
	script string
	keys   *inrelease.Keys
	fakes  string
	left   string // fake mktemp makes its directories here
}

// newBench is one of a script with keys. Keys take time to make, so tests share them.
func newBench(t *testing.T, keys *inrelease.Keys) bench {
	t.Helper()
	text, err := os.ReadFile("../../install.sh")
	if err != nil {
		t.Fatal(err)
	}
	b := bench{t: t, keys: keys, fakes: t.TempDir(), left: t.TempDir()}
	b.script = filepath.Join(t.TempDir(), "install.sh")
	b.write(b.script, WithKey(string(text), inrelease.ArmoredKeys(b.keys.Keyring(t))))
	mktemp, err := exec.LookPath("mktemp")
	if err != nil {
		t.Fatal(err)
	}
	b.fake("mktemp", "exec "+mktemp+" -d "+b.left+"/XXXXXX")
	b.debian("amd64")
	return b
}

// debian makes the host one that dpkg manages.
func (b bench) debian(arch string) {
	b.t.Helper()
	b.fake("rpm", "exit 1")
	b.fake("apt-get", "echo apt-get must not run; exit 9")
	b.fake("dpkg-query", `case $1 in -W) echo `+arch+`;; esac`)
}

// fedora makes the host one that rpm manages.
func (b bench) fedora(arch string) {
	b.t.Helper()
	b.fake("dpkg-query", "exit 1")
	b.fake("rpm", `[ "$1" = -qf ]`)
	b.fake("dnf", "echo dnf must not run; exit 9")
	b.fake("uname", `case $1 in -m) echo `+arch+`;; *) echo Linux;; esac`)
}

// fake makes a program of the host.
func (b bench) fake(name, script string) {
	b.t.Helper()
	b.write(filepath.Join(b.fakes, name), "#!/bin/sh\n"+script+"\n")
}

func (b bench) write(path, text string) {
	b.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		b.t.Fatal(err)
	}
}

// key writes a public keyring, binary or armored, and gives its path.
func (b bench) key(name string, text []byte) string {
	b.t.Helper()
	path := filepath.Join(b.t.TempDir(), name)
	b.write(path, string(text))
	return path
}

// result is what a run of install.sh has printed and its exit code.
type result struct {
	out  string
	code int
}

// command is a run of install.sh by a shell. Its environment has the fakes first.
func (b bench) command(ctx context.Context, shell []string, arguments ...string) *exec.Cmd {
	argv := append(append(shell, b.script), arguments...)
	command := exec.CommandContext(ctx, argv[0], argv[1:]...)
	command.Env = append(os.Environ(), "PATH="+b.fakes+":"+os.Getenv("PATH"), "no_proxy=*")
	command.WaitDelay = time.Minute
	return command
}

// run runs install.sh, which must leave nothing.
func (b bench) run(shell []string, arguments ...string) result {
	b.t.Helper()
	return b.finish(b.command(b.t.Context(), shell, arguments...))
}

// finish waits for a run, which must leave nothing.
func (b bench) finish(command *exec.Cmd) result {
	b.t.Helper()
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	if err := command.Run(); command.ProcessState == nil {
		b.t.Fatal(err)
	}
	b.empty()
	return result{out.String(), command.ProcessState.ExitCode()}
}

// empty fails the test if a run has left something.
func (b bench) empty() {
	b.t.Helper()
	if left, err := os.ReadDir(b.left); err != nil || len(left) > 0 {
		b.t.Errorf("install.sh left %v (%v)", left, err)
	}
}

// want fails the test if a result has another exit code, or not all of the texts.
func (r result) want(t *testing.T, code int, texts ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit %d, want %d\n%s", r.code, code, r.out)
	}
	for _, text := range texts {
		if !strings.Contains(r.out, text) {
			t.Errorf("output lacks %q\n%s", text, r.out)
		}
	}
	installs := strings.Contains(r.out, "must not run") || code != 0 && strings.Contains(r.out, "would run")
	if installs {
		t.Errorf("it went on to install\n%s", r.out)
	}
}

// onEachShell runs a test with each shell that this machine has.
func onEachShell(t *testing.T, test func(t *testing.T, shell []string)) {
	t.Helper()
	for _, shell := range shells() {
		t.Run(shell[0], func(t *testing.T) {
			if _, err := exec.LookPath(shell[0]); err != nil {
				t.Skip(err)
			}
			test(t, shell)
		})
	}
}
