package buildkit

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/durable"
)

// specName is the name of the specification in a bundle.
const specName = "config.json"

// Run does what runc would do with args, by runsc. It normally does not return: this process becomes runsc. It returns
// the exit code of the step if it had to wait for its end, and an error if no step was started.
func Run(r Runsc, args []string) (code int, err error) {
	call, err := ParseCall(args)
	if err != nil {
		return 0, fmt.Errorf("runc of BuildKit: %w", err)
	}
	if call.IsForRunc() {
		if r.Runc == "" {
			return 0, fmt.Errorf("%s is a call of runc, and this program only runs steps of builds", call.Command)
		}
		return 0, become(r.Runc, append([]string{r.Runc}, args...))
	}
	if err := os.MkdirAll(StateDir, 0o711); err != nil {
		return 0, err
	}
	if !call.Starts() {
		return 0, become(r.Path, call.Argv(r, Needs{}))
	}
	step, err := prepare(call.Bundle())
	if err != nil {
		return 0, err
	}
	argv := call.Argv(r, step.needs)
	if step.madeTmp == nil {
		return 0, become(r.Path, argv)
	}
	code, err = wait(argv)
	return code, errors.Join(err, step.removeTmp())
}

// step is a step that can be started.
type step struct {
	needs   Needs
	tmp     string
	madeTmp fs.FileInfo // of tmp, if the image had none; else nil
}

// prepare changes the specification in a bundle, and gives the step a /tmp.
func prepare(bundle string) (step, error) {
	path := filepath.Join(bundle, specName)
	text, err := durable.ReadLimited(path, maxSpec)
	if err != nil {
		return step{}, err
	}
	spec, err := ParseSpec(text)
	if err != nil {
		return step{}, fmt.Errorf("%s: %w", path, err)
	}
	if refusal := spec.Refusal(); refusal != "" {
		return step{}, errors.New(refusal)
	}
	var s step
	if s.needs.Network, err = hasHostNetwork(spec); err != nil {
		return step{}, err
	}
	s.needs.Socket = slices.ContainsFunc(spec.Sources(), isSocket)
	if spec.MountsTmp() {
		return s, nil
	}
	if err := s.findTmp(spec.Root(bundle), spec.Readonly()); err != nil || s.tmp == "" {
		return s, err
	}
	if text, err = spec.WithTmp(s.tmp); err == nil {
		err = replace(path, text)
	}
	if err != nil {
		return step{}, errors.Join(fmt.Errorf("%s: %w", path, err), s.removeTmp())
	}
	return s, nil
}

// hasHostNetwork reports whether a step has the host's network. This program has it itself.
func hasHostNetwork(spec Spec) (bool, error) {
	path, host := spec.NetworkNamespace()
	if host || path == "" {
		return host, nil
	}
	theirs, err := os.Stat(path)
	if err != nil {
		return false, fmt.Errorf("network namespace of the step: %w", err)
	}
	ours, err := os.Stat("/proc/self/ns/net")
	return err == nil && os.SameFile(theirs, ours), err
}

func isSocket(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode().Type() == fs.ModeSocket
}

// findTmp finds the /tmp of a root file system, and makes one if it is missing: gVisor would make it too, and leave
// it in the layer. tmp stays "" if something else than a directory has its name.
func (s *step) findTmp(root string, readonly bool) error {
	tmp := filepath.Join(root, "tmp")
	info, err := os.Lstat(tmp)
	switch {
	case err == nil && info.IsDir():
		s.tmp = tmp
		return nil
	case err == nil && info.Mode().Type() == fs.ModeSymlink:
		return checkTmpLink(root)
	case err == nil, readonly && errors.Is(err, fs.ErrNotExist):
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	var owner unix.Stat_t
	if err := unix.Lstat(root, &owner); err != nil {
		return fmt.Errorf("%s: %w", root, err)
	}
	if err := os.Mkdir(tmp, 0o700); err != nil {
		return err
	}
	// With userns-remap, root of the container owns its root directory.
	err = errors.Join(os.Lchown(tmp, int(owner.Uid), int(owner.Gid)), os.Chmod(tmp, 0o755)) // as mkdir of a step would make it
	if err == nil {
		s.madeTmp, err = os.Lstat(tmp)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	s.tmp = tmp
	return nil
}

// checkTmpLink returns an error if gVisor cannot run a step with this symlink at /tmp. It resolves the link itself, so that
// no mount at /tmp keeps its tmpfs away: an empty directory would be covered, and what a step writes there would be lost.
func checkTmpLink(root string) error {
	// An image can have a link that would lead to a directory of the host, so it is followed as from inside.
	target, err := durable.OpenDirIn(root, "tmp")
	if err != nil {
		return fmt.Errorf("/tmp of the image is a symlink that leads to no directory (%w), and gVisor needs one: make /tmp a directory", err)
	}
	defer target.Close()
	if _, err := target.Readdirnames(1); errors.Is(err, io.EOF) {
		return errors.New("/tmp of the image is a symlink to an empty directory, which gVisor covers with one in memory: what this step writes there would be lost; make /tmp a directory, or put a file where it leads to")
	} else if err != nil {
		return fmt.Errorf("/tmp of the image: %w", err)
	}
	return nil
}

// removeTmp removes a /tmp that prepare has made, unless the step has changed it.
func (s *step) removeTmp() error {
	if s.madeTmp == nil {
		return nil
	}
	info, err := os.Lstat(s.tmp)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || !os.SameFile(info, s.madeTmp) || info.Mode() != s.madeTmp.Mode() || !info.ModTime().Equal(s.madeTmp.ModTime()) {
		return err
	}
	return os.Remove(s.tmp)
}

// replace replaces a specification. BuildKit removes it with its bundle, so it need not last.
func replace(path string, text []byte) error {
	next := path + ".next"
	if err := os.WriteFile(next, text, 0o600); err != nil {
		return err
	}
	return os.Rename(next, path)
}

// become replaces this process. Its signals, its exit code and its end with its parent are those of the program.
func become(path string, argv []string) error {
	if err := unix.Exec(path, argv, os.Environ()); err != nil {
		return fmt.Errorf("start %s: %w", path, err)
	}
	return nil
}

// wait runs a program to its end. It ends with this process, as it would if this process had become it.
func wait(argv []string) (code int, err error) {
	// The kernel sends the signal when the thread ends that started the program.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	command := exec.Cmd{
		Path: argv[0], Args: argv, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		SysProcAttr: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL},
	}
	err = command.Run()
	var ended *exec.ExitError
	switch {
	case !errors.As(err, &ended):
		return 0, err
	case ended.ExitCode() < 0:
		return 128 + int(ended.Sys().(syscall.WaitStatus).Signal()), nil
	}
	return ended.ExitCode(), nil
}
