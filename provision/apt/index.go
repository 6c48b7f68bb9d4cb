package apt

import (
	"bytes"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// File is what an index says of a file.
type File struct {
	Path   string // below the directory of the index
	Size   int64  // bytes
	SHA512 [sha512.Size]byte
}

// Release is the text of an InRelease file.
type Release struct {
	Suite, Codename string
	Date            time.Time
	ValidUntil      time.Time // zero if it is not limited
	files           map[string]File
}

// maxFiles limits the files of a Release. Debian's own has 1,400.
const maxFiles = 10_000

// ParseRelease reads the text that Keyring.Verify returns. Only files with a SHA-512 count.
func ParseRelease(text []byte) (Release, error) {
	all := newStanzas(bytes.NewReader(text))
	fields, err := all.next()
	if err != nil {
		return Release{}, fmt.Errorf("release file: %w", err)
	}
	if _, err := all.next(); !errors.Is(err, io.EOF) {
		return Release{}, errors.New("release file has more than one stanza")
	}
	r := Release{Suite: fields["suite"], Codename: fields["codename"], files: map[string]File{}}
	if r.Date, err = parseDate(fields["date"]); err != nil {
		return Release{}, fmt.Errorf("date: %w", err)
	}
	if until, limited := fields["valid-until"]; limited {
		if r.ValidUntil, err = parseDate(until); err != nil {
			return Release{}, fmt.Errorf("valid-until: %w", err)
		}
	}
	listed, has := fields["sha512"]
	if !has {
		return Release{}, errors.New("release file has no SHA-512 digests")
	}
	for line := range strings.Lines(listed) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue // the line of the field itself
		}
		if len(words) != 3 {
			return Release{}, fmt.Errorf("line %.200q is not a digest, a size and a path", line)
		}
		f, err := parseFile(words[2], words[1], words[0])
		if err != nil {
			return Release{}, err
		}
		if _, twice := r.files[f.Path]; twice {
			return Release{}, fmt.Errorf("%.200q is listed twice", f.Path)
		}
		if len(r.files) == maxFiles {
			return Release{}, fmt.Errorf("more than %d files", maxFiles)
		}
		r.files[f.Path] = f
	}
	return r, nil
}

// File is what the Release says of the file at a path; false if it does not list it.
func (r Release) File(path string) (File, bool) {
	f, listed := r.files[path]
	return f, listed
}

// parseDate reads a date (RFC 5322). apt-ftparchive and others write it in UTC, by a name that Go takes for any zone.
func parseDate(text string) (time.Time, error) {
	for _, utc := range []string{" UTC", " GMT"} {
		if at, is := strings.CutSuffix(text, utc); is {
			text = at + " +0000"
		}
	}
	t, err := time.Parse("Mon, _2 Jan 2006 15:04:05 -0700", text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%.60q is not a date in UTC", text)
	}
	return t.UTC(), nil
}

func parseFile(name, size, digest string) (File, error) {
	f := File{Path: name}
	if !isBelow(name) {
		return File{}, fmt.Errorf("path %.200q leads out of the repository", name)
	}
	var err error
	if f.Size, err = strconv.ParseInt(size, 10, 64); err != nil || f.Size < 0 {
		return File{}, fmt.Errorf("%.200q: size %.40q is not a number of bytes", name, size)
	}
	raw, err := hex.DecodeString(digest)
	if err != nil || len(raw) != len(f.SHA512) {
		return File{}, fmt.Errorf("%.200q: digest %.140q is not a SHA-512", name, digest)
	}
	copy(f.SHA512[:], raw)
	return f, nil
}

// isBelow reports whether a path leads to a file below a directory, by plain names.
func isBelow(name string) bool {
	plain := strings.IndexFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`\?#%`, r) }) < 0
	return plain && name != "." && !path.IsAbs(name) && path.Clean(name) == name && !slices.Contains(strings.Split(name, "/"), "..")
}

// Package is a stanza of a Packages file.
type Package struct {
	Version string
	Deb     File // Path is below the base of the repository
}

// MaxPackages limits a Packages file in bytes, uncompressed. gVisor's has about 2 KB for each release.
const MaxPackages = 16 << 20

// ParsePackages reads the stanzas of a package in an architecture, as dpkg names it, from a Packages file. Stanzas of
// other packages are not read further.
func ParsePackages(r io.Reader, name, arch string) ([]Package, error) {
	limited := &io.LimitedReader{R: r, N: MaxPackages + 1}
	var found []Package
	for all := newStanzas(limited); ; {
		fields, err := all.next()
		switch {
		case limited.N == 0:
			return nil, fmt.Errorf("list of packages has more than %d bytes", MaxPackages)
		case errors.Is(err, io.EOF):
			return found, nil
		case err != nil:
			return nil, fmt.Errorf("list of packages: %w", err)
		case fields["package"] != name || fields["architecture"] != arch:
			continue
		}
		if fields["sha512"] == "" {
			return nil, fmt.Errorf("%s %.60s has no SHA-512 digest", name, fields["version"])
		}
		deb, err := parseFile(strings.TrimPrefix(fields["filename"], "./"), fields["size"], fields["sha512"])
		if err != nil {
			return nil, fmt.Errorf("%s %.60s: %w", name, fields["version"], err)
		}
		found = append(found, Package{Version: fields["version"], Deb: deb})
	}
}
