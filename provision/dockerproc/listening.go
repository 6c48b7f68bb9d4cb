package dockerproc

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"runsc-provisioner/provision/durable"
)

// maxUnixSockets limits how many bytes of /proc/PID/net/unix are read.
const maxUnixSockets = 16 << 20

// ListeningOn returns where a dockerd serves its API: the unix sockets on which the process pid
// listens, as values of -H. It leaves out one that docker.socket has passed on, which dockerd
// answers only with fd:// among its hosts, and those below exec-root, which are not the API:
// those of libnetwork and of plugins. It returns none if this user may not see them.
func ListeningOn(proc string, pid int) []string {
	dir := filepath.Join(proc, strconv.Itoa(pid))
	descriptors, err := os.ReadDir(filepath.Join(dir, "fd"))
	if err != nil {
		return nil
	}
	own := map[string]bool{} // by inode
	for _, fd := range descriptors {
		if target, err := os.Readlink(filepath.Join(dir, "fd", fd.Name())); err == nil {
			own[target] = true
		}
	}
	text, err := durable.ReadLimited(filepath.Join(dir, "net/unix"), maxUnixSockets)
	if err != nil {
		return nil
	}
	var hosts []string
	for line := range strings.Lines(string(text)) {
		// Num RefCount Protocol Flags Type St Inode Path (proc(5))
		const accepts = "00010000" // __SO_ACCEPTCON
		fields := strings.Fields(line)
		if len(fields) != 8 || fields[3] != accepts || !own[fmt.Sprintf("socket:[%s]", fields[6])] {
			continue
		}
		path := fields[7]
		if !filepath.IsAbs(path) || strings.HasPrefix(strings.TrimPrefix(path, "/var"), "/run/docker/") {
			continue
		}
		if by, err := Listener(path); err == nil && by == pid {
			hosts = append(hosts, "unix://"+path)
		}
	}
	return hosts
}
