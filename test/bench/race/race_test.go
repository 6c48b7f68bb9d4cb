package race

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shell returns an entrant that runs a script.
func shell(name, script string) Entrant {
	return Entrant{Name: name, Argv: []string{"sh", "-c", script}}
}

func TestRunsAreTakenInTurn(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	result, err := Run(t.Context(), Race{Warmup: 1, Runs: 2, Entrants: []Entrant{
		shell("a", "printf a >> "+log), shell("b", "printf b >> "+log),
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(text), "ababab"; got != want {
		t.Errorf("order: got %q, want %q", got, want)
	}
	if result.Floor < 1<<20 || result.Floor > 1<<30 {
		t.Errorf("floor: got %d bytes, want the few megabytes of this program", result.Floor)
	}
	for _, name := range []string{"a", "b"} {
		if got, want := len(result.Samples[name]), 2; got != want {
			t.Errorf("samples of %s without the warm-up: got %d, want %d", name, got, want)
		}
		if slices.Min(result.Walls(name)) <= 0 {
			t.Errorf("walls of %s: got %v, want some time each", name, result.Walls(name))
		}
	}
}

func TestMemoryThatIsNotAboveThatOfTheTimerIsHidden(t *testing.T) {
	result := Result{Floor: 5e6, Samples: map[string][]Sample{
		"above":     {{Peak: 6e6}, {Peak: 7e6}},
		"at it":     {{Peak: 5e6}, {Peak: 5e6}},
		"once only": {{Peak: 6e6}, {Peak: 4e6}},
	}}
	for entrant, want := range map[string]bool{"above": false, "at it": true, "once only": true} {
		if got := result.Hidden(entrant); got != want {
			t.Errorf("%s: got %v, want %v", entrant, got, want)
		}
	}
}

func TestEachRunHasAFreshDirectory(t *testing.T) {
	scratch := t.TempDir()
	_, err := Run(t.Context(), Race{Runs: 3, Scratch: scratch, Entrants: []Entrant{
		shell("a", "test -z \"$(ls)\" && mkdir full && touch full/file"),
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(scratch)
	if err != nil || len(left) > 0 {
		t.Errorf("left in %s: got %v (%v), want nothing", scratch, left, err)
	}
}

func TestARunThatDoesNotDoItsWorkEndsTheRace(t *testing.T) {
	for _, test := range []struct {
		name    string
		entrant Entrant
		want    []string // in the error
	}{
		{"it fails", shell("a", "echo reason >&2; exit 3"), []string{"run a", "exit status 3", "reason"}},
		{"it is killed", shell("a", "kill -9 $$"), []string{"run a", "signal: killed"}},
		{"it prints something else", Entrant{Name: "a", Argv: []string{"echo", "changed it"}, Want: "nothing to do"}, []string{"run a", `no "nothing to do"`, "changed it"}},
		{"it is missing", Entrant{Name: "a", Argv: []string{"/nonexistent/program"}}, []string{"run a", "/nonexistent/program"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Run(t.Context(), Race{Runs: 2, Entrants: []Entrant{test.entrant}}, nil)
			if err == nil {
				t.Fatalf("got no error, want one with %q", test.want)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want %q in it", err, want)
				}
			}
		})
	}
}

func TestOutputOfAnEarlierRunIsNotTakenForThatOfALaterOne(t *testing.T) {
	marker := filepath.Join(t.TempDir(), "ran")
	once := shell("a", "test -e "+marker+" || echo said; touch "+marker)
	once.Want = "said"
	if _, err := Run(t.Context(), Race{Runs: 2, Entrants: []Entrant{once}}, nil); err == nil {
		t.Error("got no error, want the second run to fail: it says nothing")
	}
}

func TestTheEnvironmentIsClean(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:9")
	entrant := shell("a", `test -z "${HTTPS_PROXY:-}" && echo "$OURS"`)
	entrant.Env, entrant.Want = []string{"OURS=here"}, "here"
	if _, err := Run(t.Context(), Race{Runs: 1, Entrants: []Entrant{entrant}}, nil); err != nil {
		t.Error(err)
	}
}

func TestPeakIsThatOfTheLargestChild(t *testing.T) {
	const size = 64 << 20
	result, err := Run(t.Context(), Race{Runs: 1, Entrants: []Entrant{
		// dd holds one block in memory.
		shell("a", "dd if=/dev/zero of=/dev/null bs=64M count=1 2>/dev/null; true"),
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := result.Samples["a"][0].Peak; got < size || got > 2*size {
		t.Errorf("peak: got %d bytes, want some more than %d", got, size)
	}
}

func TestWhatIsBeforeARunIsNotPartOfIt(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	watched := false
	entrant := shell("a", "printf a >> "+log)
	entrant.Before = []string{"sh", "-c", "printf b >> " + log + "; echo said"}
	watch := func() func() Answers {
		if text, _ := os.ReadFile(log); !strings.HasSuffix(string(text), "b") {
			t.Errorf("watched after %q, want the preparation first", text)
		}
		watched = true
		return func() Answers { return Answers{Asked: 1} }
	}
	result, err := Run(t.Context(), Race{Runs: 2, Entrants: []Entrant{entrant}}, watch)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(log); err != nil || string(text) != "baba" {
		t.Errorf("order: got %q, %v, want baba", text, err)
	}
	if got := result.Seen("a"); !watched || got.Asked != 2 {
		t.Errorf("seen: got %+v, want one answer in each of two runs", got)
	}
	entrant.Want = "said"
	if _, err := Run(t.Context(), Race{Runs: 1, Entrants: []Entrant{entrant}}, nil); err == nil {
		t.Error("got no error, want the output of Before ignored")
	}
	entrant.Before = []string{"sh", "-c", "exit 3"}
	if _, err := Run(t.Context(), Race{Runs: 1, Entrants: []Entrant{entrant}}, nil); err == nil || !strings.Contains(err.Error(), "before it: exit status 3") {
		t.Errorf("got %v, want the failure before the run", err)
	}
}

func TestTurnsComeOneAfterTheOther(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	entrant := Entrant{Name: "a", Argv: []string{"sh", "-c", "printf $0 >> " + log}, Turns: []string{"x", "y"}}
	if _, err := Run(t.Context(), Race{Warmup: 1, Runs: 4, Entrants: []Entrant{entrant}}, nil); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(log); err != nil || string(text) != "xyxyx" {
		t.Errorf("got %q, %v, want xyxyx", text, err)
	}
}

func TestOneRestsAsLongAsTheOtherRan(t *testing.T) {
	var seen []string
	watch := func() func() Answers {
		seen = append(seen, "begin")
		return func() Answers {
			seen = append(seen, "end")
			return Answers{}
		}
	}
	result, err := Run(t.Context(), Race{Runs: 2, Entrants: []Entrant{shell("a", "true"), {Name: "b", Rests: "a"}}}, watch)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := result.Walls("b"), result.Walls("a"); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := strings.Join(seen, " "), strings.TrimSpace(strings.Repeat("begin end ", 4)); got != want {
		t.Errorf("watched: got %s, want %s", got, want)
	}
}

func TestAnswersOfAllRunsAreSummedUp(t *testing.T) {
	result := Result{Samples: map[string][]Sample{"a": {
		{Seen: Answers{Asked: 3, Longest: 2 * time.Second}},
		{Seen: Answers{Asked: 4, Failed: 2, Longest: time.Second, Why: "reset"}},
	}}}
	if got, want := result.Seen("a"), (Answers{Asked: 7, Failed: 2, Longest: 2 * time.Second, Why: "reset"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, want := result.Longest("a"), []float64{2, 1}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestARaceAndItsProcessesEndWithItsContext(t *testing.T) {
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	started := filepath.Join(t.TempDir(), "started")
	if err := syscall.Mkfifo(started, 0o600); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		// Opening waits until the entrant's child opens the other end, which is
		// closed when the child is gone.
		f, err := os.Open(started)
		cancel(cause)
		if err == nil {
			err = f.SetReadDeadline(time.Now().Add(10 * time.Second))
		}
		if err == nil {
			_, err = io.Copy(io.Discard, f)
		}
		ended <- errors.Join(err, f.Close())
	}()
	_, err := Run(ctx, Race{Runs: 1, Entrants: []Entrant{shell("a", "sleep 20 >"+started+" & wait")}}, nil)
	if err := <-ended; err != nil {
		t.Errorf("wait for the entrant's child: %v", err)
	}
	if !errors.Is(err, cause) {
		t.Errorf("got %v, want %v", err, cause)
	}
}
