package distro

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/command"
	"runsc-provisioner/provision/release"
)

// digest is a kind of digest that a package manager records.
type digest struct {
	name string
	make func() hash.Hash
}

var md5Digest = digest{"md5", md5.New}

// rpmDigests are those of %{FILEDIGESTALGO}, as OpenPGP numbers them (RFC 9580, 9.5). Without one it is md5.
var rpmDigests = map[string]digest{
	"(none)": md5Digest, "1": md5Digest, "8": {"sha256", sha256.New}, "9": {"sha384", sha512.New384}, "10": {"sha512", sha512.New},
}

// dpkg asks dpkg (dpkg-query(1)).
func (s Source) dpkg(ctx context.Context, program string) (found recorded, has bool, err error) {
	query := func(args ...string) ([]byte, error) {
		if s.Root != "" {
			args = append([]string{"--admindir=" + s.Root + "/var/lib/dpkg"}, args...)
		}
		return run(ctx, "dpkg-query", args...)
	}
	text, err := query("--search", program)
	var exit *exitError
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.As(err, &exit) && exit.code == 1: // "no path found matching pattern"
		return recorded{}, false, nil
	case err != nil:
		return recorded{}, false, err
	}
	// "runsc: /usr/bin/runsc", and "diversion by other from: /usr/bin/runsc"
	if bytes.Contains(text, []byte("diversion ")) {
		return recorded{}, false, blocked.Refuse(program, "it is diverted: dpkg-divert --list %s shows by whom, and sudo dpkg-divert --remove %s ends that", program, program)
	}
	name, path, _ := strings.Cut(strings.TrimSuffix(string(text), "\n"), ": ")
	if path != program || strings.ContainsAny(name, " ,") {
		return recorded{}, false, blocked.Refuse(program, "dpkg does not say which package has it: %.300q", text)
	}
	text, err = query("--show", `--showformat=${db:Status-Status}\t${db:Status-Eflag}\t${Version}\n`, name)
	if err != nil {
		return recorded{}, false, err
	}
	fields := strings.Split(strings.TrimSuffix(string(text), "\n"), "\t")
	if len(fields) != 3 || fields[0] != "installed" || fields[1] != "ok" {
		return recorded{}, false, blocked.Refuse(program, "dpkg says that package %s is %q, not installed: is it being installed? If not: sudo dpkg --configure --pending", name, fields[0])
	}
	sums, err := query("--control-show", name, "md5sums")
	if errors.As(err, &exit) {
		return recorded{}, false, blocked.Refuse(program, "dpkg has no digests of package %s (%.300q): install it again", name, exit.said)
	}
	if err != nil {
		return recorded{}, false, err
	}
	found = recorded{Package: release.Package{Manager: "dpkg", Name: name, Version: fields[2]}, digest: md5Digest, digests: map[string]string{}}
	for line := range strings.Lines(string(sums)) {
		if sum, path, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  "); ok {
			found.digests[filepath.Join("/", path)] = sum
		}
	}
	return found, true, nil
}

// rpm asks rpm (rpm(8)).
func (s Source) rpm(ctx context.Context, program string) (found recorded, has bool, err error) {
	args := []string{"--query", "--file", program, "--queryformat", `%{NAME}\t%{VERSION}-%{RELEASE}\t%{FILEDIGESTALGO}\n[%{FILEDIGESTS}\t%{FILENAMES}\n]`}
	if s.Root != "" {
		args = append([]string{"--root=" + s.Root}, args...)
	}
	text, err := run(ctx, "rpm", args...)
	var exit *exitError
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.As(err, &exit) && strings.Contains(exit.said, "file "+program): // "file /usr/bin/runsc is not owned by any package"
		return recorded{}, false, nil
	case err != nil:
		return recorded{}, false, err
	}
	head, list, _ := strings.Cut(string(text), "\n")
	fields := strings.Split(head, "\t")
	if len(fields) != 3 {
		return recorded{}, false, blocked.Refuse(program, "rpm does not say which package has it: %.300q", head)
	}
	kind, known := rpmDigests[fields[2]]
	if !known {
		return recorded{}, false, blocked.Refuse(program, "rpm has recorded digests of a kind that is not known: %q", fields[2])
	}
	found = recorded{Package: release.Package{Manager: "rpm", Name: fields[0], Version: fields[1]}, digest: kind, digests: map[string]string{}}
	for line := range strings.Lines(list) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) != 2 {
			return recorded{}, false, blocked.Refuse(program, "more than one package of rpm has it")
		}
		if fields[0] != "" { // a directory or a symlink has no digest
			found.digests[fields[1]] = fields[0]
		}
	}
	return found, true, nil
}

const (
	maxAnswer    = 16 << 20 // bytes: a package may have many files
	answerWithin = 30 * time.Second
)

// exitError is an exit code other than 0.
type exitError struct {
	program string
	code    int
	said    string
}

func (e *exitError) Error() string {
	return fmt.Sprintf("%s ends with exit code %d: %.300q", e.program, e.code, e.said)
}

// run returns what a package manager prints. Without that program, the error is exec.ErrNotFound.
func run(ctx context.Context, program string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, answerWithin, fmt.Errorf("%s gives no answer within %s", program, answerWithin))
	defer cancel()
	var said command.Output
	cmd := command.New(ctx, program, args...)
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	text, readErr := io.ReadAll(io.LimitReader(out, maxAnswer+1))
	if len(text) > maxAnswer {
		readErr = fmt.Errorf("%s prints more than %d bytes", program, maxAnswer)
		cancel()
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	switch {
	case readErr != nil:
		return nil, readErr
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.As(err, &exit):
		return text, &exitError{program: program, code: exit.ExitCode(), said: said.String() + string(text)}
	}
	return text, err
}
