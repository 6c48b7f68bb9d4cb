package command

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// programs is a directory with a sleep(1) that no other test runs.
func programs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(sleep)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "sleep"), text, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = EndIn(dir) })
	return dir
}

// leaves is a script that leaves left processes behind, and waits for a line of its input.
func leaves(dir string) string {
	sleep := filepath.Join(dir, "sleep") + " 86400"
	return sleep + " & " + sleep + " >/dev/null 2>&1 & setsid " + sleep + " & (setsid sh -c '" + sleep + " & " + sleep + "' >/dev/null 2>&1 &); read line; echo said"
}

const left = 5

// waitFor waits until so many processes run a program in dir.
func waitFor(t *testing.T, dir string, count int) {
	t.Helper()
	for len(running(t, dir)) < count {
		if t.Context().Err() != nil {
			t.Fatal("the test ended")
		}
		time.Sleep(time.Millisecond)
	}
}

// running lists the processes whose program is in dir.
func running(t *testing.T, dir string) (pids []int) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil && runsIn(pid, dir) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func TestFault_X13_NoProcessIsLeft(t *testing.T) {
	for name, test := range map[string]struct {
		exit  int
		alone bool // as it is started; otherwise as if no pid namespace could be made
	}{
		"succeeds":               {0, true},
		"fails":                  {3, true},
		"succeeds, no namespace": {0, false},
		"fails, no namespace":    {3, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := programs(t)
			var out bytes.Buffer
			goOn, line, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer goOn.Close()
			build := func() *exec.Cmd {
				cmd := New(t.Context(), "sh", "-c", leaves(dir)+"; exit "+strconv.Itoa(test.exit))
				cmd.Stdin, cmd.Stdout, cmd.Stderr = goOn, &out, &out
				return cmd
			}
			c := &Contained{Cmd: build(), dir: dir}
			if test.alone {
				c, err = Contain(dir, build)
			} else {
				err = c.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			waitFor(t, dir, left)
			line.Close()
			err = c.Wait()
			var exit *exec.ExitError
			if test.exit == 0 && err != nil || test.exit != 0 && (!errors.As(err, &exit) || exit.ExitCode() != test.exit) {
				t.Errorf("got %v, want exit %d", err, test.exit)
			}
			if out.String() != "said\n" {
				t.Errorf("got output %q, want it whole", out.String())
			}
			if left := running(t, dir); len(left) > 0 {
				t.Errorf("got processes %v left, want none", left)
			}
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		dir := programs(t)
		ctx, cancel := context.WithCancel(t.Context())
		input, hold, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer hold.Close()
		defer input.Close()
		c, err := Contain(dir, func() *exec.Cmd {
			cmd := New(ctx, "sh", "-c", leaves(dir))
			cmd.Stdin = input
			return cmd
		})
		if err != nil {
			t.Fatal(err)
		}
		waitFor(t, dir, left)
		cancel()
		if err := c.Wait(); err == nil {
			t.Error("got no error, want it killed")
		}
		if left := running(t, dir); len(left) > 0 {
			t.Errorf("got processes %v left, want none", left)
		}
	})
}

func TestContainStartsAProgramWithoutANamespaceOfItsOwn(t *testing.T) {
	for _, errno := range []unix.Errno{unix.EPERM, unix.ENOSPC, unix.EUSERS, unix.EINVAL, unix.ENOSYS} {
		if !noNamespace(&os.PathError{Op: "fork/exec", Path: "/x", Err: errno}) {
			t.Errorf("%v: got an error of the program, want one of the namespace", errno)
		}
	}
	for _, errno := range []unix.Errno{unix.EACCES, unix.ENOENT, unix.ENOEXEC, unix.ETXTBSY} {
		if noNamespace(&os.PathError{Op: "fork/exec", Path: "/x", Err: errno}) {
			t.Errorf("%v: got an error of the namespace, want one of the program", errno)
		}
	}
}
