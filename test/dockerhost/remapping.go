package dockerhost

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/steps"
)

// Remapping is a Dockerd that does not start from a text that contains Refuses. Another
// program edits daemon.json at the first restart.
type Remapping struct {
	*Dockerd
	Refuses string
	Edit    func(text string) string // nil: nothing edits it
	Starts  int
	Failed  bool
}

// Texts of daemon.json: one from before, one with userns-remap, and the one from before with
// the edit of another program.
const (
	BeforeText = `{"debug": false}`
	RemapText  = `{"debug": false, "userns-remap": "default"}`
	MergedText = `{"debug": true}`
)

// EditDebug is the edit of another program.
func EditDebug(text string) string { return strings.Replace(text, "false", "true", 1) }

// NewRemapping is New with a Remapping that has read BeforeText, and a plan that restarts it
// for userns-remap.
func NewRemapping(t *testing.T, refuses string, edit func(string) string) (host.Host, *Remapping, host.Observed, plan.Plan) {
	t.Helper()
	h, d, o := New(t, BeforeText)
	f := &Remapping{Dockerd: d, Refuses: refuses, Edit: edit}
	h.Units = f
	o.Unit.InvocationID = "0"
	p := plan.Plan{Steps: []steps.Step{
		steps.WriteDaemonJSON{File: o.File, Old: o.File.Bytes, New: []byte(RemapText)},
		steps.Restart{Unit: host.DockerUnit}, steps.Confirm{Settings: steps.Settings{Remap: config.RemapOn}},
	}}
	return h, f, o, p
}

// Unit is docker.service: its InvocationID is the number of starts.
func (f *Remapping) Unit(_ context.Context, name string) (host.Unit, error) {
	unit := unitIn(name, "active", fmt.Sprint(f.Starts))
	if f.Failed {
		unit.ActiveState, unit.Result = "failed", "exit-code"
	}
	return unit, nil
}

// Restart lets the other program edit daemon.json, and starts dockerd from it.
func (f *Remapping) Restart(ctx context.Context, name string) error {
	text, err := os.ReadFile(f.File)
	if err == nil && f.Edit != nil {
		err = errors.Join(os.Remove(f.File), os.WriteFile(f.File, []byte(f.Edit(string(text))), 0o640))
		f.Edit = nil
	}
	return errors.Join(err, f.Start(ctx, name))
}

// Start starts dockerd from daemon.json, or leaves it failed. It succeeds either way.
func (f *Remapping) Start(context.Context, string) error {
	text, err := os.ReadFile(f.File)
	f.Starts++
	f.Failed = strings.Contains(string(text), f.Refuses)
	f.Mu.Lock()
	defer f.Mu.Unlock()
	doc, parseErr := daemonjson.Parse(text)
	f.Info.UsernsRemap = parseErr == nil && config.UsernsRemapIn(doc) != ""
	return err
}

// Has fails the test unless daemon.json has the text after this number of starts.
func (f *Remapping) Has(t *testing.T, text string, starts int) {
	t.Helper()
	if now, err := os.ReadFile(f.File); err != nil || string(now) != text || f.Starts != starts {
		t.Errorf("got daemon.json %s, %v after %d starts, want %s after %d", now, err, f.Starts, text, starts)
	}
}
