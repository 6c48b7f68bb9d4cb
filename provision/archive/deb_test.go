package archive

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// member is a member of an ar archive.
type member struct{ name, text string }

func arOf(members ...member) []byte {
	out := bytes.NewBufferString(arMagic)
	for _, m := range members {
		fmt.Fprintf(out, "%-16s%-12d%-6d%-6d%-8s%-10d`\n%s", m.name, 0, 0, 0, "100644", len(m.text), m.text)
		if len(m.text)%2 == 1 {
			out.WriteByte('\n')
		}
	}
	return out.Bytes()
}

var (
	format  = member{"debian-binary", "2.0\n"}
	control = member{"control.tar.gz", "control"}
	data    = member{"data.tar.gz", "the files"}
)

func TestOpenDeb(t *testing.T) {
	for name, text := range map[string][]byte{
		"as dpkg-deb writes it":           arOf(format, control, data),
		"with a signature of dpkg-sig":    arOf(format, control, data, member{"_gpgbuilder", "sign"}),
		"with a signature in another way": arOf(format, member{"_gpgorigin", "x"}, control, member{"_y", ""}, data),
		"names as GNU ar writes them":     arOf(member{"debian-binary/", "2.0\n"}, member{"control.tar.gz/", "x"}, member{"data.tar.gz/", data.text}),
	} {
		d, member, err := openDeb(bytes.NewReader(text))
		if err != nil || member != data.name {
			t.Errorf("%s: got %q, %v", name, member, err)
			continue
		}
		files, err := io.ReadAll(d)
		if string(files) != data.text || err != nil {
			t.Errorf("%s: got %q, %v", name, files, err)
		}
		if err := d.finish(); err != nil {
			t.Errorf("%s: at the end got %v", name, err)
		}
	}
}

func TestFault_S06_ADamagedPackageIsRefused(t *testing.T) {
	good := arOf(format, control, data)
	damaged := func(at int, with byte) []byte {
		text := bytes.Clone(good)
		text[at] = with
		return text
	}
	for name, text := range map[string][]byte{
		"empty":                      nil,
		"no ar":                      []byte("#!/bin/sh\nexit 0\n"),
		"no members":                 []byte(arMagic),
		"cut in a header":            good[:len(arMagic)+20],
		"cut in a member":            good[:len(good)-5],
		"cut before the padding":     good[:len(good)-1],
		"no end of a header":         damaged(len(arMagic)+58, 'x'),
		"no size":                    damaged(len(arMagic)+48, 'x'),
		"a negative size":            damaged(len(arMagic)+48, '-'),
		"another format":             arOf(member{"debian-binary", "3.0\n"}, control, data),
		"no format":                  arOf(control, data),
		"files first":                arOf(format, data, control),
		"no files":                   arOf(format, control),
		"no control":                 arOf(format, data),
		"two controls":               arOf(format, control, control, data),
		"files twice":                arOf(format, control, data, data),
		"something behind the files": arOf(format, control, data, member{"x", ""}),
		"another member":             arOf(format, member{"postinst", "#!"}, control, data),
		"many members":               arOf(format, control, data, member{"_1", ""}, member{"_2", ""}, member{"_3", ""}, member{"_4", ""}, member{"_5", ""}, member{"_6", ""}, member{"_7", ""}, member{"_8", ""}),
		"text behind the end":        append(bytes.Clone(good), "\nhello"...),
	} {
		d, _, err := openDeb(bytes.NewReader(text))
		if err == nil {
			err = d.finish()
		}
		if err == nil {
			t.Errorf("%s: got it accepted", name)
		}
	}
}

// dpkg-deb is the peer: what it packs is read, and it reads what this test packs.
func TestOpenDeb_ReadsWhatDpkgWrites(t *testing.T) {
	dpkg, err := exec.LookPath("dpkg-deb")
	if err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	for path, text := range map[string]string{
		"root/DEBIAN/control": "Package: x\nVersion: 1\nArchitecture: all\nMaintainer: Test <test@example.com>\nDescription: x\n",
		"root/usr/bin/x":      "x",
	} {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, compression := range []string{"none", "gzip", "xz"} {
		file := filepath.Join(dir, compression+".deb")
		if out, err := exec.Command(dpkg, "-Z"+compression, "--root-owner-group", "--build", filepath.Join(dir, "root"), file).CombinedOutput(); err != nil {
			t.Fatal(err, string(out))
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		d, name, err := openDeb(bytes.NewReader(text))
		if err != nil || !strings.HasPrefix(name, dataName) {
			t.Fatalf("%s: got %q, %v", compression, name, err)
		}
		got, err := io.ReadAll(d)
		if err == nil {
			err = d.finish()
		}
		want, fsysErr := exec.Command("ar", "p", file, name).Output()
		if fsysErr == nil && !bytes.Equal(got, want) || err != nil {
			t.Errorf("%s: got %d bytes, %v, want %d", compression, len(got), err, len(want))
		}
	}
}

// FuzzDeb: whatever a package has, the reading ends, and never gives more bytes than it has.
func FuzzDeb(f *testing.F) {
	f.Add(arOf(format, control, data))
	f.Add(arOf(format, control, data, member{"_gpgbuilder", "sign"}))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, name, err := openDeb(bytes.NewReader(text))
		if err != nil {
			return
		}
		if !isMember(name, dataName) {
			t.Fatalf("got %q", name)
		}
		if n, _ := io.Copy(io.Discard, d); n > int64(len(text)) {
			t.Fatalf("got %d bytes of %d", n, len(text))
		}
		_ = d.finish()
	})
}
