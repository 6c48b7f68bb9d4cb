package archive

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// The layout of a Debian package, an ar archive (deb(5)).
const (
	arMagic      = "!<arch>\n"
	arHeader     = 60 // bytes before each member
	maxMembers   = 10
	debianBinary = "debian-binary"
	controlName  = "control.tar"
	dataName     = "data.tar"
)

// IsDeb tells a Debian package by its name.
func IsDeb(name string) bool { return strings.HasSuffix(name, ".deb") }

// programsDir is where a package has its programs.
const programsDir = "usr/bin"

// A deb reads the files of a Debian package. Its scripts are skipped, never read.
type deb struct {
	from    *bufio.Reader
	member  io.LimitedReader // what is left of the member at hand
	odd     bool             // a byte of padding follows it
	members int
}

// openDeb reads a package up to its files, and returns the name of the member that has them, such as data.tar.gz. The
// deb reads that member.
func openDeb(r io.Reader) (d *deb, name string, err error) {
	d = &deb{from: bufio.NewReader(r)}
	magic := make([]byte, len(arMagic))
	if _, err := io.ReadFull(d.from, magic); err != nil || string(magic) != arMagic {
		return nil, "", errors.New("it is no ar archive")
	}
	if name, err = d.next(); err != nil {
		return nil, "", err
	}
	version, err := io.ReadAll(io.LimitReader(d, 100))
	if err != nil || name != debianBinary || !strings.HasPrefix(string(version), "2.") {
		return nil, "", errors.New("it is no Debian package of format 2")
	}
	for control := false; ; {
		if name, err = d.next(); err != nil {
			return nil, "", err
		}
		switch {
		case isExtra(name):
		case !control && isMember(name, controlName):
			control = true
		case control && isMember(name, dataName):
			return d, name, nil
		default:
			return nil, "", fmt.Errorf("member %.20q is not where a Debian package has it", name)
		}
	}
}

// isMember reports whether a name is that of a tar archive, perhaps compressed.
func isMember(name, tar string) bool { return name == tar || strings.HasPrefix(name, tar+".") }

// isExtra reports whether dpkg ignores a member: signatures of dpkg-sig have such names.
func isExtra(name string) bool { return strings.HasPrefix(name, "_") }

// Read reads the member at hand.
func (d *deb) Read(p []byte) (int, error) {
	n, err := d.member.Read(p)
	if errors.Is(err, io.EOF) && d.member.N > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// finish reads the rest of the package. Only members that dpkg ignores may follow the files.
func (d *deb) finish() error {
	for {
		name, err := d.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case !isExtra(name):
			return fmt.Errorf("member %.20q follows the files", name)
		}
	}
}

// next skips the rest of the member at hand, and returns the name of the next one; io.EOF if there is none.
func (d *deb) next() (name string, err error) {
	if _, err := io.Copy(io.Discard, d); err != nil {
		return "", err
	}
	if d.odd {
		if _, err := d.from.Discard(1); err != nil {
			return "", io.ErrUnexpectedEOF
		}
	}
	header := make([]byte, arHeader)
	if _, err := io.ReadFull(d.from, header); err != nil {
		return "", err
	}
	size, err := strconv.ParseInt(strings.TrimRight(string(header[48:58]), " "), 10, 64)
	switch {
	case string(header[58:]) != "`\n", err != nil, size < 0:
		return "", errors.New("a member of the ar archive has a damaged header")
	case d.members == maxMembers:
		return "", fmt.Errorf("more than %d members", maxMembers)
	}
	d.members++
	d.member, d.odd = io.LimitedReader{R: d.from, N: size}, size%2 == 1
	return strings.TrimSuffix(strings.TrimRight(string(header[:16]), " "), "/"), nil
}
