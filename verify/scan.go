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
	sandboxName = "runsc-sandbox"
	goferName   = "runsc-gofer"
	claim       = sandboxName + "\x00"
	goferClaim  = goferName + "\x00"
)

// An entry is one process in a scan, kernel threads and the dead left out.
type entry struct {
	pid       int
	thread    int // that lives on in place of the first; or 0
	exe       Exe // Path only of a deleted file
	gap       Gap // of exe
	file      File
	claims    bool // by argv[0], to be a sandbox
	gofer     bool // by argv[0]
	other     otherID
	container int // whose cgroup it is in, by its place; -1 is nobody's
}

// dir is where what it executes is to be seen, relative to /proc.
func (e *entry) dir() string {
	if e.thread == 0 {
		return strconv.Itoa(e.pid)
	}
	return fmt.Sprintf("%d/task/%d", e.pid, e.thread)
}

// A scanner reads its share of the processes. A few system calls for each of
// thousands of processes is what a look costs, so names are made in one
// buffer and nothing is opened that is not needed.
type scanner struct {
	pass    *pass
	files   map[FileID]File
	homes   homes
	name    []byte
	argv0   [len(claim)]byte
	cgroup  []byte
	entries []entry
	others  int // processes that nothing more is to be said of
	denied  int
	err     error
}

func newScanner(p *pass, files map[FileID]File, homes homes) scanner {
	return scanner{pass: p, files: files, homes: homes, cgroup: make([]byte, maxText)}
}

// filesOf finds releases by their files.
func filesOf(releases []Release) map[FileID]File {
	files := map[FileID]File{}
	for _, r := range releases {
		for id, path := range r.Files {
			files[id] = File{Release: r.Name, Path: path}
		}
	}
	return files
}

func (s *scanner) all(pids []int) {
	if s.err == nil {
		s.err = context.Cause(s.pass.ctx)
	}
	for _, pid := range pids {
		if s.err != nil {
			return
		}
		s.one(pid)
	}
}

// path names a file of a process, relative to /proc.
func (s *scanner) path(e *entry, file string) string {
	s.name = strconv.AppendInt(s.name[:0], int64(e.pid), 10)
	if e.thread != 0 {
		s.name = strconv.AppendInt(append(s.name, "/task/"...), int64(e.thread), 10)
	}
	s.name = append(append(s.name, '/'), file...)
	return string(s.name)
}

func (s *scanner) one(pid int) {
	e := entry{pid: pid, gap: Complete, container: -1}
	st, err := s.pass.proc.stat(s.path(&e, "exe"))
	if gapOf(err) == Gone {
		// It costs one system call for kernel threads and the dead, which are gone.
		e.thread, st, err = s.pass.proc.survivor(strconv.Itoa(pid) + "/")
	}
	switch gap := gapOf(err); gap {
	case Complete:
		e.exe.ID = st.id
		e.file = s.files[st.id]
	case Gone:
		return // a kernel thread, a zombie, or gone since: it executes nothing
	case Denied:
		e.gap = gap
		s.denied++
	default:
		// Whoever has a file system of his own decides what is said of its files
		// (FUSE: EIO). It is a stranger to whom it belongs, and no more than that.
		e.gap = gap
	}
	if err == nil && st.links == 0 && e.file == (File{}) {
		e.exe.Deleted = true
		if path, err := s.pass.proc.link(s.path(&e, "exe")); err == nil {
			e.exe.Path = strings.TrimSuffix(path, " (deleted)")
		}
	}
	// Reading arguments takes the kernel longer than all else: those of a
	// process that runs from no release are no evidence.
	if s.pass.whole || e.file != (File{}) || e.exe.Deleted {
		n, err := s.pass.proc.peek(s.path(&e, "cmdline"), s.argv0[:])
		e.claims = err == nil && bytes.Equal(s.argv0[:n], []byte(claim))
		e.gofer = err == nil && bytes.HasPrefix(s.argv0[:n], []byte(goferClaim))
	}
	placed := len(s.homes.places) > 0 || s.pass.whole
	if !placed && e.file == (File{}) && !e.exe.Deleted {
		s.others++
		return
	}
	if placed && !s.place(&e) {
		return
	}
	s.entries = append(s.entries, e)
}

// place finds whose cgroup a process is in. It reports false for a process
// that has gone: one that cannot be placed for another reason is nobody's,
// and Denied for everybody.
func (s *scanner) place(e *entry) bool {
	n, err := s.pass.proc.peek(s.path(e, "cgroup"), s.cgroup)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) {
		return false
	}
	if errors.Is(err, unix.ENAMETOOLONG) {
		// Longer than a path may be, which takes somebody who was handed a cgroup.
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
	if e.container, other = s.homes.sort(groups); s.pass.whole && !s.pass.around[other.id] {
		e.other = other
	}
	return true
}
