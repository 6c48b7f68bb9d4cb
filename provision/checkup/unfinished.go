package checkup

import (
	"cmp"
	"fmt"
	"path/filepath"
	"time"

	"runsc-provisioner/provision/state"
)

// JournalItemName is the name of the item of an open journal.
const JournalItemName = "unfinished change"

// AddJournalItem is items with that of an open journal; nil adds none.
func AddJournalItem(items []Item, open *state.OpenJournal) []Item {
	if open == nil {
		return items
	}
	return append(items, journalItem(*open))
}

// journalItem is critical if the change of a run did not end: the next start of Docker may load a half-done
// daemon.json.
func journalItem(open state.OpenJournal) Item {
	item := Item{Name: JournalItemName, Health: Critical, Remedy: ApplyRemedy}
	switch open.State {
	case state.JournalRunning:
		item.Health, item.Seen, item.Remedy = Warning, "a run is changing this host", "check again in a moment"
	case state.JournalUnknown:
		item.Health, item.Seen, item.Remedy = Unsure, open.Path+" cannot be read by this user", AsRootRemedy
	case state.JournalNewer:
		item.Seen = "a newer version of this program did not finish its change, and this version cannot read " + open.Path
		item.Remedy = "run apply with that version; or read " + open.Path + ", move it away, and run: " + ApplyRemedy
	case state.JournalUnreadable:
		item.Seen = fmt.Sprintf("a run did not finish its change, and its journal %s is damaged: %v", open.Path, open.Err)
		item.Remedy = ApplyRemedy + " sets it aside; then compare daemon.json with the newest copy in " + filepath.Join(filepath.Dir(open.Path), "backup")
	case state.JournalUnfinished:
		item.Seen = fmt.Sprintf("the run of %s did not finish its change of %s: %s", open.Started.UTC().Format(time.DateTime), cmp.Or(open.File, "daemon.json"), open.Path)
		item.Remedy = ApplyRemedy + " finishes or undoes it"
	}
	return item
}

// SetAsideItem reports the changes that could not be undone; false if there are none.
func SetAsideItem(all []state.FailedRecovery) (Item, bool) {
	if len(all) == 0 {
		return Item{}, false
	}
	last := all[len(all)-1]
	item := Item{Name: "recovery", Health: Warning,
		Seen:   fmt.Sprintf("an unfinished change could not be undone and was set aside in %s: %s", last.Path, last.Reason),
		Remedy: "read " + last.Path + " (journal.json, the earlier daemon.json, why), then remove it: sudo rm -r " + last.Path}
	if len(all) > 1 {
		item.Seen = fmt.Sprintf("%d changes could not be undone and were set aside, the last one in %s: %s", len(all), last.Path, last.Reason)
		item.Remedy = "read each directory in " + filepath.Dir(last.Path) + ", then remove it: sudo rm -r " + filepath.Dir(last.Path)
	}
	return item, true
}
