package plan

import (
	"fmt"

	"github.com/dustin/go-humanize"

	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/subid"
)

// AddAccount makes the user whose ids containers get.
type AddAccount struct {
	Name        string
	GroupExists bool // its group is there already
}

// RemoveAccount takes back one that was made.
type RemoveAccount struct{ Name string }

// EditIDs replaces the text of /etc/subuid or /etc/subgid, under the locks of the
// shadow tools.
type EditIDs struct{ subid.Edit }

// SaveImages writes images down before dockerd gets another data root.
type SaveImages struct {
	Images []engine.Image
	Bytes  int64 // of all layers
	Path   string
}

// LoadImages has dockerd read what SaveImages wrote, and removes it.
type LoadImages struct {
	Images []engine.Image
	Path   string
}

// DropImages removes what SaveImages wrote for a switch that did not happen.
type DropImages struct{ Path string }

func (s AddAccount) Object() string {
	return "make the user " + s.Name + ", who can neither log in nor own a file"
}

func (s RemoveAccount) Object() string { return "remove the user " + s.Name }
func (s EditIDs) Object() string       { return s.Path + ": " + s.What }
func (s DropImages) Object() string    { return s.Path + " (nobody asks for these images any more)" }

func (s SaveImages) Object() string {
	return fmt.Sprintf("%s into %s (%s)", CountImages(s.Images), s.Path, humanize.IBytes(uint64(s.Bytes)))
}

func (s LoadImages) Object() string {
	return fmt.Sprintf("%s from %s", CountImages(s.Images), s.Path)
}

func CountImages(all []engine.Image) string {
	if len(all) == 1 {
		return "1 image"
	}
	return fmt.Sprintf("%d images", len(all))
}
