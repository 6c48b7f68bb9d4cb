// Package process tells a process from a later one with its number, and whether it may run.
package process

import (
	"fmt"
	"strconv"
	"strings"

	"runsc-provisioner/provision/durable"
)

// Start is the start of a process in clock ticks since boot, or 0 if there is no such process.
func Start(pid int) uint64 {
	start, _ := strconv.ParseUint(statField(pid, 22), 10, 64)
	return start
}

// Suspended reports whether a signal (SIGSTOP) or a debugger keeps a process from doing anything.
func Suspended(pid int) bool {
	state := statField(pid, 3)
	return state == "T" || state == "t"
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
