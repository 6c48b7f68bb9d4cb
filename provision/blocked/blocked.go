// Package blocked has the two errors that say why nothing was touched: Refused,
// where a person has to change the host first, and Unreachable, where Docker or
// systemd cannot be asked. Both name the object that they are about.
package blocked

import (
	"errors"
	"fmt"
)

// Refused is a state of the host that only a person can change. Nothing was
// touched.
type Refused struct {
	Object string // a path, a unit, a key
	Err    error
}

func (r *Refused) Error() string { return r.Object + ": " + r.Err.Error() }

func (r *Refused) Unwrap() error { return r.Err }

// Refuse is a *Refusal about object, with a reason as fmt.Errorf takes it.
func Refuse(object, format string, args ...any) error {
	return &Refused{Object: object, Err: fmt.Errorf(format, args...)}
}

// Unreachable says that Docker or systemd could not be asked, or is installed in a
// way that is not supported. Nothing was touched.
type Unreachable struct {
	Object string
	Err    error
}

func (o *Unreachable) Error() string { return o.Object + ": " + o.Err.Error() }

func (o *Unreachable) Unwrap() error { return o.Err }

// DockerdSilent is err, the reason why dockerd gave no answer.
func DockerdSilent(err error) error { return &Unreachable{Object: "dockerd", Err: err} }

// SystemdSilent is err, the reason why systemd gave no answer.
func SystemdSilent(err error) error { return &Unreachable{Object: "systemd", Err: err} }

// Reasons that users get advice about.
var (
	//lint:ignore ST1005 Docker is a name
	ErrNotInstalled = errors.New("Docker is not installed")
	ErrMasked       = errors.New("masked")
)
