package release

import (
	"cmp"
	"time"

	"runsc-provisioner/provision/archive"
	"runsc-provisioner/provision/download"
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

	Download download.Limits

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
		Download:      l.Download,
		VersionTime:   cmp.Or(l.VersionTime, 10*time.Second),
		VersionBytes:  cmp.Or(l.VersionBytes, 64<<10),
	}
}

// archive are the limits of one archive.
func (l Limits) archive() archive.Limits {
	return archive.Limits{Bytes: l.UnpackedBytes, Beside: l.BesideBytes, Entries: l.Entries, Name: l.NameBytes}
}
