package release

import (
	"fmt"
	"net/url"

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
type RefusedError struct {
	Act    string // fetch, unpack, check, install
	Object string // a URL without credentials, or a path
	Err    error
}

func (e *RefusedError) Error() string { return fmt.Sprintf("%s %s: %v", e.Act, e.Object, e.Err) }

// Unwrap returns Err.
func (e *RefusedError) Unwrap() error { return e.Err }

// UnavailableError means that a file could not be fetched now. Trying again
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

// Unwrap returns Err.
func (e *UnavailableError) Unwrap() error { return e.Err }

// PresentError means that the release asked for is already installed.
type PresentError struct {
	Release string
	Origin  *Origin // how it is known to be the one asked for; nil with TrustChecksum
}

func (e *PresentError) Error() string { return "release " + e.Release + " is already installed" }

// UnsafeError means that users other than its owner could change or replace a
// path.
type UnsafeError = durable.UnsafeError

// ForeignError means that another program's file is where ours should go.
type ForeignError struct {
	Path string
	Is   string // what it is
}

func (e *ForeignError) Error() string { return fmt.Sprintf("%s is %s: left alone", e.Path, e.Is) }

// withoutSecrets formats u for users: without credentials, and without a query, which may
// be a signature that gives any reader of a log access.
func withoutSecrets(u *url.URL) string {
	plain := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	return plain.String()
}
