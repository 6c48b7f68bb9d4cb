package steps

import "strings"

// StopService stops the daemon of this program, which would put back what is taken away.
type StopService struct{ Unit string }

// DisableService keeps the daemon from starting with the host. It comes late: a run that is killed before has changed
// nothing that apply does not bring back.
type DisableService struct{ Unit string }

// ClearNames takes the names of containers out of the hosts files below a data root. Owner is the uid that the files
// belong to beside root's.
type ClearNames struct {
	DataRoot string
	Owner    uint32
}

// Forget ends the records of what this program manages. The record of the earlier state starts again.
type Forget struct{}

// RemoveOwn removes files and directories of this program.
type RemoveOwn struct{ Paths []string }

func (StopService) Kind() Kind { return Kind{Action: "stop", Lasts: true} }
func (DisableService) Kind() Kind {
	return Kind{Action: "disable", Lasts: true, Settled: true}
}
func (ClearNames) Kind() Kind { return Kind{Action: "names", Lasts: true, Settled: true} }
func (Forget) Kind() Kind     { return Kind{Action: "forget", Lasts: true, Settled: true} }
func (RemoveOwn) Kind() Kind  { return Kind{Action: "remove", Lasts: true, Settled: true} }

func (s StopService) Object() string { return s.Unit + " (it would put everything back)" }

func (s DisableService) Object() string { return s.Unit + " (it does not start with the host)" }

func (s ClearNames) Object() string {
	return s.DataRoot + "/containers: take out the names that this program wrote"
}

func (Forget) Object() string { return "what this program manages on this host" }

func (s RemoveOwn) Object() string { return strings.Join(s.Paths, ", ") }
