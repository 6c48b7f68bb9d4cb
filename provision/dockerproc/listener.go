package dockerproc

import (
	"errors"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/durable"
)

// listenerTimeout limits the connection to a socket with a full queue.
const listenerTimeout = time.Second

// Listener returns the process that listens on a unix socket (unix(7), SO_PEERCRED). It
// connects, and sends nothing.
func Listener(socket string) (pid int, err error) {
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

func Is(proc string, pid int) bool {
	name, err := durable.ReadProc(filepath.Join(proc, strconv.Itoa(pid), "comm"))
	return err == nil && strings.TrimSpace(string(name)) == "dockerd"
}
