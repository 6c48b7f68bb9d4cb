package provision

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/durable"
)

const (
	loadedSchema = 1
	// maxLoaded is the most bytes that the file of it may have: a digest and a
	// name for each option.
	maxLoaded = 256 << 10
	// clockTick is how far back the kernel's time of a change may lie: it is that
	// of the last timer interrupt, at least 100 times a second.
	clockTick = 10 * time.Millisecond
)

// loaded is what is known of the texts of daemon.json that one dockerd has read:
// of each option the digest of its value, because secrets live there.
type loaded struct {
	SchemaVersion int    `json:"schema_version"`
	Invocation    string `json:"invocation"` // the start of docker.service that it belongs to
	// Started is of the text that it started from; nil is not known.
	Started map[string]string `json:"started,omitempty"`
	// Reloaded is of what it has read last, by a reload of ours.
	Reloaded map[string]string `json:"reloaded,omitempty"`
}

// hot is what dockerd is known to have of the options that a reload changes; nil
// is not known.
func (l loaded) hot() map[string]string {
	if l.Reloaded != nil {
		return l.Reloaded
	}
	return l.Started
}

func (h *Host) loadedPath() string { return filepath.Join(h.Paths.State, "loaded.json") }

// observeLoaded is what is known of the dockerd of unit: what was remembered of
// it, or that file was not changed since it started.
func (h *Host) observeLoaded(unit Unit, file daemonfile.File) loaded {
	l, err := h.readLoaded()
	if err != nil {
		// What cannot be read is not known.
		h.log().Debug("what dockerd has loaded is not known", zap.Error(err))
	}
	if l.Invocation != unit.InvocationID {
		l = loaded{}
	}
	l.SchemaVersion, l.Invocation = loadedSchema, unit.InvocationID
	if l.Started == nil && file.Exists && file.Changed.Add(clockTick).Before(unit.startedSince(time.Now(), sinceBoot())) {
		l.Started = digests(l.Invocation, file.Doc)
	}
	return l
}

// startedSince is when the service was started by the clock of now, or by the
// clock of then where that says an earlier time: one of both was set since. It is
// zero where it is not known.
func (u Unit) startedSince(now time.Time, afterBoot time.Duration) time.Time {
	if u.Started.IsZero() || u.StartedAfterBoot == 0 || u.InvocationID == "" {
		return time.Time{}
	}
	if again := now.Add(u.StartedAfterBoot - afterBoot); again.Before(u.Started) {
		return again
	}
	return u.Started
}

// sinceBoot is CLOCK_MONOTONIC.
func sinceBoot() time.Duration {
	var at unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &at); err != nil {
		panic(err) // it always can be read (clock_gettime(2))
	}
	return time.Duration(at.Nano())
}

func (h *Host) readLoaded() (loaded, error) {
	text, err := durable.ReadLimited(h.loadedPath(), maxLoaded)
	if errors.Is(err, fs.ErrNotExist) {
		return loaded{}, nil
	}
	var l loaded
	if err == nil {
		err = json.Unmarshal(text, &l)
	}
	if err == nil && l.SchemaVersion != loadedSchema {
		err = fmt.Errorf("%s is of another version of this program (schema %d)", h.loadedPath(), l.SchemaVersion)
	}
	if err != nil {
		return loaded{}, err
	}
	return l, nil
}

// rememberLoaded keeps l for later looks. Without it less is known, and more is
// held: no reason to fail.
func (h *Host) rememberLoaded(l loaded) {
	if l.Invocation == "" || l.Started == nil && l.Reloaded == nil {
		return
	}
	was, err := h.readLoaded()
	if err == nil && was.Invocation == l.Invocation && maps.Equal(was.Started, l.Started) && maps.Equal(was.Reloaded, l.Reloaded) {
		return
	}
	text, err := json.MarshalIndent(l, "", "  ")
	if err == nil {
		err = durable.WriteFile(h.loadedPath(), append(text, '\n'), durable.Plain(0o600))
	}
	if err != nil {
		h.log().Debug("what dockerd has loaded is not remembered", zap.Error(err))
	}
}

// rememberReload notes that the dockerd of invocation has read text again.
func (h *Host) rememberReload(invocation string, text []byte) {
	doc, err := daemonjson.Parse(text)
	if err != nil {
		return
	}
	l, err := h.readLoaded()
	if err != nil || l.Invocation != invocation {
		l = loaded{SchemaVersion: loadedSchema, Invocation: invocation}
	}
	now := digests(invocation, doc)
	// What the text leaves out keeps the value that dockerd has.
	for option, digest := range l.hot() {
		if _, again := now[option]; !again && !resetsOnReload(option) && option != optionFeatures {
			now[option] = digest
		}
	}
	l.Reloaded = now
	h.rememberLoaded(l)
}

// digests has for each option of doc the digest of its value. They are of no use
// for another start of docker.service.
func digests(invocation string, doc daemonjson.Document) map[string]string {
	all := map[string]string{}
	for option, value := range doc.Options() {
		all[option] = durable.Digest([]byte(invocation + "\n" + option + "\n" + value))
	}
	return all
}
