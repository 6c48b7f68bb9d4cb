package steps

import (
	"fmt"

	"github.com/dustin/go-humanize"

	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/subid"
)

// AddAccount creates the user that containers get their ids from.
type AddAccount struct {
	Name        string
	GroupExists bool // its group exists already
}

// RemoveAccount removes an account that this program created.
type RemoveAccount struct{ Name string }

// EditIDs replaces the text of /etc/subuid or /etc/subgid, under the locks of the shadow tools.
type EditIDs struct{ subid.Edit }

// SaveImages saves images in an archive before dockerd gets another data root.
type SaveImages struct {
	Images []engine.Image
	Bytes  int64 // of all layers
	Path   string
}

// LoadImages loads the archive of SaveImages into dockerd, and removes it.
type LoadImages struct {
	Images []engine.Image
	Path   string
}

// DropImages removes the archive of a switch that did not happen.
type DropImages struct{ Path string }

func (s AddAccount) Object() string {
	return "create the user " + s.Name + ", which can neither log in nor own a file"
}

func (s RemoveAccount) Object() string { return "remove the user " + s.Name }
func (s EditIDs) Object() string       { return s.Path + ": " + s.What }
func (s DropImages) Object() string    { return s.Path + " (these images are no longer needed)" }

func (s SaveImages) Object() string {
	return fmt.Sprintf("%s into %s (%s)", CountImages(s.Images), s.Path, humanize.IBytes(uint64(s.Bytes)))
}

func (s LoadImages) Object() string {
	return fmt.Sprintf("%s from %s", CountImages(s.Images), s.Path)
}

// CountImages is the number of images in words.
func CountImages(all []engine.Image) string {
	if len(all) == 1 {
		return "1 image"
	}
	return fmt.Sprintf("%d images", len(all))
}
