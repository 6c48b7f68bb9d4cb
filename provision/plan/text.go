package plan

import (
	"encoding/json"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/difference"
	"runsc-provisioner/provision/steps"
)

// MarshalJSON gives the plan for programs: each step has its action, object and disruption. It omits the bytes
// of daemon.json, which may have secrets.
func (p Plan) MarshalJSON() ([]byte, error) {
	type step struct {
		Action     string            `json:"action"`
		Object     string            `json:"object"`
		Disruption config.Disruption `json:"disruption"`
	}
	all := make([]step, len(p.Steps))
	for i, s := range p.Steps {
		all[i] = step{s.Kind().Action, s.Object(), s.Kind().Disruption}
	}
	return json.Marshal(struct {
		Unfinished  *Unfinished        `json:"unfinished,omitempty"`
		Steps       []step             `json:"steps"`
		Disruption  config.Disruption  `json:"disruption"`
		Held        []steps.Held       `json:"held,omitempty"`
		Hidden      []Hidden           `json:"hidden,omitempty"`
		Warnings    []string           `json:"warnings,omitempty"`
		Activates   []string           `json:"activates,omitempty"`
		Provisional bool               `json:"provisional,omitempty"`
		Switch      *difference.Switch `json:"switch,omitempty"`
		Diff        string             `json:"diff,omitempty"`
	}{p.Unfinished, all, p.Disruption(), p.Held, p.Hidden, p.Warnings, p.Activates, p.Provisional, p.Switch, p.Diff()})
}

// Diff is a unified diff of daemon.json before and after the plan, with secrets hidden; "" if it is not
// written.
func (p Plan) Diff() string {
	writes := p.writes()
	if len(writes) == 0 {
		return ""
	}
	return daemonjson.Diff(writes[0].File.Path, writes[0].Old, p.LastText())
}

func (p Plan) writes() []steps.WriteDaemonJSON {
	var writes []steps.WriteDaemonJSON
	for _, s := range p.Steps {
		if write, ok := s.(steps.WriteDaemonJSON); ok {
			writes = append(writes, write)
		}
	}
	return writes
}

// LastText is daemon.json after the plan; nil if the plan does not write it.
func (p Plan) LastText() []byte {
	writes := p.writes()
	if len(writes) == 0 {
		return nil
	}
	return writes[len(writes)-1].New
}
