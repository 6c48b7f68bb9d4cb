package daemon

import (
	"fmt"
	"strconv"
	"strings"

	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/status"
)

// startOf is the start of a process in clock ticks since boot, or 0.
func startOf(pid int) uint64 {
	start, _ := strconv.ParseUint(statField(pid, 22), 10, 64)
	return start
}

// statField is a field of /proc/pid/stat, counted from 1 as in proc(5), from the third on; "" if
// there is no such process.
func statField(pid, field int) string {
	text, err := durable.ReadProc(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The second field, the name in parentheses, may have blanks and parentheses itself.
	_, after, _ := strings.Cut(string(text[max(strings.LastIndex(string(text), ")"), 0):]), " ")
	if fields := strings.Fields(after); len(fields) > field-3 {
		return fields[field-3]
	}
	return ""
}

// Runs reports whether the daemon that published s still runs.
func Runs(s status.Status) bool { return s.PIDStart != 0 && startOf(s.PID) == s.PIDStart }

// Suspended reports whether a signal (SIGSTOP) or a debugger keeps the daemon that published s
// from doing anything.
func Suspended(s status.Status) bool {
	state := statField(s.PID, 3)
	return Runs(s) && (state == "T" || state == "t")
}
