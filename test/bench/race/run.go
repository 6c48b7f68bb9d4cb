package race

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

const (
	// runTimeout bounds one run; the longest takes seconds.
	runTimeout = 2 * time.Minute
	// outputLimit bounds what is looked at of a run's output, in bytes.
	outputLimit = 1 << 20
)

// Run runs the race. It fails with the first run that does, and with the
// cause of ctx.
func Run(ctx context.Context, r Race) (Result, error) {
	output, err := os.CreateTemp("", "race-")
	if err != nil {
		return Result{}, err
	}
	defer output.Close()
	if err := os.Remove(output.Name()); err != nil {
		return Result{}, err
	}
	result := Result{Samples: map[string][]Sample{}}
	for round := range r.Warmup + r.Runs {
		for _, entrant := range r.Entrants {
			sample, err := entrant.run(ctx, r.Scratch, output)
			if err != nil {
				return Result{}, fmt.Errorf("run %s: %w", entrant.Name, err)
			}
			if round >= r.Warmup {
				result.Samples[entrant.Name] = append(result.Samples[entrant.Name], sample)
			}
		}
	}
	result.Floor, err = ownPeak()
	return result, err
}

// run runs the entrant once, in a fresh directory below scratch if that is
// named.
func (e Entrant) run(ctx context.Context, scratch string, output *os.File) (s Sample, err error) {
	dir := "/"
	if scratch != "" {
		if dir, err = os.MkdirTemp(scratch, "run-"); err != nil {
			return Sample{}, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		// Who syncs files would else wait for what an earlier run has written.
		syscall.Sync()
	}
	if err := rewind(output); err != nil {
		return Sample{}, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, runTimeout, fmt.Errorf("not done after %s", runTimeout))
	defer cancel()
	cmd := exec.CommandContext(ctx, e.Argv[0], e.Argv[1:]...)
	cmd.Dir = dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=/root", "LANG=C.UTF-8"}, e.Env...)
	// With its children, should it be killed: they would disturb who is next.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	// A file: a pipe would have to be read while the time runs.
	cmd.Stdout, cmd.Stderr = output, output

	start := time.Now()
	err = cmd.Run()
	wall := time.Since(start)

	said, readErr := io.ReadAll(io.NewSectionReader(output, 0, outputLimit))
	switch {
	case ctx.Err() != nil:
		return Sample{}, context.Cause(ctx)
	case err != nil:
		return Sample{}, fmt.Errorf("%w: %s", err, said)
	case readErr != nil:
		return Sample{}, readErr
	case !strings.Contains(string(said), e.Want):
		return Sample{}, fmt.Errorf("its output has no %q: %s", e.Want, said)
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return Sample{Wall: wall, Peak: usage.Maxrss * kibibyte}, nil
}

// kibibyte is what Linux counts memory in (getrusage(2), proc_pid_status(5)).
const kibibyte = 1024

// ownPeak is what new processes share with this one. What getrusage says of
// this process would not do: that has its parent's memory in it in turn.
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
