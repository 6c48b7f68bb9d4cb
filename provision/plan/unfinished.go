package plan

import (
	"fmt"

	"runsc-provisioner/provision/state"
)

// Unfinished is the change of a run that has not ended well.
type Unfinished struct {
	Journal string             `json:"journal"` // the path of its journal
	State   state.JournalState `json:"state"`
	First   string             `json:"first"` // what apply does about it before the steps
}

// unfinishedOf is the change that open describes; nil if there is none.
func unfinishedOf(open *state.OpenJournal) *Unfinished {
	if open == nil {
		return nil
	}
	u := &Unfinished{Journal: open.Path, State: open.State}
	switch open.State {
	case state.JournalRunning:
		u.First = "another run is changing this host: apply waits for it, and the steps may then change"
	case state.JournalUnfinished:
		u.First = fmt.Sprintf("a run did not finish its change (%s): apply first finishes or undoes it, and the steps may then change", open.Path)
	case state.JournalUnreadable:
		u.First = fmt.Sprintf("a run did not finish its change, and its journal is damaged (%s): apply first sets the journal aside", open.Path)
	case state.JournalNewer:
		u.First = fmt.Sprintf("a newer version of this program did not finish its change (%s): apply refuses to run until that version has run apply, or until you move the file away", open.Path)
	case state.JournalUnknown:
		u.First = fmt.Sprintf("only root may see whether a run did not finish its change (%s)", open.Path)
	}
	return u
}

// Settles reports whether apply first changes the host for u.
func (u *Unfinished) Settles() bool {
	return u != nil && (u.State == state.JournalUnfinished || u.State == state.JournalUnreadable)
}

// Refuses reports whether apply refuses to run because of u.
func (u *Unfinished) Refuses() bool { return u != nil && u.State == state.JournalNewer }

// Unseen reports whether this user may not see whether there is such a change.
func (u *Unfinished) Unseen() bool { return u != nil && u.State == state.JournalUnknown }
