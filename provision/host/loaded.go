package host

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

// Loaded is what is known of the dockerd of unit: what was remembered of
// it, or that file was not changed since it started.
func (h *Host) Loaded(unit Unit, file daemonfile.File) state.Loaded {
	l, err := h.State().ReadLoaded()
	if err != nil {
		// What cannot be read is not known.
		h.Logger().Debug("what dockerd has loaded is not known", zap.Error(err))
	}
	if l.Invocation != unit.InvocationID {
		l = state.Loaded{}
	}
	l.SchemaVersion, l.Invocation = state.LoadedSchema, unit.InvocationID
	if l.Started == nil && file.Exists && file.Changed.Add(clockTick).Before(unit.startTime(time.Now(), SinceBoot())) {
		l.Started = OptionDigests(l.Invocation, file.Doc)
	}
	return l
}

// startTime is when the service was started by the clock of now, or by the
// clock of then where that says an earlier time: one of both was set since. It is
// zero where it is not known.
func (u Unit) startTime(now time.Time, afterBoot time.Duration) time.Time {
	if u.Started.IsZero() || u.StartedAfterBoot == 0 || u.InvocationID == "" {
		return time.Time{}
	}
	if again := now.Add(u.StartedAfterBoot - afterBoot); again.Before(u.Started) {
		return again
	}
	return u.Started
}

// SinceBoot is CLOCK_MONOTONIC.
func SinceBoot() time.Duration {
	var at unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &at); err != nil {
		panic(err) // it always can be read (clock_gettime(2))
	}
	return time.Duration(at.Nano())
}

// OptionDigests has for each option of doc the digest of its value. They are of no use
// for another start of docker.service.
func OptionDigests(invocation string, doc daemonjson.Document) map[string]string {
	all := map[string]string{}
	for option, value := range doc.Options() {
		all[option] = durable.Digest([]byte(invocation + "\n" + option + "\n" + value))
	}
	return all
}
