package provision

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/test/dockerhost"
	"runsc-provisioner/test/seen"
)

// Each row is the state after a kill: the text of daemon.json, and what dockerd has read.
func TestFault_F01_RecoverFinishesOrReverts(t *testing.T) {
	const foreign = `{"debug": false}`
	for _, test := range []struct {
		name    string
		file    string // daemon.json after the kill
		read    string // what dockerd runs with
		ignores string // dockerd ignores texts that contain this
		want    string // daemon.json at the end
		engine  string // what dockerd runs with at the end
	}{
		{name: "before the first write", file: oldText, read: oldText, want: oldText, engine: oldText},
		{name: "written, not reloaded: finished", file: newText, read: oldText, want: newText, engine: newText},
		{name: "reloaded: finished", file: newText, read: newText, want: newText, engine: newText},
		{name: "the default written, not reloaded: finished", file: defaultText, read: newText, want: defaultText, engine: defaultText},
		{name: "written, and dockerd does not take it: reverted", file: newText, read: oldText, ignores: "/x/runsc", want: oldText, engine: oldText},
		{name: "on the way back, dockerd still has it", file: oldText, read: defaultText, want: oldText, engine: oldText},
		{name: "another program wrote", file: foreign, read: oldText, want: foreign, engine: oldText},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel() // it waits for a change that dockerd does not take
			pr, d, o := hostWithDockerd(t, oldText)
			if _, err := pr.beginTransaction(dockerhost.Upgrade(o, newText, defaultText), config.Default(), o); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(d.File, []byte(test.file), 0o644); err != nil {
				t.Fatal(err)
			}
			d.Info = *seen.Reloaded(d.Info, seen.DaemonJSON(t, test.read).Doc)
			d.Ignores = test.ignores
			did, err := pr.recoverWith(t, withoutRestart())
			if err != nil || did == "" {
				t.Fatalf("got %q, %v, want something done", did, err)
			}
			if now, err := os.ReadFile(d.File); err != nil || string(now) != test.want {
				t.Errorf("got daemon.json %s, %v\nwant %s", now, err, test.want)
			}
			if err := asText(t, test.engine).Missing(d.Info); err != nil {
				t.Errorf("dockerd: %v, want it as %s", err, test.engine)
			}
			if again, err := pr.recoverWith(t, withoutRestart()); again != "" || err != nil {
				t.Errorf("a second time: got %q, %v, want nothing to do", again, err)
			}
		})
	}
}

// asText returns the settings that text gives: runsc and the default runtime.
func asText(t *testing.T, text string) steps.Settings {
	doc, err := daemonjson.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := steps.Settings{Default: "runc"}
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

// recoverWith is Recover without the proof's container and without the flags of a process:
// a fake dockerd has neither.
func (pr *Provisioner) recoverWith(t *testing.T, opts plan.Options) (string, error) {
	t.Helper()
	j, found, err := pr.State().ReadJournal()
	if err != nil || !found {
		return "", err
	}
	j.Trial = ""
	tx := &transaction{pr: pr, flags: commandline.Flags{}, journal: j, recoveryOptions: &opts}
	did, err := tx.recover(t.Context())
	return did, errors.Join(err, pr.State().FinishJournal())
}

func TestFault_J13_CopiesAreForRootOnly(t *testing.T) {
	pr, d, o := hostWithDockerd(t, oldText)
	if err := os.Chmod(d.File, 0o604); err != nil {
		t.Fatal(err)
	}
	for range state.MaxBackups + 3 {
		if _, err := pr.apply(t.Context(), dockerhost.Upgrade(o, newText), config.Default(), o); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(d.File, []byte(oldText), 0o604); err != nil {
			t.Fatal(err)
		}
	}
	copies, err := filepath.Glob(filepath.Join(pr.State().BackupDir(), "*"))
	if err != nil || len(copies) != state.MaxBackups {
		t.Fatalf("got copies %q, %v, want the last %d", copies, err, state.MaxBackups)
	}
	for _, path := range copies {
		text, err := os.ReadFile(path)
		info, statErr := os.Stat(path)
		if err != nil || statErr != nil || !bytes.Equal(text, []byte(oldText)) || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: got %q, mode %v, %v %v, want the old text, for root only", path, text, info.Mode(), err, statErr)
		}
	}
}
