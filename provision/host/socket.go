package host

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/dockerproc"
)

// Socket returns the first unix socket that dockerd listens on, or Paths.Socket if
// CheckHosts finds none.
func (h *Host) Socket(flags commandline.Flags) string {
	if path, found := commandline.UnixSocket(flags.Hosts, h.Paths.Socket); found {
		return path
	}
	return h.Paths.Socket
}

// CheckHosts returns a *blocked.Unreachable if dockerd listens on no unix socket.
// docker.socket accepts connections for such a dockerd too, but no request is answered.
func (h *Host) CheckHosts(flags commandline.Flags) error {
	if _, found := commandline.UnixSocket(flags.Hosts, h.Paths.Socket); !found {
		return blocked.DockerdSilent(fmt.Errorf("%w, only on %s", blocked.ErrNoUnixSocket, strings.Join(flags.Hosts, ", ")))
	}
	return nil
}

// Hosts returns where the dockerd of unit listens: its flags -H, or else "hosts" of
// daemon.json. dockerd reads the file's only when it starts, so the sockets that a running
// dockerd listens on count for more than a file that has changed since.
func (h *Host) Hosts(unit Unit, flags commandline.Flags) []string {
	if _, isFlag := flags.Set[commandline.FlagHost]; isFlag {
		return flags.Hosts
	}
	file, err := daemonfile.Read(h.DaemonJSON(flags))
	if err != nil {
		return nil // every caller also reads the file, and returns its error
	}
	var hosts []string
	if raw, isSet := file.Doc.Raw(OptionHosts); isSet && json.Unmarshal([]byte(raw), &hosts) != nil {
		hosts = nil // dockerd refuses a wrong type
	}
	if !unit.Running() || unit.MainPID == 0 {
		return hosts
	}
	for _, candidate := range [][]string{nil, hosts} {
		path, found := commandline.UnixSocket(candidate, h.Paths.Socket)
		if !found {
			continue
		}
		if pid, err := dockerproc.Listener(path); err == nil && pid == unit.MainPID {
			return candidate
		}
	}
	if actual := dockerproc.ListeningOn(h.Paths.Proc, unit.MainPID); len(actual) > 0 {
		return actual
	}
	return hosts
}

// checkListener returns a *blocked.Unreachable if another dockerd than the one of unit
// listens on the socket. The last dockerd that starts takes the path of the socket away
// from all others: the snap's does so beside docker.service.
func checkListener(ctx context.Context, h *Host, unit Unit, flags commandline.Flags) error {
	socket := h.Socket(flags)
	pid, err := dockerproc.Listener(socket)
	// systemd, process 1, listens for a dockerd with fd://. Any other program may be a proxy.
	if err != nil || unit.MainPID == 0 || pid == unit.MainPID || !dockerproc.Is(h.Paths.Proc, pid) {
		return nil // the request itself shows an error of the socket
	}
	if again, err := h.Docker(ctx); err == nil && again.MainPID == pid {
		return nil // it has just been restarted
	}
	err = fmt.Errorf("another dockerd (process %d) answers here, not the one of %s (process %d)",
		pid, unit.Name, unit.MainPID)
	if h.SnapRuns(ctx) {
		err = fmt.Errorf("%w: %w", err, blocked.ErrSnap)
	}
	return &blocked.Unreachable{Object: socket, Err: err}
}
