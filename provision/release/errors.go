package release

import (
	"fmt"
	"net/url"

	"github.com/dustin/go-humanize"
)

// SpecError is a Spec that nothing could satisfy.
type SpecError struct {
	Field  string // as in config.toml: url, channel, version, arch, redirect_hosts, sha512
	Value  string
	Reason string
}

func (e *SpecError) Error() string {
	return fmt.Sprintf("%s %q: %s", e.Field, e.Value, e.Reason)
}

// RefusedError is something fetched or found that is not accepted. Trying
// again gives the same.
type RefusedError struct {
	Act    string // fetch, unpack, check, install
	Object string // a URL without credentials, or a path
	Err    error
}

func (e *RefusedError) Error() string { return fmt.Sprintf("%s %s: %v", e.Act, e.Object, e.Err) }

// Unwrap gives the reason.
func (e *RefusedError) Unwrap() error { return e.Err }

// UnavailableError is something that could not be fetched now. Trying again
// later may help.
type UnavailableError struct {
	URL   string // without credentials
	Tries int
	Err   error // of the last one
}

func (e *UnavailableError) Error() string {
	tries := "1 try"
	if e.Tries != 1 {
		tries = fmt.Sprintf("%d tries", e.Tries)
	}
	return fmt.Sprintf("fetch %s: gave up after %s: %v", e.URL, tries, e.Err)
}

// Unwrap gives the reason.
func (e *UnavailableError) Unwrap() error { return e.Err }

// SpaceError is a file system without the room needed.
type SpaceError struct {
	Path string
	Need int64 // bytes; an estimate where an archive's content is not known yet
	Have int64 // bytes
}

func (e *SpaceError) Error() string {
	return fmt.Sprintf("%s: %s needed, %s free", e.Path, humanize.IBytes(uint64(e.Need)), humanize.IBytes(uint64(e.Have)))
}

// PresentError says that the release asked for is installed already.
type PresentError struct{ Release string }

func (e *PresentError) Error() string { return "release " + e.Release + " is there already" }

// UnsafeError is a path that others than its owner could change or replace.
type UnsafeError struct {
	Path   string
	Reason string
}

func (e *UnsafeError) Error() string { return e.Path + ": " + e.Reason }

// ForeignError is something of somebody else's where ours should go.
type ForeignError struct {
	Path string
	Is   string // what it is
}

func (e *ForeignError) Error() string { return fmt.Sprintf("%s is %s: left alone", e.Path, e.Is) }

// show gives u for people: without credentials, and without a query, which
// may be a signature that opens the object to whoever reads a log.
func show(u *url.URL) string {
	plain := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	return plain.String()
}
