package host

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/command"
	"runsc-provisioner/provision/durable"
)

// candidatePath is where a program that is given one more file finds it.
const candidatePath = "/proc/self/fd/3"

// validateTimeout is far beyond the 34 ms that dockerd takes to look at a file.
const validateTimeout = 20 * time.Second

// dockerd ends before it gains anything from Go's garbage collector: without it,
// dockerd takes the same 70 MB and a quarter less time (26.1). Beyond a limit it is
// on all the same.
const (
	gcOff         = "GOGC=off"
	gcMemoryLimit = "GOMEMLIMIT=128MiB"
)

// Validate has dockerd itself look at doc, with the flags that it runs with, where it
// can: from 23.0 on. taken says that it takes doc, or once did; without taken and an
// error it could not be asked. userns-remap is not in what it is shown, because dockerd
// makes accounts and ranges for it even then. A text that it once took is not shown to
// it again: key is returned where that has to be remembered.
func (h *Host) Validate(ctx context.Context, doc daemonjson.Document, o Observed) (taken bool, key string, err error) {
	argv, ok := validateCommand(h.Paths.Proc, o)
	if !ok || os.Geteuid() != 0 {
		return false, "", nil
	}
	none := ""
	if doc, err = daemonjson.Edit(doc, daemonjson.Want{UsernsRemap: &none}); err != nil {
		return false, "", &blocked.Refused{Object: o.File.Path, Err: err}
	}
	key = validationKey(argv, doc)
	if key != "" && h.State().Validations().Has(key) {
		return true, "", nil
	}
	if taken, err = h.dockerdAccepts(ctx, argv, doc, o.File.Path); !taken || err != nil {
		return false, "", err
	}
	return true, key, nil
}

// validationKey names what a validation holds for: this dockerd with these
// flags, and all of the text but which file a runtime of a path runs with which
// arguments. dockerd looks at neither (moby daemon/config/config_linux.go). It
// is empty for what cannot be named.
func validationKey(argv []string, doc daemonjson.Document) string {
	var program unix.Stat_t
	if err := unix.Stat(argv[0], &program); err != nil {
		return ""
	}
	alike := daemonjson.Want{Runtimes: map[string]*daemonjson.Runtime{}}
	for name, runtime := range doc.Runtimes() {
		// One that also has a type or options, which dockerd may refuse, is not
		// as it would be written.
		same := daemonjson.Want{Runtimes: map[string]*daemonjson.Runtime{name: {Path: runtime.Path}}}
		if again, err := daemonjson.Edit(doc, same); err == nil && bytes.Equal(again.Bytes(), doc.Bytes()) {
			alike.Runtimes[name] = &daemonjson.Runtime{Path: "/", Args: []string{}}
		}
	}
	doc, err := daemonjson.Edit(doc, alike)
	if err != nil {
		return "" // a name that we would not give
	}
	text, err := json.Marshal([]any{argv, program.Dev, program.Ino, program.Size, program.Mtim.Nano(), program.Ctim.Nano(), doc.Bytes()})
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	return durable.Digest(text)
}

// dockerdAccepts runs dockerd --validate on doc, which path is to have. Where it
// did not say, taken is false: own checks have to do.
func (h *Host) dockerdAccepts(ctx context.Context, argv []string, doc daemonjson.Document, path string) (taken bool, err error) {
	file, err := memFile("daemon.json", doc.Bytes())
	if err != nil {
		return false, err
	}
	defer file.Close()
	ctx, cancel := context.WithTimeout(ctx, validateTimeout)
	defer cancel()
	cmd := command.New(ctx, argv[0], argv[1:]...)
	cmd.Env = append(cmd.Env, gcOff, gcMemoryLimit)
	cmd.ExtraFiles = []*os.File{file}
	var output command.Output
	cmd.Stdout, cmd.Stderr = &output, &output
	err = cmd.Run()
	said := strings.TrimSpace(output.String())
	h.Logger().Debug("dockerd --validate", zap.Error(err))
	var exit *exec.ExitError
	switch {
	case err == nil:
		return true, nil
	case errors.Is(context.Cause(ctx), context.Canceled):
		return false, fmt.Errorf("validate %s: %w", path, context.Canceled)
	case !errors.As(err, &exit), !exit.Exited(), ctx.Err() != nil, strings.Contains(said, "unknown flag"):
		return false, nil // it has no such flag (20.10), or is of no use
	}
	return false, blocked.Refuse(path, "dockerd --validate refuses this text: %s", strings.ReplaceAll(lastLine(said), candidatePath, path))
}

// validateCommand is the command line that has dockerd look at descriptor 3.
func validateCommand(proc string, o Observed) (argv []string, ok bool) {
	if len(o.Command) == 0 {
		return nil, false
	}
	program := o.Command[0]
	if !filepath.IsAbs(program) {
		target, err := os.Readlink(filepath.Join(proc, fmt.Sprint(o.Unit.MainPID), "exe"))
		if err != nil {
			return nil, false
		}
		program = target
	}
	argv = []string{program}
	for i := 1; i < len(o.Command); i++ {
		switch arg := o.Command[i]; {
		case arg == "--config-file":
			i++
		case strings.HasPrefix(arg, "--config-file="):
		default:
			argv = append(argv, arg)
		}
	}
	return append(argv, "--validate", "--config-file="+candidatePath), true
}

// memFile is a file with text that is on no disk.
func memFile(name string, text []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a file in memory: %w", err)
	}
	f := os.NewFile(uintptr(fd), name)
	if _, err := f.Write(text); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func lastLine(text string) string {
	lines := bytes.Split([]byte(text), []byte("\n"))
	return string(lines[len(lines)-1])
}
