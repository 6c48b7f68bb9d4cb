package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// asked, in the environment, turns the test binary into a program that looks at
// the given /proc for the one container in asked, and prints an answer: the
// same look, by a user who may see less.
const asked = "VERIFY_TEST_LOOK"

type answer struct {
	State  State
	Gap    Gap
	Why    string
	Denied int
}

// survivor, in the environment, turns the test binary into a program that ends
// its first thread. It then writes one byte, and exits when its input ends.
const survivor = "VERIFY_TEST_SURVIVOR"

// The main goroutine runs on the first thread only while packages initialise.
func init() {
	if os.Getenv(survivor) == "" {
		return
	}
	go endWithInput()
	_, _, _ = unix.Syscall(unix.SYS_EXIT, 0, 0, 0)
}

func TestMain(m *testing.M) {
	if question := os.Getenv(asked); question != "" {
		if err := answerTo(question); err != nil {
			panic(err)
		}
		return
	}
	os.Exit(m.Run())
}

func endWithInput() {
	for unix.Access("/proc/self/exe", unix.F_OK) == nil {
		runtime.Gosched()
	}
	_, _ = os.Stdout.Write([]byte("x"))
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

func answerTo(question string) error {
	var c Container
	if err := json.Unmarshal([]byte(question), &c); err != nil {
		return err
	}
	fs := FS{Proc: os.Args[1]}
	survey, err := fs.Look(context.Background(), []Container{c}, nil)
	if err != nil {
		return err
	}
	e := survey.Evidence[0]
	// Skip the runtime: it comes from dockerd, not from the look.
	a := answer{Gap: e.Gap, Denied: survey.Denied}
	a.State = NewReport([]Verdict{Judge(c, e, nil, nil)}, survey, nil).State
	if e.Why != nil {
		a.Why = e.Why.Error()
	}
	return json.NewEncoder(os.Stdout).Encode(a)
}

// sleeper starts a real process that sleeps until the test ends.
func sleeper(t *testing.T, file string, argv ...string) *exec.Cmd {
	t.Helper()
	cmd := &exec.Cmd{Path: file, Args: argv}
	answering(t, cmd)
	return cmd
}

// answering starts cat, under any name, and ends it with the test. It returns
// once cat has answered, so the new program is surely the one executing.
func answering(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	if _, err := stdin.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(stdout, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
}

// A process looks dead after its first thread has ended, but it goes on.
func TestFault_V01_FirstThreadHasEnded(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Args = []string{"runsc-sandbox", containerID(1)}
	cmd.Env = append(os.Environ(), survivor+"=1")
	answering(t, cmd)
	proc := newFakeProc(t)
	proc.adopt(cmd.Process.Pid)
	r := fakeRelease(t, t.TempDir(), "20260914.0")
	c := container(1, cmd.Process.Pid, "runsc")
	report, survey := judgeAll(t, proc.fs(), []Container{c}, runtimesOf(r), []Release{r})
	e := survey.Evidence[0]
	if e.Gap != Complete || e.Process.Exe.Path != self || report.Verdicts[0].State != NotSandboxed {
		t.Errorf("got gap %d (%v), %s, %v, want complete, %s, not sandboxed", e.Gap, e.Why, e.Process.Exe.Path, report.Verdicts[0].State, self)
	}
	if survey.ClaimCount != 1 {
		t.Errorf("got %d claims, want 1", survey.ClaimCount)
	}
}

// copyFile copies an executable: a release's file, or a copy of one.
func copyFile(t *testing.T, from, to string) string {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o755); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// catRelease is a release with a real program, cat, as its sentry.
func catRelease(t *testing.T) (Release, string) {
	t.Helper()
	r := fakeRelease(t, t.TempDir(), "20260914.0")
	sentry := filepath.Join(r.Dir, sentryPath)
	if err := os.Remove(sentry); err != nil {
		t.Fatal(err)
	}
	r.Digests[copyFile(t, "/bin/cat", sentry)] = sentryPath
	info, err := os.Stat(sentry)
	if err != nil {
		t.Fatal(err)
	}
	r.Sizes[info.Size()] = true
	r.Files[fileID(t, sentry)] = sentryPath
	return r, sentry
}

func TestFault_V01_RealProcessesWithASandboxsName(t *testing.T) {
	r, sentry := catRelease(t)
	id := containerID(1)
	copied := filepath.Join(t.TempDir(), "gvisor_sentry")
	copyFile(t, sentry, copied)
	gone := filepath.Join(t.TempDir(), "gvisor_sentry")
	copyFile(t, sentry, gone)

	beside := filepath.Join(filepath.Dir(r.Dir), "copy", "gvisor_sentry")
	copyFile(t, sentry, beside)

	procs := map[string]*exec.Cmd{
		"exec -a":             sleeper(t, "/bin/cat", "runsc-sandbox", "-", "-", id),
		"a copy":              sleeper(t, copied, "runsc-sandbox", "-", id),
		"a copy in the store": sleeper(t, beside, "runsc-sandbox", "-", id),
		"a deleted copy":      sleeper(t, gone, "runsc-sandbox", "-", id),
		"genuine file":        sleeper(t, sentry, "runsc-sandbox", "-", id),
	}
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	proc := newFakeProc(t)
	for _, cmd := range procs {
		proc.adopt(cmd.Process.Pid)
	}
	fs := proc.fs()
	for name, cmd := range procs {
		c := container(1, cmd.Process.Pid, "runsc")
		report, survey := judgeAll(t, fs, []Container{c}, runtimesOf(r), []Release{r})
		v := report.Verdicts[0]
		if v.State != NotSandboxed || survey.Evidence[0].Gap != Complete {
			t.Errorf("%s: got %v, gap %d (%v), want not sandboxed and complete", name, v.State, survey.Evidence[0].Gap, survey.Evidence[0].Why)
		}
		want := Failed
		if name == "genuine file" {
			want = Passed
		}
		if got := find(v, CheckExecutable); got.State != want {
			t.Errorf("%s: got executable %v (%s), want %v", name, got.State, got.Seen, want)
		}
		isOrphan := len(survey.Sandboxes) == 1 && survey.Sandboxes[0].PID == procs["genuine file"].Process.Pid
		if !isOrphan || survey.ClaimCount != 4 {
			t.Errorf("%s: got sandboxes %+v and %d claims, want the genuine file's and 4", name, survey.Sandboxes, survey.ClaimCount)
		}
	}
}

func TestFault_V02_ProcessEndsDuringTheLook(t *testing.T) {
	r, sentry := catRelease(t)
	cmd := sleeper(t, sentry, "runsc-sandbox", "-", containerID(1))
	proc := newFakeProc(t)
	proc.adopt(cmd.Process.Pid)
	fs := proc.fs()
	fs.onLook = func(int) {
		fs.onLook = nil
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
	}
	report, survey := judgeAll(t, fs, []Container{container(1, cmd.Process.Pid, "runsc")}, runtimesOf(r), []Release{r})
	if survey.Evidence[0].Gap != Gone || report.State != Unknown {
		t.Errorf("got gap %d, %v, want %d, unknown", survey.Evidence[0].Gap, report.State, Gone)
	}
}

// lookAsNobody runs this test binary again as the user nobody, in its own mount
// namespace after the commands in mount.
func lookAsNobody(t *testing.T, c Container, mount string) answer {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can become nobody")
	}
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	question, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	script := "DIR=" + dir + "; " + mount + " && exec setpriv --reuid=65534 --regid=65534 --clear-groups /proc/self/fd/3 $LOOK"
	cmd := exec.CommandContext(t.Context(), "unshare", "--mount", "--propagation=private", "sh", "-c", script)
	cmd.Dir = "/"
	cmd.ExtraFiles = []*os.File{self}
	cmd.Env = append(os.Environ(), asked+"="+string(question))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("look as nobody: %v\n%s", err, stderr.String())
	}
	var a answer
	if err := json.Unmarshal(out, &a); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return a
}

func TestFault_V06_NobodyMayNotSay(t *testing.T) {
	cmd := sleeper(t, "/bin/cat", "cat")
	c := container(1, cmd.Process.Pid, "runsc")
	for _, tt := range []struct {
		name, mount string
		want        Gap
	}{
		{"without CAP_SYS_PTRACE", "LOOK=/proc", Denied},
		// procfs is mounted over /proc, because only root may enter the parent
		// directories of DIR.
		{"hidepid", "mount -t proc -o hidepid=invisible proc /proc && LOOK=/proc", Gone},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := lookAsNobody(t, c, tt.mount)
			if got.Gap != tt.want || got.State != Unknown {
				t.Errorf("got %+v, want gap %d, unknown", got, tt.want)
			}
			if tt.want == Denied && got.Denied == 0 {
				t.Errorf("got %+v, want processes that were denied", got)
			}
		})
	}
}

// A real process executes another file in the middle of the look.
func TestFault_V02_RealExecutableReplacedDuringTheLook(t *testing.T) {
	r, cat := catRelease(t)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer write.Close()
	shell := exec.Command("/bin/sh", "-c", "read go; exec "+cat+" -")
	shell.Stdin = read
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	read.Close()
	t.Cleanup(func() { _ = shell.Process.Kill(); _ = shell.Wait() })
	proc := newFakeProc(t)
	proc.adopt(shell.Process.Pid)
	fs := proc.fs()
	before := ""
	fs.onLook = func(pid int) {
		if before != "" {
			return
		}
		path := fmt.Sprintf("/proc/%d/exe", pid)
		before, _ = os.Readlink(path)
		if _, err := io.WriteString(write, "go\n"); err != nil {
			t.Error(err)
		}
		for now := before; now == before; now, err = os.Readlink(path) {
			if err != nil {
				t.Error(err)
				return
			}
			runtime.Gosched()
		}
	}
	survey, err := fs.Look(t.Context(), []Container{{ID: containerID(1), PID: shell.Process.Pid}}, []Release{r})
	if err != nil {
		t.Fatal(err)
	}
	e := survey.Evidence[0]
	if before == "" || e.Gap != Complete || e.Process.Exe.Path != cat {
		t.Errorf("began as %q: got gap %d, %s, want complete, %s: what it executed at the last of two looks that agree", before, e.Gap, e.Process.Exe.Path, cat)
	}
}
