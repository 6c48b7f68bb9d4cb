package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/durable"
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

// hosts returns where the dockerd of unit listens: its flags -H, or else "hosts" of
// daemon.json. dockerd reads the file's only when it starts, so the sockets that a running
// dockerd listens on count for more than a file that has changed since.
func (h *Host) hosts(unit Unit, flags commandline.Flags) []string {
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
		if pid, err := listener(path); err == nil && pid == unit.MainPID {
			return candidate
		}
	}
	if actual := listeningOn(h.Paths.Proc, unit.MainPID); len(actual) > 0 {
		return actual
	}
	return hosts
}

// checkListener returns a *blocked.Unreachable if another dockerd than the one of unit
// listens on the socket. The last dockerd that starts takes the path of the socket away
// from all others: the snap's does so beside docker.service.
func (h *Host) checkListener(ctx context.Context, unit Unit, flags commandline.Flags) error {
	socket := h.Socket(flags)
	pid, err := listener(socket)
	// systemd, process 1, listens for a dockerd with fd://. Any other program may be a proxy.
	if err != nil || unit.MainPID == 0 || pid == unit.MainPID || !isDockerd(h.Paths.Proc, pid) {
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

// listenerTimeout limits the connection to a socket with a full queue.
const listenerTimeout = time.Second

// listener returns the process that listens on a unix socket (unix(7), SO_PEERCRED). It
// connects, and sends nothing.
func listener(socket string) (pid int, err error) {
	conn, err := net.DialTimeout("unix", socket, listenerTimeout)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return 0, err
	}
	var peer *unix.Ucred
	var peerErr error
	err = raw.Control(func(fd uintptr) {
		peer, peerErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err := errors.Join(err, peerErr); err != nil {
		return 0, err
	}
	return int(peer.Pid), nil
}

func isDockerd(proc string, pid int) bool {
	name, err := durable.ReadProc(filepath.Join(proc, strconv.Itoa(pid), "comm"))
	return err == nil && strings.TrimSpace(string(name)) == "dockerd"
}
