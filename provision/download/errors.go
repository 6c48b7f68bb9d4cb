package download

import (
	"fmt"
	"net/url"
)

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

// AbsentError is a missing file, or one that is not public: gVisor's bucket
// answers 404, mirrors without listing answer 403.
type AbsentError struct {
	URL    string // without credentials
	Status string
}

func (e *AbsentError) Error() string { return fmt.Sprintf("fetch %s: %s", e.URL, e.Status) }

// WithoutSecrets formats u for users: without credentials, and without a query, which may
// be a signature that gives any reader of a log access.
func WithoutSecrets(u *url.URL) string {
	plain := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	return plain.String()
}
