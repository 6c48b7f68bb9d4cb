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
	// maxText bounds every other file of /proc that is read: the longest one,
	// uid_map, has at most 340 lines (user_namespaces(7)); mountinfo may be
	// longer and then has no answer here, as a sandbox's never is.
	maxText = 64 << 10
	maxLink = 4096 // PATH_MAX: /proc never gives a longer name
)

// errCut marks a file of /proc that was longer than its buffer.
var errCut = errors.New("longer than 64 KiB")

// A procDir is a directory of /proc held open. Held on /proc/PID it does what
// a pidfd does: every read through it is of the process it was opened for, and
// fails with ESRCH once that is gone, whoever has its number by then.
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

// oneThread is how many links the directory of a process's threads has that has
// one: its own two, and one for each.
const oneThread = 3

// survivorTries is how often a thread is looked for that does not end meanwhile.
const survivorTries = 16

// errChurn says that of a process whose first thread has ended no other one
// stood still.
var errChurn = errors.New("its threads end as fast as they are looked at")

// survivor finds a thread of the process at prefix, whose first thread has ended,
// and what it executes. Such a process goes on, and shows its executable, arguments
// and namespaces no more but in the directories of its other threads
// (pthread_exit(3) in main). One that has no other is gone.
func (d procDir) survivor(prefix string) (thread int, exe fileStat, err error) {
	for range survivorTries {
		if st, err := d.stat(prefix + "task"); err != nil || st.links <= oneThread {
			return 0, fileStat{}, unix.ESRCH
		}
		if thread, exe := d.running(prefix + "task"); thread != 0 {
			return thread, exe, nil
		}
	}
	return 0, fileStat{}, errChurn
}

// running is the first of the threads in a directory that executes something, or
// 0.
func (d procDir) running(tasks string) (thread int, exe fileStat) {
	fd, err := unix.Openat(int(d), tasks, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, fileStat{}
	}
	dir := os.NewFile(uintptr(fd), tasks)
	defer dir.Close()
	for {
		names, err := dir.Readdirnames(batch)
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

// alive opens the directory that shows what the process of d executes: its own,
// or that of a survivor.
func (d procDir) alive() (procDir, error) {
	for range survivorTries { // a survivor may end before it is opened
		if _, err := d.stat("exe"); gapOf(err) != Gone {
			break
		}
		thread, _, err := d.survivor("")
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

// peek reads the beginning of a file: one read system call, which for the
// files of /proc that are made in one piece is all of them that fits.
func (d procDir) peek(name string, buf []byte) (int, error) {
	fd, err := unix.Openat(int(d), name, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	return readOnce(fd, buf)
}

// read reads a whole file into buf, or errCut and the part that fits.
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

// A fileStat is what is asked of a file behind a link.
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
// dead network or FUSE mount from holding up the look. Of a file on somebody's
// FUSE mount, which root may not look at either, only the device is told, to
// whoever asks for nothing (Linux fs/fuse/dir.c, fuse_update_get_attr).
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

// exe reads prefix+"exe" without its digest.
func (d procDir) exe(prefix string) (Exe, error) {
	st, err := d.stat(prefix + "exe")
	if err != nil {
		return Exe{}, fmt.Errorf("stat %sexe: %w", prefix, err)
	}
	path, err := d.link(prefix + "exe")
	if err != nil {
		return Exe{}, err
	}
	// The mark, not the count of links: with another hard link left, a file
	// has lost its place in the store all the same.
	name, deleted := strings.CutSuffix(path, " (deleted)")
	return Exe{ID: st.id, Path: name, Deleted: deleted}, nil
}

// gapOf says what kept something from being read.
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
