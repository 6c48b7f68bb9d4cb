package commandline

import (
	"path/filepath"
	"strings"
)

// UnixSocket returns the first unix socket among the hosts that dockerd listens on: the
// values of its flag -H, or of "hosts" in daemon.json. standard is dockerd's default, where
// docker.socket listens for fd:// too. found is false if there is no unix socket, as with
// tcp:// only. It reads a host as dockerd does (moby opts/hosts.go).
func UnixSocket(hosts []string, standard string) (path string, found bool) {
	found = len(hosts) == 0
	for _, host := range hosts {
		host = strings.TrimSpace(host)
		path, isUnix := strings.CutPrefix(host, "unix://")
		switch {
		case isUnix && path != "":
			return filepath.Join("/", path), true // systemd starts dockerd in /
		case isUnix, host == "", strings.HasPrefix(host, "fd://"):
			found = true
		}
	}
	if !found {
		return "", false
	}
	return standard, true
}
