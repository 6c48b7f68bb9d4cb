package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	sandboxName  = "runsc-sandbox"
	goferName    = "runsc-gofer"
	sandboxArgv0 = sandboxName + "\x00"
	goferArgv0   = goferName + "\x00"
)

// An entry is one process in a scan; kernel threads and dead processes have
// none.
type entry struct {
	pid       int
	thread    int // the thread that shows what it executes after the first has ended; or 0
	exe       Exe // Path is only set for a deleted file
	gap       Gap // how much of exe could be read
	file      File
	claims    bool // argv[0] is a sandbox's
	gofer     bool // argv[0] is a gofer's
	other     otherID
	container int // index of the container that its cgroup belongs to; -1 for none
}

// dir is the directory, relative to /proc, that shows what it executes.
func (e *entry) dir() string {
	if e.thread == 0 {
		return strconv.Itoa(e.pid)
	}
	return fmt.Sprintf("%d/task/%d", e.pid, e.thread)
}

// A scanner reads its share of the processes. The cost of a look is a few
// system calls for each of thousands of processes, so names are built in one
// buffer and only the necessary files are opened.
type scanner struct {
	pass    *pass
	files   map[FileID]File
	homes   cgroupOwners
	name    []byte
	argv0   [len(sandboxArgv0)]byte
	cgroup  []byte
	entries []entry
	others  int // processes that do not matter and are only counted
	denied  int
	err     error
}

func newScanner(p *pass, files map[FileID]File, homes cgroupOwners) scanner {
	return scanner{pass: p, files: files, homes: homes, cgroup: make([]byte, maxText)}
}

// filesOf maps the files of all releases to their release.
func filesOf(releases []Release) map[FileID]File {
	files := map[FileID]File{}
	for _, r := range releases {
		for id, path := range r.Files {
			files[id] = File{Release: r.Name, Path: path}
		}
	}
	return files
}

func (s *scanner) scanAll(pids []int) {
	if s.err == nil {
		s.err = context.Cause(s.pass.ctx)
	}
	for _, pid := range pids {
		if s.err != nil {
			return
		}
		s.scanOne(pid)
	}
}

// path returns the path of a process's file, relative to /proc.
func (s *scanner) path(e *entry, file string) string {
	s.name = strconv.AppendInt(s.name[:0], int64(e.pid), 10)
	if e.thread != 0 {
		s.name = strconv.AppendInt(append(s.name, "/task/"...), int64(e.thread), 10)
	}
	s.name = append(append(s.name, '/'), file...)
	return string(s.name)
}

func (s *scanner) scanOne(pid int) {
	e := entry{pid: pid, gap: Complete, container: -1}
	st, err := s.pass.proc.stat(s.path(&e, "exe"))
	if gapOf(err) == Gone {
		// Kernel threads and dead processes end here, after one system call
		// more.
		e.thread, st, err = s.pass.proc.survivingThread(strconv.Itoa(pid) + "/")
	}
	switch gap := gapOf(err); gap {
	case Complete:
		e.exe.ID = st.id
		e.file = s.files[st.id]
	case Gone:
		return // a kernel thread, a zombie, or ended by now: it executes nothing
	case Denied:
		e.gap = gap
		s.denied++
	default:
		// The owner of a FUSE file system decides what stat(2) says about its
		// files (EIO, for example). Such a process counts as foreign to its
		// container.
		e.gap = gap
	}
	if err == nil && st.links == 0 && e.file == (File{}) {
		e.exe.Deleted = true
		if path, err := s.pass.proc.link(s.path(&e, "exe")); err == nil {
			e.exe.Path = strings.TrimSuffix(path, " (deleted)")
		}
	}
	// Arguments are the slowest to read, and those of a process that runs from
	// no release are no evidence.
	if s.pass.whole || e.file != (File{}) || e.exe.Deleted {
		n, err := s.pass.proc.peek(s.path(&e, "cmdline"), s.argv0[:])
		e.claims = err == nil && bytes.Equal(s.argv0[:n], []byte(sandboxArgv0))
		e.gofer = err == nil && bytes.HasPrefix(s.argv0[:n], []byte(goferArgv0))
	}
	placed := len(s.homes.byID) > 0 || s.pass.whole
	if !placed && e.file == (File{}) && !e.exe.Deleted {
		s.others++
		return
	}
	if placed && !s.findContainer(&e) {
		return
	}
	s.entries = append(s.entries, e)
}

// findContainer finds the container that a process's cgroup belongs to. It returns
// false if the process has ended. A process that cannot be placed for another
// reason belongs to no container and counts in Denied.
func (s *scanner) findContainer(e *entry) bool {
	n, err := s.pass.proc.peek(s.path(e, "cgroup"), s.cgroup)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) {
		return false
	}
	if errors.Is(err, unix.ENAMETOOLONG) {
		// Longer than PATH_MAX: only a program with a delegated cgroup can make
		// one, and dockerd's are shorter.
		return true
	}
	groups, perr := parseCgroups(s.cgroup[:n])
	if err != nil || perr != nil {
		if e.gap == Complete {
			e.gap = Unreadable
			s.denied++
		}
		return true
	}
	var other otherID
	if e.container, other = s.homes.ownerOf(groups); s.pass.whole && !s.pass.ownIDs[other.id] {
		e.other = other
	}
	return true
}
