package release

import (
	"cmp"
	"time"

	"runsc-provisioner/provision/archive"
)

// Limits limit what is accepted from outside. A zero field means its default.
// The defaults suit real networks and gVisor's releases (46 MB packed, 150 MB
// unpacked).
type Limits struct {
	ArtifactBytes int64 // of one download; 512 MiB
	ChecksumBytes int64 // of a digest file; 4 KiB
	UnpackedBytes int64 // of all files of a release; 2 GiB
	Entries       int   // of an archive; 1000
	NameBytes     int   // of an entry's name; 255
	BesideBytes   int64 // decompressed, but of no file; 8 MiB

	Redirects     int           // 5
	Tries         int           // in a row with little progress; 5
	FirstPause    time.Duration // between tries, growing, with jitter; 500 ms
	LongestPause  time.Duration // 15 s
	RetryAfterMax time.Duration // longest wait a server may ask for; 2 min

	Connect time.Duration // TCP, and again TLS; 15 s
	Header  time.Duration // from the request to the answer's header; 30 s
	Total   time.Duration // for one file with all its tries; 30 min
	MinRate int64         // bytes per second over a Window; 4 KiB
	Window  time.Duration // 30 s

	VersionTime  time.Duration // for `runsc --version`; 10 s
	VersionBytes int64         // of its output; 64 KiB
}

func (l Limits) withDefaults() Limits {
	return Limits{
		ArtifactBytes: cmp.Or(l.ArtifactBytes, 512<<20),
		ChecksumBytes: cmp.Or(l.ChecksumBytes, 4<<10),
		UnpackedBytes: cmp.Or(l.UnpackedBytes, 2<<30),
		Entries:       cmp.Or(l.Entries, 1000),
		NameBytes:     cmp.Or(l.NameBytes, 255),
		BesideBytes:   cmp.Or(l.BesideBytes, 8<<20),
		Redirects:     cmp.Or(l.Redirects, 5),
		Tries:         cmp.Or(l.Tries, 5),
		FirstPause:    cmp.Or(l.FirstPause, 500*time.Millisecond),
		LongestPause:  cmp.Or(l.LongestPause, 15*time.Second),
		RetryAfterMax: cmp.Or(l.RetryAfterMax, 2*time.Minute),
		Connect:       cmp.Or(l.Connect, 15*time.Second),
		Header:        cmp.Or(l.Header, 30*time.Second),
		Total:         cmp.Or(l.Total, 30*time.Minute),
		MinRate:       cmp.Or(l.MinRate, 4<<10),
		Window:        cmp.Or(l.Window, 30*time.Second),
		VersionTime:   cmp.Or(l.VersionTime, 10*time.Second),
		VersionBytes:  cmp.Or(l.VersionBytes, 64<<10),
	}
}

// archive are the limits of one archive.
func (l Limits) archive() archive.Limits {
	return archive.Limits{Bytes: l.UnpackedBytes, Beside: l.BesideBytes, Entries: l.Entries, Name: l.NameBytes}
}
