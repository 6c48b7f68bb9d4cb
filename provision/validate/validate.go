// Package validate has dockerd check a daemon.json before it is written, with the flags that it runs with. It
// changes nothing.
package validate

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
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/redact"
)

// candidatePath is the path at which a child process finds its first extra file.
const candidatePath = "/proc/self/fd/3"

// validateTimeout is far more than the 34 ms that dockerd takes to check a file.
const validateTimeout = 20 * time.Second

// dockerd --validate ends before it profits from Go's garbage collector: without it,
// dockerd 26.1 uses the same 70 MB and a quarter less time. Above the limit, the collector
// runs all the same.
const (
	gcOff         = "GOGC=off"
	gcMemoryLimit = "GOMEMLIMIT=128MiB"
)

// Document lets dockerd check doc, with the flags that it runs with. dockerd can do so
// from 23.0 on. accepted says that dockerd accepts doc, or accepted it earlier. If accepted
// is false and err is nil, dockerd could not be asked. The error is a *blocked.Refused if
// dockerd refuses doc.
//
// dockerd does not get to see userns-remap, because it makes accounts and ranges for it
// even while it only validates. A text that dockerd once accepted is not checked again. If
// key is not empty, the caller has to record it in State().Validations().
func Document(ctx context.Context, h *host.Host, doc daemonjson.Document, o host.Observed) (accepted bool, key string, err error) {
	return (*Begun)(nil).Document(ctx, h, doc, o)
}

// A question is what dockerd is asked about one text.
type question struct {
	argv []string
	doc  daemonjson.Document
	path string
	key  string
}

// questionOf returns the question about doc. If dockerd need not or cannot be asked, asks is
// false, and accepted says whether it has accepted doc earlier.
func questionOf(h *host.Host, doc daemonjson.Document, o host.Observed) (q question, asks, accepted bool, err error) {
	argv, ok := validateCommand(h.Paths.Proc, o)
	if !ok || os.Geteuid() != 0 {
		return question{}, false, false, nil
	}
	none := ""
	if doc, err = daemonjson.Edit(doc, daemonjson.Want{UsernsRemap: &none}); err != nil {
		return question{}, false, false, &blocked.Refused{Object: o.File.Path, Err: err}
	}
	q = question{argv: argv, doc: doc, path: o.File.Path, key: validationKey(argv, doc)}
	if q.key != "" && h.State().Validations().Has(q.key) {
		return question{}, false, true, nil
	}
	return q, true, false, nil
}

// validationKey identifies what a validation covers: this dockerd, its flags, and the text
// except for the paths and arguments of runtimes, which dockerd does not check (moby
// daemon/config/config_linux.go). It is "" if dockerd's program cannot be read.
func validationKey(argv []string, doc daemonjson.Document) string {
	var program unix.Stat_t
	if err := unix.Stat(argv[0], &program); err != nil {
		return ""
	}
	masked := daemonjson.Want{Runtimes: map[string]*daemonjson.Runtime{}}
	for name, runtime := range doc.Runtimes() {
		// dockerd may refuse a runtime with a type or options: such a runtime stays
		// in the text.
		same := daemonjson.Want{Runtimes: map[string]*daemonjson.Runtime{name: {Path: runtime.Path}}}
		if again, err := daemonjson.Edit(doc, same); err == nil && bytes.Equal(again.Bytes(), doc.Bytes()) {
			masked.Runtimes[name] = &daemonjson.Runtime{Path: "/", Args: []string{}}
		}
	}
	doc, err := daemonjson.Edit(doc, masked)
	if err != nil {
		return "" // a runtime name that this program would not write
	}
	text, err := json.Marshal([]any{argv, program.Dev, program.Ino, program.Size, program.Mtim.Nano(), program.Ctim.Nano(), doc.Bytes()})
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	return durable.Digest(text)
}

// dockerdAccepts runs dockerd --validate on doc, the next text of path. If dockerd gave no
// verdict, accepted is false and err nil: the checks of this program must suffice.
func dockerdAccepts(ctx context.Context, h *host.Host, q question) (accepted bool, err error) {
	argv, doc, path := q.argv, q.doc, q.path
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
	answer := strings.TrimSpace(output.String())
	h.Logger().Debug("dockerd --validate", zap.Error(err))
	var exit *exec.ExitError
	switch {
	case err == nil:
		return true, nil
	case errors.Is(context.Cause(ctx), context.Canceled):
		return false, fmt.Errorf("validate %s: %w", path, context.Canceled)
	case !errors.As(err, &exit), !exit.Exited(), ctx.Err() != nil, strings.Contains(answer, "unknown flag"):
		return false, nil // it has no such flag (20.10), or gave no verdict
	}
	// dockerd quotes values, and any user may read what our unit reports.
	said := redact.InDaemonJSON(doc.Bytes(), argv).Hide(strings.ReplaceAll(lastLine(answer), candidatePath, path))
	return false, blocked.Refuse(path, "dockerd --validate refuses this text: %s", said)
}

// validateCommand returns the command line with which dockerd checks descriptor 3.
func validateCommand(proc string, o host.Observed) (argv []string, ok bool) {
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

// memFile returns a file with text that exists in memory only.
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
