package provision

import (
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/state"
)

const (
	// clockTick is how far back the kernel's time of a change may lie: it is that
	// of the last timer interrupt, at least 100 times a second.
	clockTick = 10 * time.Millisecond
)

// observeLoaded is what is known of the dockerd of unit: what was remembered of
// it, or that file was not changed since it started.
func (h *Host) observeLoaded(unit Unit, file daemonfile.File) state.Loaded {
	l, err := h.State().ReadLoaded()
	if err != nil {
		// What cannot be read is not known.
		h.log().Debug("what dockerd has loaded is not known", zap.Error(err))
	}
	if l.Invocation != unit.InvocationID {
		l = state.Loaded{}
	}
	l.SchemaVersion, l.Invocation = state.LoadedSchema, unit.InvocationID
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

// rememberLoaded keeps l for later looks. Without it less is known and more is
// held, so that an error is only logged.
func (pr *Provisioner) rememberLoaded(l state.Loaded) {
	if err := pr.State().WriteLoaded(l); err != nil {
		pr.log().Debug("what dockerd has loaded is not remembered", zap.Error(err))
	}
}

// rememberReload notes that the dockerd of invocation has read text again.
func (pr *Provisioner) rememberReload(invocation string, text []byte) {
	doc, err := daemonjson.Parse(text)
	if err != nil {
		return
	}
	l, err := pr.State().ReadLoaded()
	if err != nil || l.Invocation != invocation {
		l = state.Loaded{SchemaVersion: state.LoadedSchema, Invocation: invocation}
	}
	now := digests(invocation, doc)
	// What the text leaves out keeps the value that dockerd has.
	for option, digest := range l.Hot() {
		if _, again := now[option]; !again && !resetsOnReload(option) && option != optionFeatures {
			now[option] = digest
		}
	}
	l.Reloaded = now
	pr.rememberLoaded(l)
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
