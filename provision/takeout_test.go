package provision

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/steps"
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
		left    Left
	}{
		{name: "Docker starts without our settings", refuses: "userns", edit: dockerhost.EditDebug, text: mergedText, starts: 2},
		{name: "Docker starts with neither", refuses: "debug", edit: dockerhost.EditDebug, text: mergedText, starts: 2, down: true, left: Left{File: FileMerged, Docker: DockerStopped}},
		{name: "their text cannot be read", refuses: "userns", edit: broken, text: remapText + ",", starts: 2, down: true, left: Left{File: FileForeign, Docker: DockerStopped}},
		{name: "they removed our settings", refuses: "userns", edit: func(string) string { return mergedText }, text: mergedText, starts: 1, left: Left{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			pr, f, o, p := switching(t, test.refuses, test.edit)
			_, err := pr.apply(t.Context(), p, config.Default(), o)
			f.Has(t, test.text, test.starts)
			var down *DockerDown
			var back *RolledBack
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
			var back *RolledBack
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
			var back *RolledBack
			// If our setting cannot be taken out, the journal stays, and the next run tries again.
			stays := strings.Contains(test.want, "userns")
			if !errors.Is(err, daemonfile.ErrStale) || errors.As(err, &back) != stays || pr.isOpen(t) != stays {
				t.Errorf("got error %v, journal open: %t, want %v and the journal open: %t", err, pr.isOpen(t), daemonfile.ErrStale, stays)
			}
			if stays && (back.Restore == nil || back.Left.File != FileForeign || back.Left.Docker != DockerRestored) {
				t.Errorf("got %+v left after %v", back.Left, back.Restore)
			}
			f.Has(t, test.want, 0)
		})
	}
}

// Each row is a host on which a run was killed after its write, and another program has
// edited the file since.
func TestFault_X01_RecoveryTakesOurSettingsOut(t *testing.T) {
	for _, test := range []struct {
		name        string
		edit        string
		journal     func(*state.Journal)
		down        bool
		text        string
		starts      int
		fails, open bool
	}{
		{name: "before the restart", edit: dockerhost.EditDebug(remapText), text: mergedText},
		{name: "the restart failed", edit: dockerhost.EditDebug(remapText), journal: func(j *state.Journal) { j.Restarting = true }, down: true, text: mergedText, starts: 1},
		{name: "killed once our settings were out of it", edit: mergedText, down: true, text: mergedText, starts: 1, journal: func(j *state.Journal) {
			j.Restarting, j.Failed, j.File.MergedDigests = true, true, []string{durable.Digest([]byte(mergedText))}
		}},
		{name: "the restart failed, and their text cannot be read", edit: remapText + ",", journal: func(j *state.Journal) { j.Restarting = true }, down: true,
			text: remapText + ",", fails: true, open: true},
		{name: "their text cannot be read", edit: remapText + ",", text: remapText + ",", fails: true, open: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			pr, f, o, p := switching(t, "userns", nil)
			tx, err := pr.beginTransaction(p, config.Default(), o)
			if err != nil {
				t.Fatal(err)
			}
			tx.journal.Trial = ""
			if test.journal != nil {
				test.journal(&tx.journal)
			}
			f.Failed = test.down
			if err := errors.Join(pr.State().WriteJournal(tx.journal), os.WriteFile(f.File, []byte(test.edit), 0o644)); err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second run repeats or finds nothing to do
				_, err = pr.recoverAndReport(t.Context(), plan.Options{})
				var down *DockerDown
				if (err != nil) != test.fails || errors.As(err, &down) != (test.fails && test.down) || pr.isOpen(t) != test.open || len(pr.State().FailedRecoveries()) != 0 {
					t.Errorf("got error %v, journal open: %t, want an error: %t, open: %t", err, pr.isOpen(t), test.fails, test.open)
				}
				f.Has(t, test.text, test.starts)
			}
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
	var back *RolledBack
	if !errors.Is(err, daemonfile.ErrStale) || errors.As(err, &back) || pr.isOpen(t) {
		t.Errorf("got error %v, journal open: %t, want only %v", err, pr.isOpen(t), daemonfile.ErrStale)
	}
}

func TestFault_J14_AnEditBeforeTheRestartOfTheWayBack(t *testing.T) {
	pr, f, o, p := switching(t, "nothing", nil)
	tx, err := pr.beginTransaction(p, config.Default(), o)
	if err != nil {
		t.Fatal(err)
	}
	unit, unitErr := f.Unit(t.Context(), host.DockerUnit)
	if err := errors.Join(unitErr, os.WriteFile(f.File, []byte(dockerhost.EditDebug(remapText)), 0o644)); err != nil {
		t.Fatal(err)
	}
	if err := tx.undoByStart(t.Context(), unit, true); !errors.Is(err, errForeign) {
		t.Errorf("got error %v, want %v", err, errForeign)
	}
	f.Has(t, mergedText, 0)
}
