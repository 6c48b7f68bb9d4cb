package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// machine is a running systemd-nspawn.
type machine struct {
	cgroup *cgroup
	notify *net.UnixConn
	exited chan struct{} // closed when nspawn is gone
}

// startMachine starts nspawn in its own cgroup, over dir/root.
func startMachine(ctx context.Context, id, dir string, binds []Bind) (*machine, error) {
	// An abstract socket: a path below dir may be too long for a socket.
	address := &net.UnixAddr{Net: "unixgram", Name: "@runsc-lab-" + id}
	notify, err := net.ListenUnixgram("unixgram", address)
	if err != nil {
		return nil, fmt.Errorf("listen for systemd-nspawn: %w", err)
	}
	group, err := makeCgroup("lab-" + id)
	if err != nil {
		return nil, errors.Join(err, notify.Close())
	}
	m := &machine{cgroup: group, notify: notify, exited: make(chan struct{})}
	if err := m.start(ctx, id, dir, binds); err != nil {
		return nil, errors.Join(err, notify.Close(), group.remove(ctx))
	}
	return m, nil
}

func (m *machine) start(ctx context.Context, id, dir string, binds []Bind) error {
	log, err := os.Create(filepath.Join(dir, "console.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	fd, err := os.Open(m.cgroup.path)
	if err != nil {
		return err
	}
	defer fd.Close()

	args := []string{
		"--quiet", "--boot", "--console=pipe", "--register=no", "--keep-unit", "--private-network", "--notify-ready=yes",
		"--resolv-conf=off", "--timezone=off", "--link-journal=no",
		"--capability=all", "--system-call-filter=add_key keyctl bpf @mount",
		"--machine=" + id, "--directory=" + filepath.Join(dir, "root"),
	}
	for _, b := range binds {
		flag := "--bind="
		if b.ReadOnly {
			flag = "--bind-ro="
		}
		escape := strings.NewReplacer(`\`, `\\`, ":", `\:`)
		args = append(args, flag+escape.Replace(b.Source)+":"+escape.Replace(b.Target))
	}
	cmd := exec.Command("systemd-nspawn", args...) // not bound to ctx: it outlives Boot
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1", "NOTIFY_SOCKET=@runsc-lab-" + id,
	}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid: true, // we handle Ctrl-C ourselves
		// Dies with this process, so that only mounts remain to sweep.
		Pdeathsig:   syscall.SIGKILL,
		UseCgroupFD: true,
		CgroupFD:    int(fd.Fd()),
	}
	started := make(chan error)
	go func() {
		// The kernel sends the signal when the thread that started the child
		// ends (prctl(2)), so this goroutine keeps its thread as long as the
		// child lives.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // ignore its status: usually it is killed
			close(m.exited)
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start systemd-nspawn: %w", err)
	}
	return ctx.Err()
}

// waitReady waits until the host's systemd has finished its start, and returns
// the pid of its init. Both are in what nspawn sends (sd_notify(3)).
func (m *machine) waitReady(ctx context.Context) (leader int, err error) {
	stop := context.AfterFunc(ctx, func() { _ = m.notify.SetReadDeadline(time.Now()) })
	defer stop()
	go func() {
		select {
		case <-m.exited:
			_ = m.notify.SetReadDeadline(time.Now())
		case <-ctx.Done():
		}
	}()
	buf := make([]byte, 4096)
	for {
		n, err := m.notify.Read(buf)
		if err != nil {
			select {
			case <-m.exited:
				return 0, errors.New("wait for the host: systemd-nspawn has ended")
			default:
				return 0, fmt.Errorf("wait for the host: %w", context.Cause(ctx))
			}
		}
		ready := false
		for line := range strings.Lines(string(buf[:n])) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			switch key {
			case "X_NSPAWN_LEADER_PID":
				if leader, err = strconv.Atoi(value); err != nil {
					return 0, fmt.Errorf("wait for the host: leader pid %q", value)
				}
			case "READY":
				ready = value == "1"
			}
		}
		if ready && leader > 0 {
			go m.drain()
			return leader, nil
		}
	}
}

// drain reads and drops everything after READY: nspawn passes on every
// notification of the host's systemd, and without a reader first nspawn and
// then the host's init block in sendmsg. It ends when the socket is closed.
func (m *machine) drain() {
	buf := make([]byte, 4096)
	for {
		if _, err := m.notify.Read(buf); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		// Remove the deadline that was set while waiting for READY.
		_ = m.notify.SetReadDeadline(time.Time{})
	}
}
