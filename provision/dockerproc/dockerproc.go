// Package dockerproc finds the processes of dockerd on this host, and which process listens on a socket. It only
// reads /proc, and opens a socket to ask the kernel who listens.
package dockerproc

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"syscall"

	"runsc-provisioner/provision/durable"
)

// Process is a process with the name dockerd, which any program can take.
type Process struct {
	PID, UID int
	nested   bool // in another pid namespace, such as a container
}

// Find finds the processes with the name dockerd.
func Find(proc string) []Process {
	comms, err := filepath.Glob(filepath.Join(proc, "[0-9]*", "comm"))
	if err != nil {
		return nil
	}
	var found []Process
	for _, path := range comms {
		name, err := durable.ReadProc(path)
		if err != nil || string(bytes.TrimSpace(name)) != "dockerd" {
			continue
		}
		dir := filepath.Dir(path)
		info, err := os.Stat(dir)
		if err != nil {
			continue
		}
		status, err := durable.ReadProc(filepath.Join(dir, "status"))
		if err != nil {
			continue
		}
		one := Process{UID: int(info.Sys().(*syscall.Stat_t).Uid), nested: nestedPID.Match(status)}
		if _, err := fmt.Sscan(filepath.Base(dir), &one.PID); err == nil {
			found = append(found, one)
		}
	}
	return found
}

// nestedPID matches the status of a process that also has a pid in an inner namespace
// (proc_pid_status(5)).
var nestedPID = regexp.MustCompile(`(?m)^NSpid:\s+\d+\s+\d`)

// Only returns the pid of the only dockerd that runs as root outside of containers.
// found is false if there is none, or more than one.
func Only(proc string) (pid int, found bool) {
	n := 0
	for _, one := range Find(proc) {
		if one.UID == 0 && !one.nested {
			pid = one.PID
			n++
		}
	}
	return pid, n == 1
}
