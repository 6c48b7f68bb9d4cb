package steps

import "strings"

// StopService stops the daemon of this program, which would put back what is taken away. Disable also keeps it from
// starting at the next boot.
type StopService struct {
	Unit    string
	Disable bool
	Running bool // it runs, or is about to
}

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
func (ClearNames) Kind() Kind  { return Kind{Action: "names", Lasts: true, Settled: true} }
func (Forget) Kind() Kind      { return Kind{Action: "forget", Lasts: true, Settled: true} }
func (RemoveOwn) Kind() Kind   { return Kind{Action: "remove", Lasts: true, Settled: true} }

func (s StopService) Object() string {
	if s.Disable {
		return s.Unit + " (it would put everything back; it is disabled, too)"
	}
	return s.Unit + " (it would put everything back)"
}

func (s ClearNames) Object() string {
	return s.DataRoot + "/containers: take out the names that this program wrote"
}

func (Forget) Object() string { return "what this program manages on this host" }

func (s RemoveOwn) Object() string { return strings.Join(s.Paths, ", ") }
