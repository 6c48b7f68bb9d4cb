package transaction

import (
	"errors"
	"os"
	"testing"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/test/dockerhost"
	"runsc-provisioner/test/seen"
)

// Each row is the state after a kill: the text of daemon.json, and what dockerd has read.
func TestFault_F01_RecoverFinishesOrReverts(t *testing.T) {
	const foreign = `{"debug": false}`
	opts := plan.Options{Unattended: &plan.Unattended{MaxDisruption: config.DisruptionReload}}
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
			d, fake, o := hostWithDockerd(t, oldText)
			if _, err := Begin(d, dockerhost.Upgrade(o, newText, defaultText), o, runtimes); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(fake.File, []byte(test.file), 0o644); err != nil {
				t.Fatal(err)
			}
			fake.Info = *seen.Reloaded(fake.Info, seen.DaemonJSON(t, test.read).Doc)
			fake.Ignores = test.ignores
			did, err := d.recoverWith(t, opts)
			if err != nil || did == "" {
				t.Fatalf("got %q, %v, want something done", did, err)
			}
			if now, err := os.ReadFile(fake.File); err != nil || string(now) != test.want {
				t.Errorf("got daemon.json %s, %v\nwant %s", now, err, test.want)
			}
			if err := asText(t, test.engine).Missing(fake.Info); err != nil {
				t.Errorf("dockerd: %v, want it as %s", err, test.engine)
			}
			if again, err := d.recoverWith(t, opts); again != "" || err != nil {
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
func (d *Docker) recoverWith(t *testing.T, opts plan.Options) (string, error) {
	t.Helper()
	j, found, err := d.State().Journal().Read()
	if err != nil || !found {
		return "", err
	}
	j.Trial = ""
	tx := &Transaction{docker: d, flags: commandline.Flags{}, journal: j, recoveryOptions: &opts}
	did, err := tx.recover(t.Context())
	return did, errors.Join(err, d.State().Journal().Finish())
}
