package provision

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/provision/transaction"
	"runsc-provisioner/test/dockerhost"
)

const (
	remapText  = dockerhost.RemapText
	mergedText = dockerhost.MergedText
)

// switching is a Provisioner of dockerhost.NewRemapping.
func switching(t *testing.T, refuses string, edit func(string) string) (*Provisioner, *dockerhost.Remapping, host.Observed, plan.Plan) {
	t.Helper()
	h, f, o, p := dockerhost.NewRemapping(t, refuses, edit)
	return &Provisioner{Host: h, Jobs: f, ConfirmWithin: 3 * time.Second}, f, o, p
}

func TestFault_X01_AnotherProgramWritesDuringOurRestart(t *testing.T) {
	broken := func(text string) string { return text + "," }
	for _, test := range []struct {
		name    string
		refuses string
		edit    func(string) string
		text    string // daemon.json at the end
		starts  int
		down    bool
		left    transaction.Left
	}{
		{name: "Docker starts without our settings", refuses: "userns", edit: dockerhost.EditDebug, text: mergedText, starts: 2},
		{name: "Docker starts with neither", refuses: "debug", edit: dockerhost.EditDebug, text: mergedText, starts: 2, down: true, left: transaction.Left{File: transaction.FileMerged, Docker: transaction.DockerStopped}},
		{name: "their text cannot be read", refuses: "userns", edit: broken, text: remapText + ",", starts: 2, down: true, left: transaction.Left{File: transaction.FileForeign, Docker: transaction.DockerStopped}},
		{name: "they removed our settings", refuses: "userns", edit: func(string) string { return mergedText }, text: mergedText, starts: 1, left: transaction.Left{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			pr, f, o, p := switching(t, test.refuses, test.edit)
			_, err := pr.apply(t.Context(), p, config.Default(), o)
			f.Has(t, test.text, test.starts)
			var down *transaction.DockerDown
			var back *transaction.RolledBack
			switch {
			case test.down && (!errors.As(err, &down) || down.Left.File != test.left.File || down.Left.Docker != test.left.Docker || down.Left.Copy == ""):
				t.Errorf("got error %v with %+v, want a *DockerDown with %+v", err, down, test.left)
			case !test.down && (!errors.As(err, &back) || back.Restore != nil):
				t.Errorf("got error %v, want a clean *RolledBack", err)
			}
			if info, err := os.Stat(f.File); err != nil || info.Mode().Perm() != 0o640 {
				t.Errorf("got %v, %v, want the mode of the other program's file", info, err)
			}
		})
	}
}

// Docker runs with the change, and the other program's text keeps it: the run goes on from
// a new observation. Nothing is undone.
func TestFault_J14_AnEditDuringARestartThatSucceeds(t *testing.T) {
	for name, test := range map[string]struct {
		confirm string // the default runtime that the plan waits for
		want    error
	}{
		"dockerd shows all settings":            {want: nil},
		"dockerd read a text without a setting": {confirm: "runsc", want: daemonfile.ErrStale},
	} {
		t.Run(name, func(t *testing.T) {
			pr, f, o, p := switching(t, "nothing", dockerhost.EditDebug)
			p.Steps[2] = steps.Confirm{Settings: steps.Settings{Remap: config.RemapOn, Default: test.confirm}}
			_, err := pr.apply(t.Context(), p, config.Default(), o)
			var back *transaction.RolledBack
			if !errors.Is(err, test.want) || errors.As(err, &back) || pr.isOpen(t) {
				t.Errorf("got error %v, journal open: %t, want %v", err, pr.isOpen(t), test.want)
			}
			f.Has(t, dockerhost.EditDebug(remapText), 1)
		})
	}
}

// A text that no plan has looked at is not loaded by our restart. Our userns-remap does not
// stay in it: the next restart would hide Docker's data.
func TestFault_J14_AnEditBeforeTheRestart(t *testing.T) {
	for name, test := range map[string]struct{ edit, want string }{
		"it keeps our setting": {dockerhost.EditDebug(remapText), mergedText},
		"it removes it":        {mergedText, mergedText},
		"it cannot be read":    {remapText + ",", remapText + ","},
	} {
		t.Run(name, func(t *testing.T) {
			pr, f, o, p := switching(t, "nothing", nil)
			pr.Report = func(e Event) {
				if _, writes := e.Step.(steps.WriteDaemonJSON); writes && e.Kind == StepDone {
					if err := os.WriteFile(f.File, []byte(test.edit), 0o644); err != nil {
						t.Error(err)
					}
				}
			}
			_, err := pr.apply(t.Context(), p, config.Default(), o)
			var back *transaction.RolledBack
			// If our setting cannot be taken out, the journal stays, and the next run tries again.
			stays := strings.Contains(test.want, "userns")
			if !errors.Is(err, daemonfile.ErrStale) || errors.As(err, &back) != stays || pr.isOpen(t) != stays {
				t.Errorf("got error %v, journal open: %t, want %v and the journal open: %t", err, pr.isOpen(t), daemonfile.ErrStale, stays)
			}
			if stays && (back.Restore == nil || back.Left.File != transaction.FileForeign || back.Left.Docker != transaction.DockerRestored) {
				t.Errorf("got %+v left after %v", back.Left, back.Restore)
			}
			f.Has(t, test.want, 0)
		})
	}
}

// A plan that needs no restart leaves a text that cannot be read as it is: the next plan
// refuses it, with line and column.
func TestFault_J14_ATextThatCannotBeReadBeforeAReload(t *testing.T) {
	pr, d, o := hostWithDockerd(t, oldText)
	pr.Report = func(e Event) {
		if _, writes := e.Step.(steps.WriteDaemonJSON); writes && e.Kind == StepDone {
			if err := os.WriteFile(d.File, []byte(newText+","), 0o644); err != nil {
				t.Error(err)
			}
		}
	}
	_, err := pr.apply(t.Context(), dockerhost.Upgrade(o, newText), config.Default(), o)
	var back *transaction.RolledBack
	if !errors.Is(err, daemonfile.ErrStale) || errors.As(err, &back) || pr.isOpen(t) {
		t.Errorf("got error %v, journal open: %t, want only %v", err, pr.isOpen(t), daemonfile.ErrStale)
	}
}
