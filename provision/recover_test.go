package provision

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/test/seen"
)

// What a kill left: which text daemon.json has, and what dockerd has read.
func TestFault_F01_RecoverFinishesOrReverts(t *testing.T) {
	const foreign = `{"debug": false}`
	for _, test := range []struct {
		name   string
		file   string // what daemon.json has
		read   string // what dockerd runs with
		deafTo string // dockerd does not take texts with this in it
		want   string // what daemon.json has in the end
		engine string // and dockerd
	}{
		{name: "before the first write", file: oldText, read: oldText, want: oldText, engine: oldText},
		{name: "written, not reloaded: finished", file: newText, read: oldText, want: newText, engine: newText},
		{name: "reloaded: finished", file: newText, read: newText, want: newText, engine: newText},
		{name: "the default written, not reloaded: finished", file: nowText, read: newText, want: nowText, engine: nowText},
		{name: "written, and dockerd does not take it: reverted", file: newText, read: oldText, deafTo: "/x/runsc", want: oldText, engine: oldText},
		{name: "on the way back, dockerd still has it", file: oldText, read: nowText, want: oldText, engine: oldText},
		{name: "somebody else wrote", file: foreign, read: oldText, want: foreign, engine: oldText},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel() // a change that is not taken is waited for
			h, d, o := changing(t, oldText)
			if _, err := h.beginTransaction(upgrade(o, newText, nowText), config.Default(), o); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(d.file, []byte(test.file), 0o644); err != nil {
				t.Fatal(err)
			}
			d.info = *seen.Reloaded(d.info, seen.DaemonJSON(t, test.read).Doc)
			d.deafTo = test.deafTo
			did, err := h.recoverWith(t, withoutRestart())
			if err != nil || did == "" {
				t.Fatalf("got %q, %v, want something done", did, err)
			}
			if now, err := os.ReadFile(d.file); err != nil || string(now) != test.want {
				t.Errorf("got daemon.json %s, %v\nwant %s", now, err, test.want)
			}
			if err := asText(t, test.engine).Missing(d.info); err != nil {
				t.Errorf("dockerd: %v, want it as %s", err, test.engine)
			}
			if again, err := h.recoverWith(t, withoutRestart()); again != "" || err != nil {
				t.Errorf("a second time: got %q, %v, want nothing to do", again, err)
			}
		})
	}
}

// asText is a dockerd that runs with text, of runsc and the default.
func asText(t *testing.T, text string) plan.Settings {
	doc, err := daemonjson.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := plan.Settings{Default: "runc"}
	if r, has := doc.Runtimes()["runsc"]; has {
		want.Runtimes = map[string]daemonjson.Runtime{"runsc": r}
	} else {
		want.Without = []string{"runsc"}
	}
	if name, has := doc.DefaultRuntime(); has {
		want.Default = name
	}
	return want
}

// recoverWith is Recover without the proof's container, which is a fake
// dockerd's not to have, and without a process to read flags of.
func (pr *Provisioner) recoverWith(t *testing.T, opts plan.Options) (string, error) {
	t.Helper()
	j, found, err := pr.State().ReadJournal()
	if err != nil || !found {
		return "", err
	}
	j.Trial = ""
	tx := &transaction{pr: pr, flags: engine.Flags{}, journal: j, recoveryOptions: &opts}
	did, err := tx.recover(t.Context())
	return did, errors.Join(err, pr.State().EndJournal())
}

func TestFault_J13_CopiesAreRootsOnly(t *testing.T) {
	h, d, o := changing(t, oldText)
	if err := os.Chmod(d.file, 0o604); err != nil {
		t.Fatal(err)
	}
	for range state.KeptBackups + 3 {
		if _, err := h.apply(t.Context(), upgrade(o, newText), config.Default(), o); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(d.file, []byte(oldText), 0o604); err != nil {
			t.Fatal(err)
		}
	}
	copies, err := filepath.Glob(filepath.Join(h.State().BackupDir(), "*"))
	if err != nil || len(copies) != state.KeptBackups {
		t.Fatalf("got copies %q, %v, want the last %d", copies, err, state.KeptBackups)
	}
	for _, path := range copies {
		text, err := os.ReadFile(path)
		info, statErr := os.Stat(path)
		if err != nil || statErr != nil || !bytes.Equal(text, []byte(oldText)) || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: got %q, mode %v, %v %v, want the old text, for root only", path, text, info.Mode(), err, statErr)
		}
	}
}
