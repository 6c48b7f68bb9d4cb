package proof

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/failpoint"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/provision/trial"
	"runsc-provisioner/verify"
)

// StepArg makes this program the step of a build that proves a sandbox: "step MODE NONCE TRIAL".
const StepArg = "proof-step"

// The modes of a step. One writes files, and the other waits until it is looked at, and canceled.
const (
	stepWrites = "writes"
	stepWaits  = "waits"
)

const (
	// buildTimeout bounds the proof of a build, which normally takes 3 s.
	buildTimeout = 2 * time.Minute
	// stepTimeout bounds a step that waits. A build that is canceled ends it.
	stepTimeout = 3 * time.Minute
	// stepWithin limits the wait for a step to be in its sandbox.
	stepWithin = time.Minute
	// stepPoll is the time between two looks for a step.
	stepPoll = 20 * time.Millisecond
)

// Step is the step of a build. It runs inside a sandbox, and args are those after StepArg.
func Step(args []string) error {
	if len(args) < 2 {
		return errors.New("no mode and nonce")
	}
	view, err := lookInside()
	if err != nil {
		return err
	}
	if _, err := view.describe(); err != nil {
		return err
	}
	if args[0] == stepWaits {
		time.Sleep(stepTimeout)
		return errors.New("the build was not canceled in time")
	}
	return trialWrites{args[1]}.makeChanges("/")
}

// Build has BuildKit run a step of this program's own. It checks from the host that the step is in a sandbox of the
// release, and that an image has exactly what a step wrote. Image, steps and cache are removed again.
func (r Runner) Build(ctx context.Context, s steps.ProveBuild, name string, flags commandline.Flags, dockerd int) (result string, err error) {
	ctx, cancel := context.WithTimeout(ctx, buildTimeout)
	defer cancel()
	client, err := engine.Open(r.Socket(flags))
	if err != nil {
		return "", err
	}
	defer client.Close()
	writes := newTrialWrites()
	failpoint.Here("build: before the image is made")
	b, err := trial.StartBuild(ctx, client, trial.Spec{Name: name, Init: r.Self, Files: writes.image()})
	if err != nil {
		return "", err
	}
	defer func() {
		failpoint.Here("build: looked at")
		if err = errors.Join(err, b.End(ctx)); err != nil {
			result = ""
		}
		failpoint.Here("build: removed")
	}()
	if err := r.lookAtStep(ctx, b, s, writes.nonce, name, dockerd); err != nil {
		return "", err
	}
	if err := b.RunStep(ctx, StepArg, stepWrites, writes.nonce, name); err != nil {
		return "", err
	}
	image, err := b.CreateUnstarted(ctx)
	if err != nil {
		return "", err
	}
	files, err := image.Files(ctx, writesDir)
	if err == nil {
		err = writes.compareBuilt(files)
	}
	if err != nil {
		return "", err
	}
	return "the host sees the step in a sandbox, and the image has what it wrote", nil
}

// lookAtStep runs a step that waits, looks at it from the host, and cancels it. The build has ended when it returns.
func (r Runner) lookAtStep(ctx context.Context, b *trial.Build, s steps.ProveBuild, nonce, name string, dockerd int) error {
	installed, known, err := r.lookFor(ctx, s.Release)
	if err != nil {
		return err
	}
	runtime := engine.Info{Runtimes: map[string]engine.Runtime{s.Runtime: {Path: installed.Runsc, Args: s.Args}}}
	building, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		defer close(ended)
		ended <- b.RunStep(building, StepArg, stepWaits, nonce, name)
	}()
	defer func() {
		cancel()
		<-ended // or, if its error was taken, the close
	}()
	late := time.After(stepWithin)
	for {
		done, seen := r.findStep(ctx, s, nonce, dockerd, runtime, known)
		if done {
			failpoint.Here("build: the step is seen")
			return seen
		}
		select {
		case err := <-ended:
			return cmp.Or(err, errors.New("the step ended before the host saw it"))
		case <-late:
			return errors.Join(seen, errors.New("no sandbox of the step is seen within "+stepWithin.String()))
		case <-time.After(stepPoll):
		}
	}
}

// findStep looks for the step among all processes. done says that it runs in a sandbox of the release, or, with an error,
// that it never will. A sandbox that is starting is not confined yet: then the error says what it lacks.
func (r Runner) findStep(ctx context.Context, s steps.ProveBuild, nonce string, dockerd int, runtime engine.Info, known []verify.Release) (done bool, err error) {
	if pid, err := r.withArgument(nonce); err != nil || pid != 0 {
		return true, errors.Join(err, outside(pid))
	}
	survey, err := r.Proc().Look(ctx, nil, known)
	if err != nil {
		return true, err
	}
	for _, box := range survey.Sandboxes {
		if !r.isStep(box, nonce, dockerd) {
			continue
		}
		container := verify.Container{ID: box.ContainerID, Runtime: s.Runtime, PID: box.PID, UIDMap: s.UIDMap}
		objection, err := r.judge(ctx, container, s.Release, runtime, known)
		if err == nil && objection != "" {
			return false, errors.New("the step runs, but " + objection)
		}
		return true, err
	}
	return false, nil
}

func outside(pid int) error {
	if pid == 0 {
		return nil
	}
	return fmt.Errorf("the step ran outside any sandbox, as process %d of the host", pid)
}

// isStep reports whether a sandbox runs our step: the specification of its bundle has the nonce, which no other has.
func (r Runner) isStep(box verify.Sandbox, nonce string, dockerd int) bool {
	line, err := durable.ReadProc(filepath.Join(r.Paths.Proc, strconv.Itoa(box.PID), "cmdline"))
	if err != nil {
		return false
	}
	for arg := range strings.SplitSeq(string(line), "\x00") {
		bundle, is := strings.CutPrefix(arg, "--bundle=")
		if !is {
			continue
		}
		// dockerd may have mounts of its own.
		text, err := durable.ReadLimited(filepath.Join(r.Paths.Proc, strconv.Itoa(dockerd), "root", bundle, "config.json"), maxStepSpec)
		var spec struct{ Process struct{ Args []string } }
		return err == nil && json.Unmarshal(text, &spec) == nil && slices.Contains(spec.Process.Args, nonce)
	}
	return false
}

// maxStepSpec limits the specification of a step in bytes.
const maxStepSpec = 16 << 20

// withArgument is the process that has the nonce as an argument: a step outside a sandbox. It is 0 if there is none.
func (r Runner) withArgument(nonce string) (pid int, err error) {
	dirs, err := os.ReadDir(r.Paths.Proc)
	if err != nil {
		return 0, err
	}
	for _, dir := range dirs {
		pid, err := strconv.Atoi(dir.Name())
		if err != nil {
			continue
		}
		line, err := durable.ReadProc(filepath.Join(r.Paths.Proc, dir.Name(), "cmdline"))
		if err == nil && bytes.Contains(line, []byte("\x00"+nonce+"\x00")) {
			return pid, nil
		}
	}
	return 0, nil
}

// compareBuilt compares the files of an image with what a step wrote.
func (w trialWrites) compareBuilt(files map[string][]byte) error {
	want := w.files()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		got, has := files[name]
		switch {
		case !has:
			return fmt.Errorf("the image lacks %s, which the step wrote", name)
		case !bytes.Equal(got, want[name]):
			return fmt.Errorf("the image has another content in %s than the step wrote", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if _, wanted := want[name]; !wanted {
			return fmt.Errorf("the image has %s, which the step did not write or removed", name)
		}
	}
	return nil
}
