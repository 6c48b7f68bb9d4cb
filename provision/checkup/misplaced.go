package checkup

import (
	"fmt"
	"path/filepath"

	"runsc-provisioner/provision/daemonfile"
)

// misplacedItem says what became of a directory that came too late.
func misplacedItem(file daemonfile.File) (health Health, seen, remedy string) {
	dir := filepath.Dir(file.Path)
	late := file.Misplaced[0]
	return Warning, fmt.Sprintf("%s was moved into %s, which was missing for so long that it was made again: its settings are not in effect", filepath.Dir(late), dir),
		fmt.Sprintf("compare it with %s, then move it into place: mv -T %s %s; or remove %s", file.Path, late, file.Path, filepath.Dir(late))
}
