package dockerhost

import (
	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/steps"
)

// Texts of daemon.json: one from before, one with a runtime, and one that also makes it the
// default.
const (
	OldText     = `{"debug": true}`
	NewText     = `{"debug": true, "runtimes": {"runsc": {"path": "/x/runsc"}}}`
	DefaultText = `{"debug": true, "runtimes": {"runsc": {"path": "/x/runsc"}}, "default-runtime": "runsc"}`
)

// Upgrade is a plan that writes texts, with a reload and a confirmation after each.
func Upgrade(o host.Observed, texts ...string) plan.Plan {
	var p plan.Plan
	old := string(o.File.Bytes)
	for _, text := range texts {
		p.Steps = append(p.Steps, steps.WriteDaemonJSON{File: o.File, Old: []byte(old), New: []byte(text)}, steps.Reload{Unit: host.DockerUnit})
		doc, err := daemonjson.Parse([]byte(text))
		if err != nil {
			panic(err)
		}
		name, _ := doc.DefaultRuntime()
		p.Steps = append(p.Steps, steps.Confirm{Settings: steps.Settings{Runtimes: doc.Runtimes(), Default: name}})
		old = text
	}
	return p
}
