package verify

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	maxArgv = 64 << 10
	// maxText limits every other file of /proc: the longest one, uid_map, has
	// at most 340 lines (user_namespaces(7)). A mountinfo may be longer and is
	// then unreadable here, but a sandbox's never is.
	maxText = 64 << 10
	maxLink = 4096 // PATH_MAX: /proc never returns a longer name
)

// errCut means that a file of /proc was longer than its buffer.
var errCut = errors.New("longer than 64 KiB")

// A procDir is an open directory of /proc. On /proc/PID it works like a pidfd:
// every read through it is from the process that it was opened for, and fails
// with ESRCH once that process has ended, even if another process has its pid
// by then.
type procDir int

func openProc(root string) (procDir, error) {
	fd, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("open %s: %w", root, err)
	}
	return procDir(fd), nil
}

func (d procDir) open(name string) (procDir, error) {
	fd, err := unix.Openat(int(d), name, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("open %s: %w", name, err)
	}
	return procDir(fd), nil
}

// oneThread is the link count of /proc/PID/task for a process with one thread:
// two for the directory itself, and one for each thread.
const oneThread = 3

// survivorTries limits how often a thread is looked for that does not end
// meanwhile.
const survivorTries = 16

// errChurn means that the first thread of a process has ended, and that no
// other thread lived long enough to be read.
var errChurn = errors.New("its threads end as fast as they are looked at")

// survivingThread finds a running thread of the process at prefix after its first
// thread has ended, and the file that it executes. Such a process goes on
// (pthread_exit(3) in main), but shows its executable, arguments and namespaces
// only in the directories of its other threads. A process without another
// thread has ended.
func (d procDir) survivingThread(prefix string) (thread int, exe fileStat, err error) {
	for range survivorTries {
		if st, err := d.stat(prefix + "task"); err != nil || st.links <= oneThread {
			return 0, fileStat{}, unix.ESRCH
		}
		if thread, exe := d.runningThread(prefix + "task"); thread != 0 {
			return thread, exe, nil
		}
	}
	return 0, fileStat{}, errChurn
}

// runningThread returns the first thread in a directory that executes something, or
// 0.
func (d procDir) runningThread(tasks string) (thread int, exe fileStat) {
	fd, err := unix.Openat(int(d), tasks, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, fileStat{}
	}
	dir := os.NewFile(uintptr(fd), tasks)
	defer dir.Close()
	for {
		names, err := dir.Readdirnames(batchSize)
		for _, name := range names {
			thread, nerr := strconv.Atoi(name)
			if exe, err := d.stat(tasks + "/" + name + "/exe"); err == nil && nerr == nil {
				return thread, exe
			}
		}
		if err != nil {
			return 0, fileStat{}
		}
	}
}

// openRunning opens the directory that shows what the process of d executes: its own,
// or that of a surviving thread.
func (d procDir) openRunning() (procDir, error) {
	for range survivorTries { // a survivor may end before it is opened
		if _, err := d.stat("exe"); gapOf(err) != Gone {
			break
		}
		thread, _, err := d.survivingThread("")
		if err != nil {
			break
		}
		if alive, err := d.open("task/" + strconv.Itoa(thread)); err == nil {
			return alive, nil
		}
	}
	return d.open(".")
}

func (d procDir) close() { _ = unix.Close(int(d)) }

// peek reads the beginning of a file with one read system call. The kernel
// produces many files of /proc in one piece; of those it is all that fits.
func (d procDir) peek(name string, buf []byte) (int, error) {
	fd, err := unix.Openat(int(d), name, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	return readOnce(fd, buf)
}

// read reads a whole file into buf. If it does not fit, it returns the part
// that does, and errCut.
func (d procDir) read(name string, buf []byte) ([]byte, error) {
	fd, err := unix.Openat(int(d), name, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	defer unix.Close(fd)
	for n := 0; ; {
		if n == len(buf) {
			return buf, fmt.Errorf("read %s: %w", name, errCut)
		}
		k, err := readOnce(fd, buf[n:])
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		if k == 0 {
			return buf[:n], nil
		}
		n += k
	}
}

func readOnce(fd int, buf []byte) (int, error) {
	for {
		n, err := unix.Read(fd, buf)
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

func (d procDir) link(name string) (string, error) {
	var buf [maxLink]byte
	n, err := unix.Readlinkat(int(d), name, buf[:])
	if err != nil {
		return "", fmt.Errorf("read link %s: %w", name, err)
	}
	return string(buf[:n]), nil
}

// A fileStat is what is read about the file behind a link.
type fileStat struct {
	id      FileID
	mode    uint32
	links   uint32
	size    uint64
	owner   uint32
	blocks  uint64
	changed unix.StatxTimestamp
}

// stat follows a link to its file. AT_STATX_DONT_SYNC keeps an executable on a
// dead network or FUSE mount from blocking the look. On a user's FUSE mount
// even root gets EACCES; only a request with an empty mask succeeds, and
// returns the device alone (Linux fs/fuse/dir.c, fuse_update_get_attr).
func (d procDir) stat(name string) (fileStat, error) {
	var st unix.Statx_t
	const mask = unix.STATX_INO | unix.STATX_NLINK | unix.STATX_TYPE | unix.STATX_SIZE | unix.STATX_CTIME | unix.STATX_UID | unix.STATX_BLOCKS
	err := unix.Statx(int(d), name, unix.AT_STATX_DONT_SYNC, mask, &st)
	if errors.Is(err, unix.EACCES) {
		if unix.Statx(int(d), name, unix.AT_STATX_DONT_SYNC, 0, &st) == nil && st.Mask&unix.STATX_INO == 0 {
			return fileStat{id: FileID{Dev: unix.Mkdev(st.Dev_major, st.Dev_minor)}, links: 1}, nil
		}
	}
	if err != nil {
		return fileStat{}, err
	}
	return fileStat{
		id:      FileID{Dev: unix.Mkdev(st.Dev_major, st.Dev_minor), Ino: st.Ino},
		mode:    uint32(st.Mode),
		links:   st.Nlink,
		size:    st.Size,
		owner:   st.Uid,
		blocks:  st.Blocks,
		changed: st.Ctime,
	}, nil
}

// exe reads the link prefix+"exe", without the digest of its file.
func (d procDir) exe(prefix string) (Exe, error) {
	st, err := d.stat(prefix + "exe")
	if err != nil {
		return Exe{}, fmt.Errorf("stat %sexe: %w", prefix, err)
	}
	path, err := d.link(prefix + "exe")
	if err != nil {
		return Exe{}, err
	}
	// The mark decides, not the link count: with another hard link left, the
	// file was still deleted from the store.
	name, deleted := strings.CutSuffix(path, " (deleted)")
	return Exe{ID: st.id, Path: name, Deleted: deleted}, nil
}

// gapOf maps the error of a read to a Gap.
func gapOf(err error) Gap {
	switch {
	case err == nil:
		return Complete
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ESRCH):
		return Gone
	case errors.Is(err, fs.ErrPermission):
		return Denied
	default:
		return Unreadable
	}
}
