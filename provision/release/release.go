// Package release finds, authenticates, fetches and stores gVisor releases.
//
// It guarantees that nothing is executed, or appears under a name others use,
// before the digest of all it came from is right; that a release is a
// directory which is there completely or not at all, whatever instant the
// machine stops at; and that everything read from a network is limited in
// bytes, time, entries and redirects.
//
// It never overwrites what is not its own, never talks plain http, has no
// switch that weakens TLS, and never takes one way of trust for another.
//
// Trust is a Source. Checksum, the one there is, takes the digest from where
// the archive is: that proves integrity, not origin.
package release

import "context"

// Source finds, authenticates and fetches one release.
type Source interface {
	// Fetch puts the files of the release that spec asks for into the
	// directory release below into, and what they came from, unchanged, into the
	// directory archive beside it; both directories are there. When it returns
	// without an error everything is authenticated and synced to disk, but
	// nothing was executed. Errors: *SpecError, *RefusedError,
	// *UnavailableError, *SpaceError, the cause of ctx, or of the file system.
	Fetch(ctx context.Context, spec Spec, into string) (Fetched, error)
}

// The directories of a Source below the one it is given.
const (
	releaseDir = "release"
	archiveDir = "archive"
)

// Fetched is what a Source brought.
type Fetched struct {
	URL      string // the release's directory, without credentials
	Trust    string // how it was authenticated
	Archives []Archive
	Files    []File
}

// Archive is a file as it was downloaded.
type Archive struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"` // bytes
	SHA512 string `json:"sha512"`
}

// Stage is what is being done with a release.
type Stage string

// The stages, in their order.
const (
	StageDownload Stage = "download"
	StageUnpack   Stage = "unpack" // what is left of it after the download
	StageCheck    Stage = "check"
)

// Progress is told while a release is fetched.
type Progress struct {
	Stage Stage
	File  string // base name
	Done  int64  // bytes
	Total int64  // bytes; -1 when not known
}
