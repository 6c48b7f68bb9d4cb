package provision

import (
	"errors"
	"fmt"
)

// RolledBack says that a change failed, and that daemon.json, the link and what
// dockerd runs with are the old ones again: then Restore is nil. Otherwise it
// says what could not be put back, or not be confirmed.
type RolledBack struct {
	Cause   error
	Restore error
	// Said is what Docker logged meanwhile, not fit for a terminal as it is.
	Said []string
}

func (r *RolledBack) Error() string {
	if r.Restore != nil {
		return fmt.Sprintf("%v; putting things back: %v", r.Cause, r.Restore)
	}
	return fmt.Sprintf("%v; everything is as it was before", r.Cause)
}

func (r *RolledBack) Unwrap() []error { return []error{r.Cause, r.Restore} }

// DockerDown says that a change failed, and that Docker did not come up again
// from what was there before either.
type DockerDown struct {
	Cause   error
	Restore error // may be nil
	Said    []string
}

func (d *DockerDown) Error() string {
	if d.Restore != nil {
		return fmt.Sprintf("docker is down: %v; putting things back: %v", d.Cause, d.Restore)
	}
	return fmt.Sprintf("docker is down: %v", d.Cause)
}

func (d *DockerDown) Unwrap() []error { return []error{d.Cause, d.Restore} }

// ErrBusy says that something else kept changing what was observed.
var ErrBusy = errors.New("the host kept changing while it was being changed")
