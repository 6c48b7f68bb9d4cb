// Package release guarantees that a gVisor release is installed completely or
// not at all, and only after the digest of everything it came from is right.
//
// Before that, no file of it is executed or gets its final name. A release is a
// directory that exists completely or not at all, whenever the machine stops.
// Everything read from a network is limited in bytes, time, entries and redirects.
//
// It never overwrites a file that is not its own, never uses plain http, has no
// switch that weakens TLS, and never passes one kind of trust off as another.
//
// A Source decides whom to trust. Signed trusts what a pinned key has signed. Checksum takes the digest from
// the same server as the archive: that proves integrity, not origin.
package release

import (
	"context"

	"runsc-provisioner/provision/download"
)

// Source finds, authenticates and fetches one release.
type Source interface {
	// Fetch puts the files of the release that spec asks for into the directory
	// release below into, and the downloaded files, unchanged, into the
	// directory archive beside it. Both directories exist. Those of a Package stay where they are. When it returns
	// without an error everything is authenticated and synced to disk, and
	// nothing was executed. Errors: *SpecError, *RefusedError,
	// *UnavailableError, *room.Error, the cause of ctx, or of the file system.
	Fetch(ctx context.Context, spec Spec, into string) (Fetched, error)
}

// The directories that a Source fills, below the one it is given.
const (
	releaseDir = "release"
	archiveDir = "archive"
)

// Fetched is the result of a Source.
type Fetched struct {
	URL      string // the release's directory, without credentials
	Trust    string // how it was authenticated
	Archives []Archive
	Files    []File
	Origin   *Origin  // of TrustSigned; else nil
	Package  *Package // of TrustPackage; else nil
	Release  string   // what the programs must report; "" if the source does not say
}

// Origin is what proves who made a release.
type Origin struct {
	Signer string    `json:"signer"` // the fingerprint of the key, 40 hexadecimal digits
	URL    string    `json:"url"`    // of the index, without credentials
	Index  Seen      `json:"index"`
	Proof  []Archive `json:"proof,omitempty"` // files beside the archive: the signed index, the list of packages, and the key
	Key    []byte    `json:"-"`               // the file with the public key
}

// Archive is a file as it was downloaded.
type Archive struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"` // bytes
	SHA512 string `json:"sha512"`
}

// Progress is reported when a file is asked for, then at least every second while data
// arrives, and at the end of the file. Done is Total at the end only.
type Progress = download.Progress

// The stages of Fetch, in their order.
const (
	StageDownload = download.StageDownload
	StageUnpack   = download.Stage("unpack") // the rest of it, after the download
	StageCheck    = download.Stage("check")
)
