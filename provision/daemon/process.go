package daemon

import (
	"fmt"
	"strconv"
	"strings"

	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/status"
)

// startOf is the start of a process in clock ticks since boot, or 0 (proc(5),
// /proc/pid/stat).
func startOf(pid int) uint64 {
	text, err := durable.ReadProc(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(text[max(strings.LastIndex(string(text), ")"), 0):]), " ")
	fields := strings.Fields(after)
	const starttime = 22 - 3 // fields count from 1; three come before
	if len(fields) <= starttime {
		return 0
	}
	start, _ := strconv.ParseUint(fields[starttime], 10, 64)
	return start
}

// Runs reports whether the daemon that published s still runs.
func Runs(s status.Status) bool { return s.PIDStart != 0 && startOf(s.PID) == s.PIDStart }
