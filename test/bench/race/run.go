package race

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	// runTimeout limits one run; the longest takes seconds.
	runTimeout = 2 * time.Minute
	// outputLimit limits how much of a run's output is read, in bytes.
	outputLimit = 1 << 20
)

// Run runs the race. It returns the error of the first run that fails, or the
// cause of ctx. watch, which may be nil, watches each run.
func Run(ctx context.Context, r Race, watch Watch) (Result, error) {
	output, err := os.CreateTemp("", "race-")
	if err != nil {
		return Result{}, err
	}
	defer output.Close()
	if err := os.Remove(output.Name()); err != nil {
		return Result{}, err
	}
	if watch == nil {
		watch = func() func() Answers { return func() Answers { return Answers{} } }
	}
	result := Result{Samples: map[string][]Sample{}}
	last := map[string]time.Duration{}
	for round := range r.Warmup + r.Runs {
		for _, entrant := range r.Entrants {
			track := track{r.Scratch, output, watch}
			var sample Sample
			if entrant.Rests != "" {
				sample, err = track.rest(ctx, last[entrant.Rests])
			} else {
				sample, err = track.run(ctx, entrant, round)
			}
			if err != nil {
				return Result{}, fmt.Errorf("run %s: %w", entrant.Name, err)
			}
			last[entrant.Name] = sample.Wall
			if round >= r.Warmup {
				result.Samples[entrant.Name] = append(result.Samples[entrant.Name], sample)
			}
		}
	}
	result.Floor, err = ownPeak()
	return result, err
}

// A track is where entrants run.
type track struct {
	scratch string
	output  *os.File
	watch   Watch
}

// rest sleeps for a while.
func (t track) rest(ctx context.Context, d time.Duration) (Sample, error) {
	end := t.watch()
	select {
	case <-ctx.Done():
		end()
		return Sample{}, context.Cause(ctx)
	case <-time.After(d):
		return Sample{Wall: d, Seen: end()}, nil
	}
}

// run runs the entrant once, in a new directory below scratch if that is set.
func (t track) run(ctx context.Context, e Entrant, round int) (s Sample, err error) {
	dir := "/"
	if t.scratch != "" {
		if dir, err = os.MkdirTemp(t.scratch, "run-"); err != nil {
			return Sample{}, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		// Otherwise an entrant that syncs files would wait for the writes of an
		// earlier run.
		syscall.Sync()
	}
	if len(e.Before) > 0 {
		if _, err := t.start(ctx, dir, e.Env, e.Before); err != nil {
			return Sample{}, fmt.Errorf("before it: %w", err)
		}
	}
	argv := e.Argv
	if len(e.Turns) > 0 {
		argv = append(slices.Clone(argv), e.Turns[round%len(e.Turns)])
	}
	end := t.watch()
	s, err = t.start(ctx, dir, e.Env, argv)
	s.Seen = end()
	if err != nil {
		return Sample{}, err
	}
	said, err := t.said()
	if err == nil && !strings.Contains(said, e.Want) {
		err = fmt.Errorf("its output has no %q: %s", e.Want, said)
	}
	return s, err
}

// start runs one program to its end.
func (t track) start(ctx context.Context, dir string, env, argv []string) (Sample, error) {
	if err := rewind(t.output); err != nil {
		return Sample{}, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, runTimeout, fmt.Errorf("not done after %s", runTimeout))
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=/root", "LANG=C.UTF-8"}, env...)
	// Kill its children with it: they would disturb the next run.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	// A file: a pipe would need a reader during the measurement.
	cmd.Stdout, cmd.Stderr = t.output, t.output

	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start)
	if ctx.Err() != nil {
		return Sample{}, context.Cause(ctx)
	}
	if err != nil {
		said, readErr := t.said()
		return Sample{}, errors.Join(fmt.Errorf("%w: %s", err, said), readErr)
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return Sample{Wall: wall, Peak: usage.Maxrss * kibibyte}, nil
}

// said returns the output of the last program.
func (t track) said() (string, error) {
	text, err := io.ReadAll(io.NewSectionReader(t.output, 0, outputLimit))
	return string(text), err
}

// kibibyte is Linux's unit of memory (getrusage(2), proc_pid_status(5)).
const kibibyte = 1024

// ownPeak returns the memory that new processes share with this one. getrusage
// would be wrong here: its value includes the memory of this process's own
// parent.
func ownPeak() (int64, error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, fmt.Errorf("look at own memory: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if value, is := strings.CutPrefix(line, "VmHWM:"); is {
			var peak int64
			if _, err := fmt.Sscanf(value, "%d kB", &peak); err != nil {
				return 0, fmt.Errorf("look at own memory: %q: %w", line, err)
			}
			return peak * kibibyte, nil
		}
	}
	return 0, errors.New("look at own memory: /proc/self/status has no VmHWM")
}

func rewind(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.Seek(0, io.SeekStart)
	return err
}
