package transaction

import (
	"errors"
	"os"
	"testing"

	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/test/dockerhost"
)

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
			d, f, o, p := switching(t, "userns", nil)
			tx, err := Begin(d, p, o, runtimes)
			if err != nil {
				t.Fatal(err)
			}
			tx.journal.Trial = ""
			if test.journal != nil {
				test.journal(&tx.journal)
			}
			f.Failed = test.down
			if err := errors.Join(d.State().Journal().Write(tx.journal), os.WriteFile(f.File, []byte(test.edit), 0o644)); err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second run repeats or finds nothing to do
				_, err = Recover(t.Context(), d, plan.Options{})
				var down *DockerDown
				if (err != nil) != test.fails || errors.As(err, &down) != (test.fails && test.down) || d.isOpen(t) != test.open || len(d.State().FailedRecoveries()) != 0 {
					t.Errorf("got error %v, journal open: %t, want an error: %t, open: %t", err, d.isOpen(t), test.fails, test.open)
				}
				f.Has(t, test.text, test.starts)
			}
		})
	}
}

func TestFault_J14_AnEditBeforeTheRestartOfTheWayBack(t *testing.T) {
	d, f, o, p := switching(t, "nothing", nil)
	tx, err := Begin(d, p, o, runtimes)
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
