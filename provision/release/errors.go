package release

import (
	"fmt"

	"runsc-provisioner/provision/download"
	"runsc-provisioner/provision/durable"
)

// SpecError means that no release can satisfy a Spec.
type SpecError struct {
	Field  string // as in config.toml: url, channel, version, arch, redirect_hosts, sha512
	Value  string
	Reason string
}

func (e *SpecError) Error() string {
	return fmt.Sprintf("%s %q: %s", e.Field, e.Value, e.Reason)
}

// RefusedError means that a file, fetched or found, is not accepted. Trying
// again gives the same result.
type RefusedError = download.RefusedError

func newRefused(act, object string, err error) *RefusedError {
	return &RefusedError{Act: act, Object: object, Err: err}
}

// UnavailableError means that a file could not be fetched now. Trying again
// later may help.
type UnavailableError = download.UnavailableError

// PresentError means that the release asked for is already installed.
type PresentError struct {
	Release string
	Origin  *Origin // how it is known to be the one asked for; nil with TrustChecksum
}

func (e *PresentError) Error() string { return "release " + e.Release + " is already installed" }

// OlderError means that a release is older than one that is installed or in use.
type OlderError struct {
	Release string
	Than    string // and what that one is
}

func (e *OlderError) Error() string { return "release " + e.Release + " is older than " + e.Than }

// UnsafeError means that users other than its owner could change or replace a
// path.
type UnsafeError = durable.UnsafeError

// ForeignError means that another program's file is where ours should go.
type ForeignError struct {
	Path string
	Is   string // what it is
}

func (e *ForeignError) Error() string { return fmt.Sprintf("%s is %s: left alone", e.Path, e.Is) }
