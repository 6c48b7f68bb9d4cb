package transaction

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"runsc-provisioner/provision/buildkit"
	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/failpoint"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/provision/wayback"
)

// errBuildsChanged says that a file of builds is not as the plan saw it.
var errBuildsChanged = errors.New("another program has changed it")

// WriteBuilds replaces the program that BuildKit runs steps with, or the drop-in, which systemd then loads. If the file
// is not as the plan saw it, nothing is written.
func (t *Transaction) WriteBuilds(ctx context.Context, s steps.WriteBuilds) error {
	current, err := buildkit.ReadText(s.Path)
	switch {
	case err != nil:
		return err
	case !bytes.Equal(current, s.Old) || (current == nil) != (s.Old == nil):
		return fmt.Errorf("%s: %w", s.Path, errBuildsChanged)
	}
	if err := writeBuilds(s.Path, s.New, s.DropIn); err != nil {
		return err
	}
	if !s.DropIn {
		t.removeBuildState(s.New == nil)
		return nil
	}
	failpoint.Here("builds: the drop-in is not loaded")
	return t.docker.Jobs.LoadUnits(ctx)
}

// removeBuildState removes what runsc keeps of steps, if the program is gone that ran them.
func (t *Transaction) removeBuildState(gone bool) {
	if dir := t.docker.Paths.Builds; gone && dir != "" {
		buildkit.RemoveState(dir)
	}
}

// writeBuilds writes a file of builds; nil removes it. systemd reads the drop-in, and dockerd executes the program.
func writeBuilds(path string, text []byte, dropIn bool) error {
	if text == nil {
		failpoint.Here("builds: before a file is removed")
		if err := durable.Remove(path); err != nil {
			return err
		}
		// An empty directory was made for the file. One that is not empty stays.
		dir := filepath.Dir(path)
		if os.Remove(dir) == nil {
			dir = filepath.Dir(dir)
		}
		return durable.SyncDir(dir)
	}
	mode := buildkit.ProgramMode
	if dropIn {
		mode = buildkit.DropInMode
	}
	if err := durable.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return durable.WriteFile(path, text, durable.Plain(mode))
}

// ConfirmBuilds checks that the dockerd that runs now gives BuildKit the program, or Docker's own runc.
func (t *Transaction) ConfirmBuilds(ctx context.Context, s steps.ConfirmBuilds) error {
	unit, err := t.docker.Docker(ctx)
	if err != nil {
		return err
	}
	environment, err := buildkit.RunningEnvironment(t.docker.Paths.Proc, unit.MainPID)
	if err != nil {
		return err
	}
	if environment.Mentions(s.Program) != s.Uses {
		return fmt.Errorf("dockerd runs with %s=%q and PATH=%q: another drop-in or environment file of %s overrides %s",
			commandline.BuildKitCommand, environment.Command, environment.Search, unit.Name, buildkit.DropInName)
	}
	return nil
}

// finishBuilds reports whether a killed run had done with builds what dockerd can notice: the drop-in is that of the
// plan, and dockerd runs with it, or does not run. Then it removes a program that the plan takes away. The proof is the
// next plan's.
func (t *Transaction) finishBuilds(unit host.Unit) (done bool, err error) {
	b := t.journal.Builds
	text := b.DropIn
	if text == nil {
		text = b.Program
	}
	current, err := buildkit.ReadText(text.Path)
	if err != nil || !isText(current, text.After) {
		return false, err
	}
	if differs, err := t.buildsDiffer(unit, b.Uses); err != nil || differs {
		return false, err
	}
	if b.Program == nil || b.Program.After != nil {
		return true, nil
	}
	current, err = buildkit.ReadText(b.Program.Path)
	if err == nil && isText(current, b.Program.Before) {
		err = writeBuilds(b.Program.Path, nil, false)
	}
	t.removeBuildState(err == nil)
	return true, err
}

// buildsDiffer reports whether the running dockerd gives BuildKit something else than it shall.
func (t *Transaction) buildsDiffer(unit host.Unit, uses bool) (bool, error) {
	b := t.journal.Builds
	if !unit.Running() || unit.MainPID == 0 || b.DropIn == nil {
		return false, nil
	}
	var program string
	if b.Program != nil {
		program = b.Program.Path // it may be removed by now
	} else {
		program = t.docker.BuildKit().Program
	}
	environment, err := buildkit.RunningEnvironment(t.docker.Paths.Proc, unit.MainPID)
	return environment.Mentions(program) != uses, err
}

// restoreDropIn puts the drop-in back, unless another program has changed it since. systemd loads it, so that a start of
// Docker comes from the old one.
func (t *Transaction) restoreDropIn(ctx context.Context) error {
	if t.journal.Builds == nil || t.journal.Builds.DropIn == nil {
		return nil
	}
	if err := restoreText(t.journal.Builds.DropIn, true); err != nil {
		return err
	}
	failpoint.Here("back: the drop-in is not loaded")
	return t.docker.Jobs.LoadUnits(ctx)
}

// restoreProgram puts the program back, once no dockerd of this change uses it.
func (t *Transaction) restoreProgram() error {
	if t.journal.Builds == nil || t.journal.Builds.Program == nil {
		return nil
	}
	err := restoreText(t.journal.Builds.Program, false)
	t.removeBuildState(err == nil && t.journal.Builds.Program.Before == nil)
	return err
}

func restoreText(text *state.JournalText, dropIn bool) error {
	current, err := buildkit.ReadText(text.Path)
	if err != nil || !isText(current, text.After) {
		return err
	}
	var before []byte
	if text.Before != nil {
		before = []byte(*text.Before)
	}
	return writeBuilds(text.Path, before, dropIn)
}

func isText(current []byte, text *string) bool {
	if text == nil {
		return current == nil
	}
	return current != nil && string(current) == *text
}

// withBuilds is is, or EngineNeedsRestart if dockerd does not give BuildKit what it gave before.
func (t *Transaction) withBuilds(is wayback.Engine, unit host.Unit) (wayback.Engine, error) {
	if t.journal.Builds == nil || is == wayback.EngineUnknown {
		return is, nil
	}
	differs, err := t.buildsDiffer(unit, t.journal.Builds.Used)
	if err == nil && differs {
		is = wayback.EngineNeedsRestart
	}
	return is, err
}
