// Package blocked has the two errors which guarantee that nothing was changed: Refused if a
// user has to change the host first, and Unreachable if Docker or systemd did not answer.
// Both name the object that they are about.
package blocked

import (
	"errors"
	"fmt"
)

// Refused is a state of the host that only a user can change. Nothing was changed.
type Refused struct {
	Object string // a path, a unit, a key
	Err    error
}

func (r *Refused) Error() string { return r.Object + ": " + r.Err.Error() }

func (r *Refused) Unwrap() error { return r.Err }

// Refuse returns a *Refused about object. The reason is formatted as by fmt.Errorf.
func Refuse(object, format string, args ...any) error {
	return &Refused{Object: object, Err: fmt.Errorf(format, args...)}
}

// Unreachable means that Docker or systemd did not answer, or that Docker is installed in a
// way that is not supported. Nothing was changed.
type Unreachable struct {
	Object string // a unit, dockerd, systemd
	Err    error
}

func (o *Unreachable) Error() string { return o.Object + ": " + o.Err.Error() }

func (o *Unreachable) Unwrap() error { return o.Err }

// DockerdSilent returns an *Unreachable about dockerd, which did not answer because of err.
func DockerdSilent(err error) error { return &Unreachable{Object: "dockerd", Err: err} }

// SystemdSilent returns an *Unreachable about systemd, which did not answer because of err.
func SystemdSilent(err error) error { return &Unreachable{Object: "systemd", Err: err} }

// NotRunning returns an *Unreachable about a unit that has to run, and that this program
// does not start. state is the ActiveState of the unit.
func NotRunning(unit, state string) error {
	return &Unreachable{Object: unit, Err: fmt.Errorf("is %s, and runsc-provisioner does not start it", state)}
}

// Reasons of an Unreachable for which the command has advice.
var (
	//lint:ignore ST1005 Docker is a name
	ErrNotInstalled = errors.New("Docker is not installed")
	ErrMasked       = errors.New("masked")
	ErrNoUnixSocket = errors.New("it listens on no unix socket")
	//lint:ignore ST1005 Docker is a name
	ErrSnap = errors.New("Docker as a snap is not supported, because a snap cannot run a runtime of the host")
)
