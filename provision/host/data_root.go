package host

import (
	"runsc-provisioner/provision/engine"
)

// DataRoot is what is below dockerd's data root, and around it.
type DataRoot struct {
	engine.Data
	VolumeBytes map[string]int64 // by name; -1 where it could not be told
	// Unsearchable is a directory above the data root that others may not
	// search; "" if there is none.
	Unsearchable string
	// Namespaces is how many user namespaces the kernel allows; -1 where it has
	// no such limit.
	MaxUserNamespaces int
	Room              Room
}

// Room is what is free for bringing images along, in bytes.
type Room struct {
	Spool     int64 // where the archive is kept meanwhile
	SpoolPath string
	Root      int64 // below the data root
	Same      bool  // both are one file system
}
