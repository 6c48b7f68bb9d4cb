package checkup

import (
	"fmt"
	"path/filepath"

	"runsc-provisioner/provision/state"
)

// SetAsideItem says what was set aside; it reports false where nothing was.
func SetAsideItem(all []state.SetAside) (Item, bool) {
	if len(all) == 0 {
		return Item{}, false
	}
	last := all[len(all)-1]
	item := Item{Name: "recovery", Health: Warning,
		Seen:   fmt.Sprintf("a change that did not end could not be undone and was set aside in %s: %s", last.Path, last.Why),
		Remedy: "look at " + last.Path + " (journal.json, the daemon.json of before, why), then remove it: sudo rm -r " + last.Path}
	if len(all) > 1 {
		item.Seen = fmt.Sprintf("%d changes could not be undone and were set aside, the last one in %s: %s", len(all), last.Path, last.Why)
		item.Remedy = "look at each directory in " + filepath.Dir(last.Path) + ", then remove it: sudo rm -r " + filepath.Dir(last.Path)
	}
	return item, true
}
