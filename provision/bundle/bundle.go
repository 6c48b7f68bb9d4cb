// Package bundle carries one release to a host without a network: a single file with the archive of the release, and what
// proves its origin. Each byte of the file counts: if one differs, the file is refused.
//
// It is no source of trust. A Bundle answers requests as the server would that the release came from, and package
// release checks every answer as it checks a server's: signature, digests, limits, pins and age.
package bundle

import (
	"archive/tar"
	"bytes"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"runsc-provisioner/pattern"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/release"
)

// schemaVersion is the version of the format. A bundle is a tar archive, whose first member is aboutName, and a line
// with the digest of all bytes before it.
const schemaVersion = 1

const (
	aboutName   = "bundle.json"
	digestStart = "sha512:"
	digestLine  = len(digestStart) + 2*sha512.Size + 1
)

// The limits of a bundle: members, and bytes.
const (
	maxMembers = 20
	maxAbout   = 64 << 10
	maxBytes   = 2 << 30
)

// About says what is in a bundle. It is a description, and proves nothing.
type About struct {
	SchemaVersion int               `json:"schema_version"`
	Release       string            `json:"release"`
	Channel       string            `json:"channel"`
	Arch          string            `json:"arch"`
	Trust         string            `json:"trust"`
	Archives      []release.Archive `json:"archives"`
	Proof         []release.Archive `json:"proof,omitempty"`
}

var memberName = pattern.Lazy(`^[0-9A-Za-z][0-9A-Za-z_.+-]{0,100}$`)

// Create writes the bundle of a release with a manifest, whose archives are in the directory kept. A file that is not as
// the manifest says is an error.
func Create(w io.Writer, m release.Manifest, kept string) error {
	about := About{SchemaVersion: schemaVersion, Release: m.Release, Channel: m.Channel, Arch: m.Arch, Trust: m.Trust, Archives: m.Archives}
	if m.Origin != nil {
		about.Proof = m.Origin.Proof
	}
	text, err := json.MarshalIndent(about, "", "  ")
	if err != nil {
		return err
	}
	sum := sha512.New()
	packed := tar.NewWriter(io.MultiWriter(w, sum))
	if err := addMember(packed, aboutName, int64(len(text)), bytes.NewReader(text)); err != nil {
		return err
	}
	for _, file := range append(append([]release.Archive{}, about.Archives...), about.Proof...) {
		if err := addFile(packed, file, filepath.Join(kept, file.Name)); err != nil {
			return err
		}
	}
	if err := packed.Close(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s%x\n", digestStart, sum.Sum(nil))
	return err
}

func addFile(packed *tar.Writer, file release.Archive, path string) error {
	f, err := durable.OpenRegular(path)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha512.New()
	if err := addMember(packed, file.Name, file.Size, io.TeeReader(f, sum)); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != file.SHA512 {
		return fmt.Errorf("%s: sha512 %s, the manifest says %s", path, got, file.SHA512)
	}
	return nil
}

func addMember(packed *tar.Writer, name string, size int64, from io.Reader) error {
	if err := packed.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: size, Format: tar.FormatUSTAR}); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if _, err := io.CopyN(packed, from, size); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// A Bundle is an open bundle.
type Bundle struct {
	About   About
	file    *os.File
	members map[string]member
}

// member is where a file is in a bundle, in bytes.
type member struct{ at, size int64 }

// BadError means that a file is no bundle, or is damaged.
type BadError struct {
	Path string
	Err  error
}

func (e *BadError) Error() string { return fmt.Sprintf("bundle %s: %v", e.Path, e.Err) }

// Unwrap returns Err.
func (e *BadError) Unwrap() error { return e.Err }

// Open reads a whole bundle, and checks that no byte of it has changed since it was made. The caller closes it. The error
// is a *BadError, or that of the file system.
func Open(path string) (*Bundle, error) {
	f, err := durable.OpenRegular(path)
	if at, isOpen := errors.AsType[*fs.PathError](err); isOpen {
		return nil, at
	}
	if err != nil { // it is no regular file
		return nil, &BadError{path, err}
	}
	b := &Bundle{file: f, members: map[string]member{}}
	if err := b.read(); err != nil {
		return nil, errors.Join(&BadError{path, err}, f.Close())
	}
	return b, nil
}

// Close closes the file.
func (b *Bundle) Close() error { return b.file.Close() }

func (b *Bundle) read() error {
	info, err := b.file.Stat()
	if err != nil {
		return err
	}
	packed := info.Size() - int64(digestLine)
	if packed < 0 || packed > maxBytes {
		return fmt.Errorf("it has %d bytes", info.Size())
	}
	sum := sha512.New()
	if _, err := io.Copy(sum, io.NewSectionReader(b.file, 0, packed)); err != nil {
		return err
	}
	line := make([]byte, digestLine)
	if _, err := b.file.ReadAt(line, packed); err != nil {
		return err
	}
	if want := fmt.Sprintf("%s%x\n", digestStart, sum.Sum(nil)); string(line) != want {
		return errors.New("it has changed since it was made, or is no bundle: its digest is another one")
	}
	return b.index(io.NewSectionReader(b.file, 0, packed))
}

// index finds the members.
func (b *Bundle) index(packed *io.SectionReader) error {
	for all := tar.NewReader(packed); ; {
		header, err := all.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		at, err := packed.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		_, twice := b.members[header.Name]
		if header.Typeflag != tar.TypeReg || !memberName().MatchString(header.Name) || twice || len(b.members) == maxMembers {
			return fmt.Errorf("member %.100q does not belong there", header.Name)
		}
		b.members[header.Name] = member{at, header.Size}
	}
	about, has := b.members[aboutName]
	if !has || about.size > maxAbout {
		return errors.New("it has no " + aboutName)
	}
	text, err := io.ReadAll(b.open(about))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &b.About); err != nil {
		return fmt.Errorf("%s: %w", aboutName, err)
	}
	if b.About.SchemaVersion != schemaVersion {
		return fmt.Errorf("another version of this program made it (schema %d, want %d)", b.About.SchemaVersion, schemaVersion)
	}
	return nil
}

func (b *Bundle) open(m member) *io.SectionReader { return io.NewSectionReader(b.file, m.at, m.size) }
