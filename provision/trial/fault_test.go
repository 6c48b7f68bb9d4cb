package trial

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"runsc-provisioner/test/fakedockerd"
)

// trialQuestions are the requests of a start, in order.
var trialQuestions = map[string]string{
	"POST /images/create":        "import",
	"POST /containers/create":    "create",
	"POST /containers/ID/attach": "attach",
	"POST /containers/ID/start":  "start",
	"GET /containers/ID/json":    "inspect",
}

func TestFault_E09_TrialThatFailsLeavesNothing(t *testing.T) {
	for question, act := range trialQuestions {
		for _, acted := range []bool{false, true} {
			f := newFake(t)
			f.Fault = func(asked string, w http.ResponseWriter, r *http.Request, do func()) bool {
				if asked != question {
					return false
				}
				if acted {
					do()
				}
				fakedockerd.Refuse(w, 500, "runsc says: no kvm")
				return true
			}
			_, err := Start(t.Context(), f.open(), ownSpec(t))
			failure, ok := errors.AsType[*Error](err)
			if !ok || failure.Act != act {
				t.Errorf("%s, acted upon %t: got %v, want an Error of %s", question, acted, err, act)
			}
			// moby's client drops the message when an attach is refused.
			if act != "attach" && (err == nil || !strings.Contains(err.Error(), "runsc says: no kvm")) {
				t.Errorf("%s: got %v, want dockerd's words", question, err)
			}
			f.RequireNothingLeft()
		}
	}
}

func TestFault_E09_MessageOfTheRuntimeIsComplete(t *testing.T) {
	tests := []struct {
		situation string
		length    int
		want      string // at the end
	}{
		{"a panic", 60 << 10, "xx the end"},
		{"an endless message", 1 << 20, "xx"},
	}
	for _, tt := range tests {
		f := newFake(t)
		f.Fault = func(asked string, w http.ResponseWriter, r *http.Request, do func()) bool {
			if asked != "POST /containers/ID/start" {
				return false
			}
			fakedockerd.Refuse(w, 500, "the beginning "+strings.Repeat("x", tt.length)+" the end")
			return true
		}
		_, err := Start(t.Context(), f.open(), ownSpec(t))
		if err == nil || !strings.Contains(err.Error(), "the beginning xx") || !strings.HasSuffix(err.Error(), tt.want) || len(err.Error()) > 64<<10+1024 {
			t.Errorf("%s: got %.100v, want it from the beginning to %q", tt.situation, err, tt.want)
		}
	}
}

func TestFault_E09_ImportThatFailsAfterItsStatus(t *testing.T) {
	tests := []struct{ situation, answer, want string }{
		{"an error in the stream", `{"status":"Importing"}` + "\n" + `{"errorDetail":{"message":"no space left"},"error":"no space left"}`, "no space left"},
		{"no image", ``, "no new image"},
		{"cut short", `{"status":"Impo`, "unexpected EOF"},
	}
	for _, tt := range tests {
		f := newFake(t)
		f.Fault = func(asked string, w http.ResponseWriter, r *http.Request, do func()) bool {
			if asked != "POST /images/create" {
				return false
			}
			do()
			w.Write([]byte(tt.answer))
			return true
		}
		_, err := Start(t.Context(), f.open(), ownSpec(t))
		if failure, ok := errors.AsType[*Error](err); !ok || failure.Act != "import" || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.situation, err, tt.want)
		}
		f.RequireNothingLeft()
	}
}

// A dockerd (20.10) that stopped between making an image and naming it was seen
// to leave it behind.
func TestFault_E07_ImageThatGotNoName(t *testing.T) {
	f := newFake(t)
	f.Fault = func(asked string, w http.ResponseWriter, r *http.Request, do func()) bool {
		if asked != "POST /images/create" {
			return false
		}
		f.SetState(fakedockerd.State{Nameless: true})
		panic(http.ErrAbortHandler)
	}
	if _, err := Start(t.Context(), f.open(), ownSpec(t)); err == nil {
		t.Error("got no error")
	}
	f.RequireNothingLeft()
}

func TestFault_F03_InterruptedTrialLeavesNothing(t *testing.T) {
	const (
		done    = "done"
		late    = "done long after the client is gone"
		refused = "done and refused"
	)
	for question := range trialQuestions {
		for _, how := range []string{done, late, refused} {
			f := newFake(t)
			ctx, cancel := context.WithCancel(t.Context())
			f.Fault = func(asked string, w http.ResponseWriter, r *http.Request, do func()) bool {
				if asked != question {
					return false
				}
				if question == "POST /images/create" {
					do() // all of it has come
				}
				cancel()
				if how == late { // no event: a client that gives up has removed what it finds by then
					time.Sleep(300 * time.Millisecond)
				}
				do()
				if how == refused {
					fakedockerd.Refuse(w, 500, "context canceled on the other side")
				}
				return how == refused
			}
			_, err := Start(ctx, f.open(), ownSpec(t))
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s, %s: got %v, want %v", question, how, err, context.Canceled)
			}
			f.RequireNothingLeft()
		}
	}
}

func TestRemovalIsTriedUntilItIsDone(t *testing.T) {
	tests := []struct {
		situation string
		question  string
		fault     func(time int32, w http.ResponseWriter, do func()) (answered bool)
	}{
		{"already being removed", "DELETE /containers/ID", func(time int32, w http.ResponseWriter, do func()) bool {
			if time == 3 {
				do()
			}
			fakedockerd.Refuse(w, http.StatusConflict, "removal of container is already in progress")
			return true
		}},
		{"gone before it is removed", "DELETE /containers/ID", func(_ int32, w http.ResponseWriter, do func()) bool {
			do()
			fakedockerd.Refuse(w, http.StatusNotFound, "No such container")
			return true
		}},
		{"an error at first", "DELETE /containers/ID", func(time int32, w http.ResponseWriter, _ func()) bool {
			if time < 3 {
				fakedockerd.Refuse(w, http.StatusInternalServerError, "device or resource busy")
			}
			return time < 3
		}},
		{"image in use for a moment", "DELETE /images/" + ownName, func(time int32, w http.ResponseWriter, _ func()) bool {
			if time < 3 {
				fakedockerd.Refuse(w, http.StatusConflict, "image is being used by stopped container")
			}
			return time < 3
		}},
		{"dockerd is restarted", "GET /containers/json", func(time int32, w http.ResponseWriter, _ func()) bool {
			if time < 3 {
				panic(http.ErrAbortHandler)
			}
			return false
		}},
	}
	for _, tt := range tests {
		t.Run(tt.situation, func(t *testing.T) {
			f := newFake(t)
			f.SetState(fakedockerd.State{Image: true, Container: true})
			var times atomic.Int32
			f.Fault = func(asked string, w http.ResponseWriter, r *http.Request, do func()) bool {
				return asked == tt.question && tt.fault(times.Add(1), w, do)
			}
			if err := Remove(t.Context(), f.open(), ownName); err != nil {
				t.Error(err)
			}
			f.RequireNothingLeft()
		})
	}
}

func TestRemoveOfMissingOrForeignObjects(t *testing.T) {
	f := newFake(t)
	c := f.open()
	if err := Remove(t.Context(), c, ownName); err != nil {
		t.Errorf("nothing there: %v", err)
	}
	for _, name := range []string{"", "web", Prefix, ownName + "/x", ownName + ".", "x" + ownName} {
		before := len(f.Questions())
		if err := Remove(t.Context(), c, name); err == nil || len(f.Questions()) > before {
			t.Errorf("%q: got %v after %q, want an error and no question", name, err, f.Questions()[before:])
		}
	}
}

func TestRemoveFindsLateObjects(t *testing.T) {
	f := newFake(t)
	var once sync.Once
	f.Fault = func(asked string, w http.ResponseWriter, r *http.Request, do func()) bool {
		if asked == "DELETE /images/"+ownName {
			once.Do(func() {
				fakedockerd.Refuse(w, http.StatusNotFound, "no such image")
				f.SetState(fakedockerd.State{Image: true, Container: true})
				asked = ""
			})
		}
		return asked == ""
	}
	if err := Remove(t.Context(), f.open(), ownName); err != nil {
		t.Error(err)
	}
	f.RequireNothingLeft()
}

func TestRemoveEndsWithTheContext(t *testing.T) {
	f := newFake(t)
	ctx, cancel := context.WithCancel(t.Context())
	f.Fault = func(asked string, w http.ResponseWriter, r *http.Request, do func()) bool {
		cancel()
		<-r.Context().Done()
		return true
	}
	if err := Remove(ctx, f.open(), ownName); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestKillRuntimeKillsTheGroupOfTheProcessWithTheID(t *testing.T) {
	const id = "5b1d"
	// start runs a shell with a child and returns a channel that is closed when
	// both have ended.
	start := func(args ...string) (pid int, alive io.Reader) {
		cmd := exec.Command("sh", append([]string{"-c", "sleep 1000 & echo started; wait"}, args...)...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		output, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			cmd.Wait()
		})
		if line, err := bufio.NewReader(output).ReadString('\n'); err != nil {
			t.Fatalf("got %q, %v", line, err)
		}
		return cmd.Process.Pid, output
	}
	_, hanging := start("shim", "-id", id)
	similar, _ := start("shim", "-id", id+"0")
	if err := killRuntime("/proc", id); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(hanging); err != nil {
		t.Error(err)
	}
	if ended, err := syscall.Wait4(similar, nil, syscall.WNOHANG, nil); ended != 0 || err != nil {
		t.Errorf("one with a similar ID: got %d, %v, want it running", ended, err)
	}
	if err := killRuntime(t.TempDir(), id); err != nil {
		t.Errorf("no processes: %v", err)
	}
	if err := killRuntime("/none", id); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no /proc: got %v, want %v", err, os.ErrNotExist)
	}
}
