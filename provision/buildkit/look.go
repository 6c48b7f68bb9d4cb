package buildkit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/durable"
)

// maxFile limits the drop-in and the script in bytes.
const maxFile = 64 << 10

// Places are where to look.
type Places struct {
	DropIn  string // the drop-in of docker.service
	Program string // the Script
	Proc    string // /proc
}

// Seen is what decides which program BuildKit runs the steps of docker build with.
type Seen struct {
	DropIn, Program File
	// Environment is that of the running dockerd, or of its unit if it does not run.
	Environment Environment
	// ReadsVariable says that the running dockerd uses ByVariable, or has the name of the variable in its executable.
	ReadsVariable bool
	// Unread says why Environment or ReadsVariable is not known; "" if both are.
	Unread string
	// Runc is the runc in dockerd's PATH without the Script; "" if there is none.
	Runc string
	// Self is the path of this program, as the Script shall call it. SelfUnsafe says why root must not run it from
	// there; "" if it may.
	Self, SelfUnsafe string
	// Unsafe are *durable.UnsafeError: which of the files that root already runs or reads, or directories above them,
	// other users may change.
	Unsafe []error
}

// File is a file of this program.
type File struct {
	Path string
	Text []byte // nil if it is missing or Unusable
	// Unusable says why it can neither be read nor replaced; "" if it can.
	Unusable string
	// BadMode says that it has not the mode that this program gives it. A search of PATH passes over a Script that is no
	// program, and finds Docker's runc.
	BadMode bool
}

// The modes of the files: dockerd executes the Script, and systemd reads the drop-in.
const (
	ProgramMode fs.FileMode = 0o755
	DropInMode  fs.FileMode = 0o644
)

// Look looks at a host whose dockerd has a process ID, 0 if it does not run, and whose docker.service sets the
// variables. self is this program's own path. If builds shall run in gVisor and do not, it also searches the executable
// of dockerd, which has about 100 MB.
func Look(p Places, self string, pid int, variables []string, wanted bool) Seen {
	s := LookAtEnvironment(p, pid, variables)
	s.DropIn, s.Program, s.Self = readFile(p.DropIn, DropInMode), readFile(p.Program, ProgramMode), self
	// Two copies of this program must not take turns with writing their own path: one that works stays.
	if written := SelfOf(s.Program.Text); written != "" && checkProgram(written) == nil {
		s.Self = written
	}
	selfErr := checkProgram(s.Self)
	if selfErr != nil {
		s.SelfUnsafe = selfErr.Error()
	}
	if SelfOf(s.Program.Text) == s.Self {
		s.Unsafe = []error{durable.Trusted(p.Program), durable.Trusted(p.DropIn), selfErr}
	}
	s.Runc = findRunc(s.Environment.SearchWithout(p.Program))
	s.ReadsVariable = s.Environment.Uses(ByVariable, p.Program)
	if wanted && pid != 0 && s.Unread == "" && !s.Environment.Mentions(p.Program) {
		var err error
		if s.ReadsVariable, err = executableHas(p.Proc, pid, commandline.BuildKitCommand); err != nil {
			s.Unread = err.Error()
		}
	}
	return s
}

// LookAtEnvironment is Look for the environment alone: it reads no file of this program, and no executable.
func LookAtEnvironment(p Places, pid int, variables []string) Seen {
	s := Seen{DropIn: File{Path: p.DropIn}, Program: File{Path: p.Program}, Environment: EnvironmentOf(variables)}
	if pid == 0 {
		return s
	}
	var err error
	if s.Environment, err = RunningEnvironment(p.Proc, pid); err != nil {
		s.Unread = err.Error()
	}
	return s
}

// findRunc searches runc as dockerd does.
func findRunc(search string) string {
	for dir := range strings.SplitSeq(search, ":") {
		if path := filepath.Join(dir, "runc"); isProgram(path) {
			return path
		}
	}
	return ""
}

// Installed reports whether something is in the place of a Script.
func Installed(program string) bool {
	_, err := os.Lstat(program)
	return err == nil
}

// RunningEnvironment reads the environment of a process.
func RunningEnvironment(proc string, pid int) (Environment, error) {
	text, err := durable.ReadProc(filepath.Join(proc, strconv.Itoa(pid), "environ"))
	if err != nil {
		return Environment{}, fmt.Errorf("environment of dockerd: %w", err)
	}
	return EnvironmentOf(strings.Split(string(text), "\x00")), nil
}

func readFile(path string, mode fs.FileMode) File {
	text, err := ReadText(path)
	if err != nil {
		return File{Path: path, Unusable: err.Error()}
	}
	info, err := os.Lstat(path)
	return File{Path: path, Text: text, BadMode: err == nil && info.Mode().Perm() != mode}
}

// ReadText reads the drop-in or the Script; nil if it is missing.
func ReadText(path string) ([]byte, error) {
	text, err := durable.ReadOwn(path, maxFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return append([]byte{}, text...), nil // an empty file is not a missing one
}

// checkProgram returns why root must not run a program, or nil.
func checkProgram(path string) error {
	if _, err := os.Stat(path); err != nil {
		return err
	}
	if !isProgram(path) {
		return fmt.Errorf("%s is no program", path)
	}
	if err := durable.Trusted(path); err != nil {
		return err
	}
	return inLastingDir(path)
}

// inLastingDir returns an *durable.UnsafeError if a program is below a directory in which others may make files: /tmp is
// emptied, and then any user can put another program there.
func inLastingDir(path string) error {
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	for dir := filepath.Dir(resolved); ; dir = filepath.Dir(dir) {
		info, err := os.Lstat(dir)
		switch {
		case err != nil:
			return err
		case info.Mode().Perm()&0o022 != 0:
			return &durable.UnsafeError{Path: path, Reason: "any user can put another program in its place once it is gone: others may write to " + dir}
		case dir == "/":
			return nil
		}
	}
}

// isProgram reports whether a path is absolute and leads to a file that can be executed.
func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && filepath.IsAbs(path) && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// maxExecutable limits in bytes how much of an executable is searched; dockerd has about 100 MB.
const maxExecutable = 1 << 30

// executableHas reports whether the executable of a process contains a text. A dockerd that reads a variable has its
// name.
func executableHas(proc string, pid int, text string) (bool, error) {
	f, err := durable.OpenRegular(filepath.Join(proc, strconv.Itoa(pid), "exe"))
	if err != nil {
		return false, fmt.Errorf("executable of dockerd: %w", err)
	}
	defer f.Close()
	return contains(io.LimitReader(f, maxExecutable), text, 1<<20)
}

// contains searches text in r, which it reads in parts of size bytes.
func contains(r io.Reader, text string, size int) (bool, error) {
	buffer := make([]byte, size+len(text))
	kept := 0
	for {
		n, err := r.Read(buffer[kept : kept+size])
		if bytes.Contains(buffer[:kept+n], []byte(text)) {
			return true, nil
		}
		switch {
		case errors.Is(err, io.EOF):
			return false, nil
		case err != nil:
			return false, err
		}
		// The text may begin at the end of this part.
		tail := min(kept+n, len(text)-1)
		kept = copy(buffer, buffer[kept+n-tail:kept+n])
	}
}
