package main

import (
	_ "embed"

	"runsc-provisioner/provision/audit"
	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/verify"
)

// verifySchema is the JSON Schema of the output of --format json.
//
//go:embed verify.schema.json
var verifySchema string

// The parts of the output of --format json: see verify.schema.json.
type (
	documentCheck struct {
		Name     string `json:"name"`
		State    string `json:"state"`
		Expected string `json:"expected"`
		Seen     string `json:"seen"`
		Source   string `json:"source,omitempty"`
	}
	documentWeakness struct {
		Setting string `json:"setting"`
		Gives   string `json:"gives"`
		Where   string `json:"where"`
		Source  string `json:"source"`
	}
	documentWay struct {
		What  string `json:"what"`
		Gives string `json:"gives"`
		Grave bool   `json:"grave"`
	}
	documentContainer struct {
		ID         string             `json:"id"`
		Name       string             `json:"name"`
		Image      string             `json:"image"`
		Runtime    string             `json:"runtime"`
		PID        int                `json:"pid"`
		State      string             `json:"state"`
		Release    string             `json:"release,omitempty"`
		Writes     verify.Writes      `json:"writes,omitempty"`
		IDs        string             `json:"ids"` // host, remapped, other or unknown
		Outside    string             `json:"outside,omitempty"`
		Checks     []documentCheck    `json:"checks"`
		Weaknesses []documentWeakness `json:"weaknesses"`
		Ways       []documentWay      `json:"ways_around"`
	}
	documentSandbox struct {
		PID       int    `json:"pid"`
		Container string `json:"container"`
		Release   string `json:"release,omitempty"`
	}
	documentOther struct {
		ID        string `json:"id"`
		Engine    string `json:"engine,omitempty"`
		Cgroup    string `json:"cgroup"`
		PID       int    `json:"pid"`
		Processes int    `json:"processes"`
		Sandboxed int    `json:"of_a_release"`
	}
	documentRuntime struct {
		Runtime  string        `json:"name"`
		Writes   verify.Writes `json:"writes"`
		Promised verify.Writes `json:"writes_promised"`
		Proven   bool          `json:"writes_proven"`
	}
	documentDeep struct {
		Release  string `json:"release"`
		Files    string `json:"files,omitempty"`   // what is wrong with them
		Archive  string `json:"archive,omitempty"` // what is wrong with it
		Archived bool   `json:"archived"`
	}
	document struct {
		SchemaVersion int                 `json:"schema_version"`
		Status        checkup.Health      `json:"status"`
		Host          []checkup.Item      `json:"host"`
		Runtimes      []documentRuntime   `json:"runtimes,omitempty"`
		Builds        []audit.Build       `json:"builds,omitempty"`
		Evidence      string              `json:"evidence"`
		Findings      []audit.Finding     `json:"findings"`
		Notes         []string            `json:"notes"`
		Containers    []documentContainer `json:"containers"`
		Orphans       []documentSandbox   `json:"orphans"`
		Unowned       []documentSandbox   `json:"unowned,omitempty"`
		Claims        []documentSandbox   `json:"claims"`
		ClaimCount    int                 `json:"claim_count"`
		Others        []documentOther     `json:"others"`
		Denied        int                 `json:"processes_unread"`
		Deep          []documentDeep      `json:"deep,omitempty"`
	}
)

// documentOf is v as JSON has it.
func documentOf(v audit.Verification) document {
	d := document{
		SchemaVersion: schemaVersion, Status: v.Health(), Host: v.Items, Evidence: v.Report.State.String(),
		Builds:   v.Builds,
		Findings: append([]audit.Finding{}, v.Findings...), Notes: append([]string{}, v.Notes...),
		Containers: []documentContainer{}, Orphans: sandboxesOf(v.Report.Orphans), Unowned: sandboxesOf(v.Report.Unowned), Claims: sandboxesOf(v.Report.Claims), ClaimCount: v.Report.ClaimCount,
		Others: []documentOther{}, Denied: v.Report.Denied,
	}
	for _, w := range v.Writes {
		d.Runtimes = append(d.Runtimes, documentRuntime{w.Runtime, w.Writes, w.Promised, w.Proven})
	}
	for _, verdict := range v.Report.Verdicts {
		d.Containers = append(d.Containers, containerOf(v, verdict))
	}
	for _, o := range v.Report.Others {
		d.Others = append(d.Others, documentOther{o.ID, o.Engine, verify.Printable(o.Cgroup), o.PID, o.Processes, o.Sandboxed})
	}
	for _, look := range v.Deep {
		d.Deep = append(d.Deep, documentDeep{look.Name, look.State.Reason, look.Archive, !look.Unarchived})
	}
	return d
}

func containerOf(v audit.Verification, verdict verify.Verdict) documentContainer {
	c := verdict.Container
	out := documentContainer{
		ID: c.ID, Name: c.Name, Image: c.Image, Runtime: verify.Printable(c.Runtime), PID: c.PID, State: verdict.State.String(), Release: verdict.Release, Writes: verdict.Writes,
		IDs: verdict.Remap.String(), Outside: v.WhyOutside[c.ID], Checks: []documentCheck{}, Weaknesses: []documentWeakness{}, Ways: []documentWay{},
	}
	for _, made := range verdict.Checks {
		out.Checks = append(out.Checks, documentCheck{made.Name, made.State.String(), made.Expected, made.Seen, made.Source})
	}
	for _, w := range verdict.Weaknesses {
		out.Weaknesses = append(out.Weaknesses, documentWeakness(w))
	}
	for _, w := range verdict.Ways {
		out.Ways = append(out.Ways, documentWay(w))
	}
	return out
}

func sandboxesOf(found []verify.Sandbox) []documentSandbox {
	list := make([]documentSandbox, 0, len(found))
	for _, s := range found {
		list = append(list, documentSandbox{s.PID, verify.Printable(s.ContainerID), s.File.Release})
	}
	return list
}
