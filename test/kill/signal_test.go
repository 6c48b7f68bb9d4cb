package kill

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"runsc-provisioner/test/lab"
)

// signals are sent in turn, from one point to the next.
var signals = []string{"HUP", "TERM", "INT"}

// sending returns the environment of a run that gets a signal at a point, and
// goes on after it had time to receive it.
func sending(number int, signal string) string {
	return fmt.Sprintf("RUNSC_FAILPOINT=%d RUNSC_FAILPOINT_DO='kill -%s $PPID; sleep 0.1' ", number, signal)
}

// ended is the end of a run that got a signal.
type ended struct {
	lab.Result
	text string // of daemon.json
}

func (s *sweeper) signalled(number int, signal string) (ended, error) {
	r, err := s.Run(s.t.Context(), "bash", "-c", sending(number, signal)+s.run)
	if err != nil {
		return ended{}, err
	}
	text, err := s.shell(0, "cat "+daemonJSON+" 2>/dev/null || echo '{}'")
	return ended{r, text}, err
}

// signal does one round. Its error is an inconsistency.
func (s *sweeper) signal(number int, signal string) error {
	if _, err := s.shell(0, s.reset); err != nil {
		return fmt.Errorf("before the run: %w", err)
	}
	ran, err := s.shell(0, running)
	if err != nil {
		return fmt.Errorf("before the run: %w", err)
	}
	before, err := s.shell(0, "cat "+daemonJSON+" 2>/dev/null || echo '{}'")
	if err != nil {
		return err
	}
	end, err := s.signalled(number, signal)
	if err != nil {
		return err
	}
	if err := s.checkOutcome(end, before); err != nil {
		return fmt.Errorf("after the signal: %w: %v", err, end.Result)
	}
	if err := s.consistent(ran); err != nil {
		return fmt.Errorf("after the signal: %w: %v", err, end.Result)
	}
	said, err := s.shell(s.after, s.next)
	if err != nil {
		return fmt.Errorf("the next run: %w", err)
	}
	if strings.Contains(said, "killed") || end.Code == 0 && s.code == 0 && !strings.Contains(said, "nothing to do") {
		return fmt.Errorf("the next run after exit %d: %s", end.Code, said)
	}
	return s.converged(ran)
}

// checkOutcome compares the exit code and output of a run with the host: everything
// done, nothing changed, or the finished steps kept.
func (s *sweeper) checkOutcome(end ended, before string) error {
	last := s.texts[len(s.texts)-1]
	switch {
	case end.Code == s.code && s.code != 0 && same(end.text, before):
	case end.Code == 0 && s.code == 0 && same(end.text, last):
	case (end.Code == 1 || end.Code == 3) && same(end.text, before):
	case end.Code == 1 && same(end.text, last) && strings.Contains(end.Stderr, "is in effect"):
	default:
		return fmt.Errorf("exit %d with daemon.json %s", end.Code, end.text)
	}
	if left, err := s.shell(0, "ls /var/lib/runsc-provisioner/journal.json 2>/dev/null || true"); err != nil || left != "" {
		return errors.Join(err, fmt.Errorf("left behind: %s", left))
	}
	return s.agrees(end.text)
}

// agrees compares dockerd's settings with the text of daemon.json.
func (s *sweeper) agrees(text string) error {
	var file struct {
		Default  string `json:"default-runtime"`
		Remap    string `json:"userns-remap"`
		Runtimes map[string]struct{ Path string }
	}
	if err := json.Unmarshal([]byte(text), &file); err != nil {
		return err
	}
	want := []string{file.Default, file.Runtimes["runsc"].Path, ""}
	if file.Default == "" {
		want[0] = "runc"
	}
	if file.Remap != "" {
		want[2] = "remapped"
	}
	got, err := s.shell(0, up+state)
	if err != nil {
		return err
	}
	if squeeze(got) != squeeze(strings.Join(want, " ")) {
		return fmt.Errorf("dockerd runs with %q, and daemon.json is %s", got, text)
	}
	return nil
}

func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

// A signal at every instant: nothing has changed or everything is done, dockerd
// agrees, and the output of this run and the next one is true.
func TestFault_X14_SignalledAtEveryInstant(t *testing.T) {
	binary := lab.BuildWithFailpoints(t)
	all := scenarios()[:4]
	if !everything() {
		all = all[:1]
	}
	var sent, inconsistent int
	for _, s := range all {
		t.Run(s.name+" on "+s.suite, func(t *testing.T) {
			one := boot(t, s, binary)
			if s.setup != "" {
				if _, err := one.shell(0, s.setup); err != nil {
					t.Fatal(err)
				}
			}
			points, err := one.points()
			if err != nil {
				t.Fatal(err)
			}
			for i, number := range numbers(t, len(points)) {
				if !everything() && i%3 != 0 {
					continue
				}
				signal := signals[number%len(signals)]
				sent++
				if err := one.signal(number, signal); err != nil {
					inconsistent++
					t.Errorf("SIG%s at point %d, %q (%s=%d takes only this one):\n%v", signal, number, points[number-1], onlyEnv, number, err)
				}
			}
			t.Logf("%s on %s: %d points", s.name, s.suite, len(points))
		})
	}
	fmt.Printf("signalled %d times, %d hosts left inconsistent\n", sent, inconsistent)
}

// pointOf returns the number of the first point with the name.
func pointOf(t *testing.T, points []string, name string) int {
	t.Helper()
	if i := slices.Index(points, name); i >= 0 {
		return i + 1
	}
	t.Fatalf("no point %q among %q", name, points)
	return 0
}

// The terminal goes away, as when an ssh session is lost: writes return EIO,
// and the run gets SIGHUP. Ctrl-C goes to all foreground processes of the
// terminal.
func TestFault_X14_TheTerminalGoesAway(t *testing.T) {
	s := boot(t, scenarios()[0], lab.BuildWithFailpoints(t))
	if _, err := s.shell(0, s.setup); err != nil {
		t.Fatal(err)
	}
	points, err := s.points()
	if err != nil {
		t.Fatal(err)
	}
	// The shell that script starts owns the terminal, and ends with it. The kernel then sends
	// SIGHUP to everything in the foreground, which also ends the point's script.
	const lost = "kill -9 $(pgrep -x script); sleep 60"
	last := len(points)
	for _, test := range []struct {
		name, do string
		point    int
		nohup    bool
		codes    string
	}{
		{"lost in the middle", lost, pointOf(t, points, "reload: signalled"), false, "3"},
		{"lost after the last step", lost, last, false, "0"},
		{"lost, with nohup", "kill -9 $(pgrep -x script); sleep 2", pointOf(t, points, "reload: signalled"), true, "0"},
		{"Ctrl-C in the middle", "/bin/kill -INT -- -$(echo $(ps -o pgid= -p $PPID)); sleep 2", pointOf(t, points, "proof: started"), false, "1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &sweeper{scenario: s.scenario, Host: s.Host, t: t}
			if _, err := s.shell(0, s.reset); err != nil {
				t.Fatal(err)
			}
			run := s.run
			if test.nohup {
				run = "nohup " + run
			}
			// The shell goes on after a signal, to record the exit code. script
			// makes the pty.
			script := "trap : HUP INT; RUNSC_FAILPOINT=" + fmt.Sprint(test.point) + " RUNSC_FAILPOINT_DO='" + test.do + "' " + run + "; echo $? >/run/code.new; mv /run/code.new /run/code"
			if _, err := s.shell(0, "rm -f /run/code; cat >/run/it <<'END'\n"+script+"\nEND\n(script -qec 'bash /run/it; exit' /dev/null </dev/null >/run/out 2>&1 &) ; for i in $(seq 3000); do [ -e /run/code ] && break; sleep 0.1; done"); err != nil {
				t.Fatal(err)
			}
			code := strings.TrimSpace(mustShell(t, s, "cat /run/code /run/it 2>/dev/null | head -1"))
			if code != test.codes {
				t.Fatalf("got exit %s, want %s: %s", code, test.codes, mustShell(t, s, "cat /run/out"))
			}
			text := mustShell(t, s, "cat "+daemonJSON)
			if want := map[bool]string{true: olderAll, false: start}[code == "0"]; !same(text, want) {
				t.Errorf("got daemon.json %s, want %s", text, want)
			}
			if err := s.agrees(text); err != nil {
				t.Error(err)
			}
			if left := mustShell(t, s, leftovers); left != "" {
				t.Errorf("left behind: %s", left)
			}
			mustShell(t, s, s.next)
		})
	}
}

func mustShell(t *testing.T, s *sweeper, script string) string {
	t.Helper()
	out, err := s.shell(0, script)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
