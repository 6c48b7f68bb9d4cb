package systemd

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/coreos/go-systemd/v22/daemon"
)

// What a service tells of itself, as sd_notify(3) has it.
const (
	Ready    = daemon.SdNotifyReady    // it has started, or its configuration is read again
	Stopping = daemon.SdNotifyStopping // it is about to end
	// Reloading says that it reads its configuration again, until it says Ready.
	// Type=notify-reload wants MONOTONIC_USEC in the same call.
	Reloading = daemon.SdNotifyReloading
	Watchdog  = daemon.SdNotifyWatchdog // it is alive
)

// statusBytes is the most that Status makes, "STATUS=" with it.
const statusBytes = 256

// Notify tells systemd, in one message, what this service says of itself. That
// it was told does not say that systemd heeds it: that is NotifyAccess's. A
// process that systemd wants to hear nothing of tells nothing, which is no
// error.
func Notify(state ...string) error {
	if _, err := daemon.SdNotify(false, strings.Join(state, "\n")); err != nil {
		return fmt.Errorf("notify systemd: %w", err)
	}
	return nil
}

// Status is the state that `systemctl status` shows with the service: one line
// of at most 256 bytes. Whatever is not fit for a terminal, or is no UTF-8, for
// which systemd would refuse the whole, is one space. What is too long is cut
// between characters, and ends in "…".
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

// WatchdogEvery says how often systemd is to be told Watchdog: in half of the
// time after which it takes the service for hung. It is off where systemd does
// not wait for that, or waits for another process.
func WatchdogEvery() (every time.Duration, on bool, err error) {
	limit, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return 0, false, fmt.Errorf("read systemd's watchdog: %w", err)
	}
	return limit / 2, limit > 0, nil
}
