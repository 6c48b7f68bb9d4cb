package verify

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const nobody = 65534

// fuseAttr is struct fuse_attr (linux/fuse.h).
type fuseAttr struct {
	Ino, Size, Blocks, Atime, Mtime, Ctime                uint64
	AtimeNs, MtimeNs, CtimeNs, Mode, Links, UID, GID, Dev uint32
	BlockSize, Flags                                      uint32
}

// fuseRequest is struct fuse_in_header.
type fuseRequest struct {
	Length, Op         uint32
	Unique, Node       uint64
	UID, GID, PID, Pad uint32
}

// A fuseServer is an unprivileged user's file system with one program, "x".
type fuseServer struct {
	t       *testing.T
	fd      int
	program []byte
}

func (s *fuseServer) attr(node uint64) fuseAttr {
	a := fuseAttr{Ino: node, Mode: unix.S_IFREG | 0o755, Size: uint64(len(s.program)), Links: 1, UID: nobody, GID: nobody, BlockSize: 4096}
	if node == 1 {
		a.Mode, a.Size, a.Links = unix.S_IFDIR|0o755, 0, 2
	}
	return a
}

// answer returns the body of the answer to a request, or an error number.
func (s *fuseServer) answer(r fuseRequest, body []byte) (parts []any, failed syscall.Errno) {
	const lookup, getattr, open, read, release, flush, init, access, opendir = 1, 3, 14, 15, 18, 25, 26, 34, 27
	const hour = uint64(3600)
	switch r.Op {
	case init: // version 7.31, and little else
		return []any{[2]uint32{7, 31}, [2]uint32{65536, 0}, [2]uint16{12, 10}, uint32(65536), uint32(1), [36]byte{}}, 0
	case lookup:
		if string(bytes.TrimRight(body, "\x00")) != "x" {
			return nil, unix.ENOENT
		}
		return []any{uint64(2), uint64(0), hour, hour, uint64(0), s.attr(2)}, 0
	case getattr:
		return []any{hour, uint64(0), s.attr(r.Node)}, 0
	case open, opendir:
		return []any{uint64(1), uint64(0)}, 0
	case read:
		offset, size := binary.NativeEndian.Uint64(body[8:]), uint64(binary.NativeEndian.Uint32(body[16:]))
		whole := uint64(len(s.program))
		return []any{s.program[min(offset, whole):min(offset+size, whole)]}, 0
	case release, flush, access:
		return nil, 0
	}
	return nil, unix.ENOSYS
}

// serve answers until the file system is unmounted.
func (s *fuseServer) serve() {
	buf := make([]byte, 1<<17)
	for {
		n, err := unix.Read(s.fd, buf)
		if errors.Is(err, unix.EINTR) || errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil {
			return
		}
		var r fuseRequest
		const header = 40
		if err := binary.Read(bytes.NewReader(buf[:n]), binary.NativeEndian, &r); err != nil {
			return
		}
		const forget, batchForget = 2, 42
		if r.Op == forget || r.Op == batchForget {
			continue // the kernel expects no answer
		}
		parts, failed := s.answer(r, buf[header:n])
		var out bytes.Buffer
		for _, part := range parts {
			if err := binary.Write(&out, binary.NativeEndian, part); err != nil {
				s.t.Error(err)
			}
		}
		head := make([]byte, 16, 16+out.Len())
		binary.NativeEndian.PutUint32(head, uint32(16+out.Len()))
		binary.NativeEndian.PutUint32(head[4:], uint32(-int32(failed)))
		binary.NativeEndian.PutUint64(head[8:], r.Unique)
		_, _ = unix.Write(s.fd, append(head, out.Bytes()...))
	}
}

// Even root may not look at a program on a user's FUSE mount (AppImage, sshfs).
// It counts as a program of no release.
func TestFault_V06_ProgramOnAUsersFUSEMount(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root mounts")
	}
	program, err := os.ReadFile("/bin/cat")
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("no FUSE on this machine: %v", err)
	}
	defer unix.Close(fd)
	dir, err := os.MkdirTemp("", "fuse")
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("x", dir, "fuse", 0, fmt.Sprintf("fd=%d,rootmode=40000,user_id=%d,group_id=%[2]d", fd, nobody)); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	server := &fuseServer{t: t, fd: fd, program: program}
	go server.serve()

	// This process must not execute it: it would wait (CLONE_VFORK) holding a
	// Go processor, while its own server has to answer.
	cmd := &exec.Cmd{Path: "/bin/sh", Args: []string{"sh", "-c", "exec " + dir + "/x"}, SysProcAttr: &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}}
	answering(t, cmd)
	proc := newFakeProc(t)
	proc.adopt(cmd.Process.Pid)
	r := fakeRelease(t, t.TempDir(), "20260914.0")
	c := container(1, cmd.Process.Pid, "runc")
	report, survey := judgeAll(t, proc.fs(), []Container{c}, runtimesOf(r), []Release{r})
	if survey.Denied != 0 || report.Verdicts[0].State != NotSandboxed {
		t.Errorf("got %d denied, %v, want 0, not sandboxed", survey.Denied, report.Verdicts[0].State)
	}
}
