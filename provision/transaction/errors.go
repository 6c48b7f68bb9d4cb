package transaction

import (
	"errors"
	"fmt"
)

// RolledBack says that a change failed. If Restore is nil, daemon.json, the link and
// dockerd's settings are as before. Otherwise Restore says what could not be put back or
// not be confirmed.
type RolledBack struct {
	Cause   error
	Restore error
	Left    Left // if Restore is not nil
	// DockerEnded says that dockerd ended on the reload. Docker was started again, which
	// stops containers.
	DockerEnded bool
	// DockerKilled says that another program ended dockerd with a signal during the reload.
	DockerKilled bool
	// DockerState is that of docker.service if another program has stopped it meanwhile; else "".
	DockerState string
	// Said is what Docker logged since the change began. It is not safe for a terminal.
	Said []string
}

func (r *RolledBack) Error() string {
	if r.Restore != nil {
		return fmt.Sprintf("%v; rollback: %v", r.Cause, r.Restore)
	}
	switch {
	case r.DockerState != "":
		return fmt.Sprintf("%v; daemon.json is as it was before; docker.service is %s", r.Cause, r.DockerState)
	case r.DockerEnded:
		return fmt.Sprintf("%v; daemon.json is as it was before, and Docker was started again, which stops containers", r.Cause)
	}
	return fmt.Sprintf("%v; everything is as it was before", r.Cause)
}

func (r *RolledBack) Unwrap() []error { return []error{r.Cause, r.Restore} }

// DockerDown says that a change failed, and that Docker did not come up from the old
// settings either.
type DockerDown struct {
	Cause   error
	Restore error // may be nil
	Left    Left
	Said    []string
	// DockerEnded says that dockerd ended on the reload.
	DockerEnded bool
	// DockerKilled says that another program ended dockerd with a signal during the reload.
	DockerKilled bool
}

func (d *DockerDown) Error() string {
	if d.Restore != nil {
		return fmt.Sprintf("docker is down: %v; rollback: %v", d.Cause, d.Restore)
	}
	return fmt.Sprintf("docker is down: %v", d.Cause)
}

func (d *DockerDown) Unwrap() []error { return []error{d.Cause, d.Restore} }

// Left is what a rollback left behind that did not put everything back.
type Left struct {
	File   FileLeft
	Docker DockerLeft
	Copy   string // where the text from before is kept; "" if it is lost, or there was none
	// Aside is where the journal was set aside; "" if the next run tries once more.
	Aside string
}

// FileLeft is the text that a rollback left in daemon.json.
type FileLeft int

const (
	FileUnknown FileLeft = iota // it cannot be read
	FileOld                     // the text from before
	FileMerged                  // another program's text, without the settings of the run
	FileForeign                 // another program's text, perhaps with settings of the run
	FileChanged                 // a text that the run wrote
)

// DockerLeft is how a rollback left Docker.
type DockerLeft int

const (
	DockerUnknown  DockerLeft = iota // dockerd does not answer, or cannot be compared
	DockerStopped                    // it does not run
	DockerRestored                   // dockerd runs with the settings from before
	DockerChanged                    // dockerd runs with settings of the run
)

// ErrBusy says that other programs kept changing the host.
var ErrBusy = errors.New("the host kept changing while it was being changed")
