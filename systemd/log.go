package systemd

import (
	"os"

	"github.com/coreos/go-systemd/v22/journal"
)

// The priorities of Log, as in syslog(3).
const (
	PriorityAlert   = int(journal.PriErr)
	PriorityWarning = int(journal.PriWarning)
	PriorityInfo    = int(journal.PriInfo)
)

// Journalled reports whether this process was started with its output in the
// journal (systemd.exec(5), $JOURNAL_STREAM), and the journal accepts entries
// with fields.
func Journalled() bool { return os.Getenv("JOURNAL_STREAM") != "" && journal.Enabled() }

// Log writes one entry to the journal, with fields in addition to the message.
func Log(message string, priority int, fields map[string]string) error {
	return journal.Send(message, journal.Priority(priority), fields)
}
