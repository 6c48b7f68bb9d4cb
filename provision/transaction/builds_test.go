package transaction

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"runsc-provisioner/provision/buildkit"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/test/dockerhost"
)

// buildHost is a host whose dockerd has an environment. A restart gives it that of the drop-in that systemd has loaded.
type buildHost struct {
	*dockerhost.Dockerd
	places     buildkit.Places
	invocation string
	loads      int // of unit files
	loaded     []byte
}

const buildPID = 7

func (h *buildHost) Unit(_ context.Context, name string) (host.Unit, error) {
	return host.Unit{Name: name, LoadState: "loaded", ActiveState: "active", MainPID: buildPID, ExecStart: []string{"/nowhere/dockerd"}, InvocationID: h.invocation}, nil
}

func (h *buildHost) LoadUnits(context.Context) (err error) {
	h.loads++
	h.loaded, err = os.ReadFile(h.places.DropIn)
	if errors.Is(err, fs.ErrNotExist) {
		h.loaded, err = nil, nil
	}
	return err
}

func (h *buildHost) Restart(context.Context, string) error {
	h.invocation += "+"
	return h.runsWith(strings.Contains(string(h.loaded), h.places.Program))
}

// runsWith gives dockerd an environment.
func (h *buildHost) runsWith(program bool) error {
	environment := "PATH=/bin\x00"
	if program {
		environment += "DOCKER_BUILDKIT_RUNC_COMMAND=" + h.places.Program + "\x00"
	}
	return os.WriteFile(filepath.Join(h.places.Proc, "7/environ"), []byte(environment), 0o600)
}

// newBuildHost is a host with builds in gVisor, or not, and the plan that changes that.
func newBuildHost(t *testing.T, in bool) (*Docker, *buildHost, host.Observed, plan.Plan) {
	t.Helper()
	d, fake, o := hostWithDockerd(t, oldText)
	root := t.TempDir()
	d.Paths.Etc, d.Paths.Proc = filepath.Join(root, "etc"), filepath.Join(root, "proc")
	h := &buildHost{Dockerd: fake, places: d.BuildKit(), invocation: "1"}
	d.Units, d.Jobs = h, h
	o.Unit, _ = h.Unit(t.Context(), host.DockerUnit)
	if err := errors.Join(os.MkdirAll(filepath.Join(d.Paths.Proc, "7"), 0o755), h.runsWith(in)); err != nil {
		t.Fatal(err)
	}
	program, dropIn := []byte("program "+h.places.Program), []byte("drop-in "+h.places.Program)
	if in {
		if err := errors.Join(writeBuilds(h.places.Program, program, false), writeBuilds(h.places.DropIn, dropIn, true)); err != nil {
			t.Fatal(err)
		}
		h.loaded = dropIn
	}
	seen := buildkit.Look(h.places, "/bin/true", buildPID, nil, true)
	o.BuildKit = &seen
	restart := steps.Restart{Unit: host.DockerUnit}
	confirm := steps.ConfirmBuilds{Program: h.places.Program, Uses: !in}
	if in {
		return d, h, o, plan.Plan{Steps: []steps.Step{
			steps.WriteBuilds{Path: h.places.DropIn, Old: dropIn, DropIn: true}, restart, confirm, steps.WriteBuilds{Path: h.places.Program, Old: program},
		}}
	}
	return d, h, o, plan.Plan{Steps: []steps.Step{
		steps.WriteBuilds{Path: h.places.Program, New: program}, steps.WriteBuilds{Path: h.places.DropIn, New: dropIn, DropIn: true}, restart, confirm,
	}}
}

func exists(t *testing.T, path string) bool {
	t.Helper()
	_, err := os.Lstat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}

// begun carries out the first n steps of a change of builds.
func begun(t *testing.T, d *Docker, o host.Observed, p plan.Plan, n int) *Transaction {
	t.Helper()
	tx, err := Begin(d, p, o, runtimes)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range p.Steps[:n] {
		switch s := step.(type) {
		case steps.WriteBuilds:
			err = tx.WriteBuilds(t.Context(), s)
		case steps.Restart:
			err = tx.Restart(t.Context(), s)
		case steps.ConfirmBuilds:
			err = tx.ConfirmBuilds(t.Context(), s)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return tx
}

// A change of builds that was killed after any step is either complete, and stays, or is taken back.
func TestFault_F01_RecoverSettlesBuilds(t *testing.T) {
	for _, test := range []struct {
		name  string
		in    bool // builds were in gVisor before
		steps int
		now   bool // they are in gVisor in the end
	}{
		{"on: nothing done", false, 0, false},
		{"on: the program", false, 1, false},
		{"on: the drop-in", false, 2, false},
		{"on: restarted", false, 3, true},
		{"on: confirmed", false, 4, true},
		{"off: nothing done", true, 0, true},
		{"off: the drop-in", true, 1, true},
		{"off: restarted", true, 2, false},
		{"off: confirmed", true, 3, false},
		{"off: all", true, 4, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, h, o, p := newBuildHost(t, test.in)
			begun(t, d, o, p, test.steps)
			did, err := d.recoverWith(t, plan.Options{Unattended: &plan.Unattended{MaxDisruption: config.DisruptionReload}})
			if err != nil || did == "" {
				t.Fatalf("got %q, %v", did, err)
			}
			seen := buildkit.Look(h.places, "/bin/true", buildPID, nil, true)
			if exists(t, h.places.DropIn) != test.now || exists(t, h.places.Program) != test.now || seen.Environment.Mentions(h.places.Program) != test.now {
				t.Errorf("got drop-in %t, program %t, environment %+v, want %t (%s)", exists(t, h.places.DropIn), exists(t, h.places.Program), seen.Environment, test.now, did)
			}
		})
	}
}

// In the run itself, a change of builds that fails after any step is taken back, with a restart if dockerd has it.
func TestFault_F05_BuildsAreRolledBack(t *testing.T) {
	for _, in := range []bool{false, true} {
		for n := range 5 {
			d, h, o, p := newBuildHost(t, in)
			tx := begun(t, d, o, p, n)
			err := tx.Fail(t.Context(), errors.New("the proof failed"))
			var back *RolledBack
			if !errors.As(err, &back) || back.Restore != nil {
				t.Errorf("in %t, after %d steps: got %v, want a complete way back", in, n, err)
			}
			seen := buildkit.Look(h.places, "/bin/true", buildPID, nil, true)
			if exists(t, h.places.DropIn) != in || exists(t, h.places.Program) != in || seen.Environment.Mentions(h.places.Program) != in {
				t.Errorf("in %t, after %d steps: got drop-in %t, program %t, environment %+v", in, n, exists(t, h.places.DropIn), exists(t, h.places.Program), seen.Environment)
			}
			if exists(t, filepath.Dir(h.places.DropIn)) != in {
				t.Errorf("in %t, after %d steps: the directory of the drop-in is there: %t", in, n, !in)
			}
			if h.loads == 0 {
				t.Errorf("in %t, after %d steps: systemd has not read the drop-in again", in, n)
			}
		}
	}
}

// What another program has written meanwhile is neither replaced nor taken back.
func TestFault_J14_BuildFilesOfAnotherProgramStay(t *testing.T) {
	d, h, o, p := newBuildHost(t, false)
	tx := begun(t, d, o, p, 1)
	if err := writeBuilds(h.places.DropIn, []byte("theirs"), true); err != nil {
		t.Fatal(err)
	}
	err := tx.WriteBuilds(t.Context(), p.Steps[1].(steps.WriteBuilds))
	if !errors.Is(err, errBuildsChanged) {
		t.Fatalf("got %v, want %v", err, errBuildsChanged)
	}
	if err := tx.Fail(t.Context(), err); err == nil {
		t.Error("got no error")
	}
	if text, err := os.ReadFile(h.places.DropIn); err != nil || string(text) != "theirs" {
		t.Errorf("got %s, %v", text, err)
	}
	if exists(t, h.places.Program) {
		t.Error("the program is still there")
	}
}

// A drop-in that another one overrides is noticed.
func TestConfirmBuilds(t *testing.T) {
	d, h, o, p := newBuildHost(t, false)
	tx := begun(t, d, o, p, 3)
	if err := h.runsWith(false); err != nil {
		t.Fatal(err)
	}
	if err := tx.ConfirmBuilds(t.Context(), p.Steps[3].(steps.ConfirmBuilds)); err == nil {
		t.Error("got no error")
	}
}
