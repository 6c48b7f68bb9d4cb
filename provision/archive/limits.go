package archive

import "cmp"

// Limits limit what is accepted of one archive. A zero field means its default.
type Limits struct {
	Bytes   int64 // of all files; 2 GiB
	Beside  int64 // decompressed, but of no file: headers, padding and what follows the end; 8 MiB
	Entries int   // 1000
	Name    int   // bytes of an entry's name; 255
}

// maxWindow is the most memory that an archive may require, the limit of the
// zstd command: it unpacks every archive made without special flags.
const maxWindow = 128 << 20

func (l Limits) withDefaults() Limits {
	return Limits{
		Bytes:   cmp.Or(l.Bytes, 2<<30),
		Beside:  cmp.Or(l.Beside, 8<<20),
		Entries: cmp.Or(l.Entries, 1000),
		Name:    cmp.Or(l.Name, 255),
	}
}
