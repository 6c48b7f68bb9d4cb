package state

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/blocked"
)

// JournalState says what an open journal means.
type JournalState string

const (
	JournalRunning    JournalState = "running"    // a run is changing the host now
	JournalUnfinished JournalState = "unfinished" // the run has ended in the middle of its change
	JournalUnreadable JournalState = "unreadable" // the same, and the journal is damaged
	JournalNewer      JournalState = "newer"      // the same, and a newer version wrote the journal
	JournalUnknown    JournalState = "unknown"    // this user may not see whether there is a journal
)

// OpenJournal is what a reader sees of the journal. The next run settles the change before
// anything else, except that it refuses to run if the state is JournalNewer.
type OpenJournal struct {
	Path  string
	State JournalState
	// Started is when the run began, and File is its daemon.json; zero if they could not be
	// read.
	Started time.Time
	File    string
	// Err is why the journal could not be read; nil if it could.
	Err error
}

// Open looks for the journal of a run that has not ended well; nil if there is none.
// It changes nothing. The answer holds for one instant: no run can close a journal between
// the look at the lock and the look at the journal.
func (s JournalStore) Open() *OpenJournal {
	if open := s.readOpen(); open == nil || open.State == JournalUnknown {
		return open
	}
	unlock, isLocked := s.dir.shareLock()
	defer unlock()
	open := s.readOpen()
	if open != nil && isLocked {
		open.State = JournalRunning
	}
	return open
}

func (s JournalStore) readOpen() *OpenJournal {
	j, found, err := s.Read()
	if !found {
		return nil
	}
	open := &OpenJournal{Path: s.Path(), State: JournalUnfinished, Started: j.Started, File: j.File.Path, Err: err}
	var refused *blocked.Refused
	switch {
	case errors.Is(err, fs.ErrPermission):
		open.State = JournalUnknown
	case errors.As(err, &refused):
		open.State = JournalNewer
	case err != nil:
		open.State = JournalUnreadable
	}
	return open
}

// shareLock reports whether a run holds the lock. If none does, no run can begin before
// unlock, so the caller must call it at once. It creates no file.
func (d Dir) shareLock() (unlock func(), isLocked bool) {
	// Opening a FIFO would wait forever for its other end.
	f, err := os.OpenFile(filepath.Join(string(d), lockName), os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return func() {}, false // every run makes the file before it begins
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	return func() { _ = f.Close() }, errors.Is(err, unix.EWOULDBLOCK)
}
