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

// clockTick is how far a ctime may lag behind the clock: the kernel takes the time of
// the last timer interrupt, which comes at least 100 times a second.
const clockTick = 10 * time.Millisecond

// Loaded returns what the dockerd of unit is known to have read: what earlier runs
// recorded, or the text of file if it has not changed since dockerd started.
func (h *Host) Loaded(unit Unit, file daemonfile.File) state.Loaded {
	l, err := h.State().ReadLoaded()
	if err != nil {
		h.Logger().Debug("the record of what dockerd loaded cannot be read", zap.Error(err))
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

// Reloaded returns what is known of the options of a dockerd that has reloaded doc, and
// for which l was known before.
func Reloaded(l state.Loaded, doc daemonjson.Document) map[string]string {
	reloaded := OptionDigests(l.Invocation, doc)
	// An option that is missing from the text keeps dockerd's value.
	for option, digest := range l.Hot() {
		if _, set := reloaded[option]; !set && !ResetsOnReload(option) && option != OptionFeatures {
			reloaded[option] = digest
		}
	}
	return reloaded
}

// startTime returns when the service started, by the current clock or by the clock of
// that moment, the earlier of the two: the clock may have been set since. It is zero if
// unknown.
func (u Unit) startTime(now time.Time, afterBoot time.Duration) time.Time {
	if u.Started.IsZero() || u.StartedAfterBoot == 0 || u.InvocationID == "" {
		return time.Time{}
	}
	if again := now.Add(u.StartedAfterBoot - afterBoot); again.Before(u.Started) {
		return again
	}
	return u.Started
}

// SinceBoot returns CLOCK_MONOTONIC: the time since the boot, without suspends.
func SinceBoot() time.Duration {
	var at unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &at); err != nil {
		panic(err) // clock_gettime(2) has no error for this clock
	}
	return time.Duration(at.Nano())
}

// OptionDigests returns the digest of each option's value in doc. Digests of different
// starts of docker.service (invocation) cannot be compared.
func OptionDigests(invocation string, doc daemonjson.Document) map[string]string {
	all := map[string]string{}
	for option, value := range doc.Options() {
		all[option] = durable.Digest([]byte(invocation + "\n" + option + "\n" + value))
	}
	return all
}
