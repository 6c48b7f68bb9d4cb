package systemd

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/coreos/go-systemd/v22/daemon"
)

// The states that a service reports, from sd_notify(3).
const (
	Ready    = daemon.SdNotifyReady    // it has started, or has read its configuration again
	Stopping = daemon.SdNotifyStopping // it is about to end
	// Reloading says that it is reading its configuration again, until it says
	// Ready. Type=notify-reload requires MONOTONIC_USEC in the same call.
	Reloading = daemon.SdNotifyReloading
	Watchdog  = daemon.SdNotifyWatchdog // it is alive
)

// statusBytes is the limit of what Status returns, including "STATUS=".
const statusBytes = 256

// Notify reports states of this service to systemd, in one message. Success
// does not mean that systemd accepts it: NotifyAccess decides that. If systemd
// does not expect messages from this process, Notify does nothing and returns
// nil.
func Notify(state ...string) error {
	if _, err := daemon.SdNotify(false, strings.Join(state, "\n")); err != nil {
		return fmt.Errorf("notify systemd: %w", err)
	}
	return nil
}

// Status returns the state that `systemctl status` shows with the service: one
// line of at most 256 bytes. It replaces characters that are not safe for a
// terminal, and invalid UTF-8, for which systemd would refuse the whole text,
// by one space. It cuts a long text between characters and ends it with "…".
func Status(text string) string {
	const start, more = "STATUS=", "…"
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return !unicode.IsPrint(r) || r == utf8.RuneError
	}), " ")
	if len(start+text) <= statusBytes {
		return start + text
	}
	cut := statusBytes - len(start+more)
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return start + text[:cut] + more
}

// WatchdogEvery returns how often to send Watchdog: twice in the time after
// which systemd considers the service hung. on is false if systemd does not
// expect it, or expects it from another process.
func WatchdogEvery() (every time.Duration, on bool, err error) {
	limit, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return 0, false, fmt.Errorf("read systemd's watchdog: %w", err)
	}
	return limit / 2, limit > 0, nil
}
