// Package aptrepo makes apt repositories in the layout of gVisor's bucket, signed with a key made for the run. apt-get
// accepts them.
package aptrepo

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"runsc-provisioner/test/inrelease"
)

// A File is one of a package.
type File struct {
	Name string // relative, such as usr/bin/runsc
	Mode int64
	Text []byte
}

// Repo is a repository in a directory. Its packages are for one architecture, as dpkg names it.
type Repo struct {
	Dir  string
	Arch string
	Keys *inrelease.Keys

	packages []pkg
}

// pkg is a package in the pool.
type pkg struct{ version, stanza string }

// Ar packs members as ar(1) does.
func Ar(names []string, texts ...[]byte) []byte {
	out := bytes.NewBufferString("!<arch>\n")
	for i, text := range texts {
		fmt.Fprintf(out, "%-16s%-12d%-6d%-6d%-8s%-10d`\n%s", names[i], 0, 0, 0, "100644", len(text), text)
		if len(text)%2 == 1 {
			out.WriteByte('\n')
		}
	}
	return out.Bytes()
}

// TarGz packs files, with the directories that they are in.
func TarGz(t inrelease.TB, files []File) []byte {
	t.Helper()
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	must(t, err)
	w := tar.NewWriter(z)
	made := map[string]bool{}
	var mkdir func(dir string)
	mkdir = func(dir string) {
		if !made[dir] {
			made[dir] = true
			if dir != "." {
				mkdir(path.Dir(dir))
			}
			must(t, w.WriteHeader(&tar.Header{Name: "./" + strings.TrimPrefix(dir+"/", "./"), Typeflag: tar.TypeDir, Mode: 0o755}))
		}
	}
	for _, f := range files {
		mkdir(path.Dir(f.Name))
		must(t, w.WriteHeader(&tar.Header{Name: "./" + f.Name, Typeflag: tar.TypeReg, Mode: f.Mode, Size: int64(len(f.Text))}))
		_, err := w.Write(f.Text)
		must(t, err)
	}
	must(t, w.Close())
	must(t, z.Close())
	return out.Bytes()
}

// Canary is a file that the scripts of a package make, if anything runs them.
const Canary = "/run/runsc-package-script-ran"

// Deb makes the package runsc, signed by dpkg-sig as gVisor's is: with a member that dpkg ignores. If its scripts
// are run, they leave Canary.
func Deb(t inrelease.TB, version, arch string, files []File) []byte {
	t.Helper()
	script := []byte("#!/bin/sh\ntouch " + Canary + "\n")
	control := fmt.Sprintf("Package: runsc\nVersion: %s\nArchitecture: %s\nMaintainer: Test <test@example.com>\nDescription: a test\n", version, arch)
	scripts := TarGz(t, []File{{"control", 0o644, []byte(control)}, {"preinst", 0o755, script}, {"postinst", 0o755, script}})
	return Ar([]string{"debian-binary", "control.tar.gz", "data.tar.gz", "_gpgbuilder"}, []byte("2.0\n"), scripts, TarGz(t, files), []byte("not checked\n"))
}

// Add puts the package of a version into the pool.
func (r *Repo) Add(t inrelease.TB, version string, deb []byte) {
	t.Helper()
	at := path.Join("pool", version, "binary-"+r.Arch, "runsc.deb")
	r.write(t, at, deb)
	r.packages = append(r.packages, pkg{version, r.Stanza(version, at, deb)})
}

// Stanza is what a list of packages says of one.
func (r *Repo) Stanza(version, at string, deb []byte) string {
	return fmt.Sprintf("Package: runsc\nVersion: %s\nArchitecture: %s\nMaintainer: Test <test@example.com>\nFilename: %s\nSize: %d\nSHA256: %x\nSHA512: %x\nDescription: a test\n\n",
		version, r.Arch, at, len(deb), sha256.Sum256(deb), sha512.Sum512(deb))
}

// Publish writes a suite that has versions of the pool, as of a date.
func (r *Repo) Publish(t inrelease.TB, suite string, date time.Time, versions ...string) {
	t.Helper()
	var list strings.Builder
	for _, p := range r.packages {
		if slices.Contains(versions, p.version) {
			list.WriteString(p.stanza)
		}
	}
	r.PublishList(t, suite, date, list.String())
}

// PublishList writes a suite with a list of packages.
func (r *Repo) PublishList(t inrelease.TB, suite string, date time.Time, list string) {
	t.Helper()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, err := z.Write([]byte(list))
	must(t, err)
	must(t, z.Close())
	files := map[string][]byte{"Packages": []byte(list), "Packages.gz": packed.Bytes()}
	for name, text := range files {
		r.write(t, r.listPath(suite, name), text)
	}
	r.Sign(t, suite, r.Release(suite, date, files))
}

func (r *Repo) listPath(suite, name string) string {
	return path.Join("dists", suite, "main", "binary-"+r.Arch, name)
}

// Release is the text of a Release file, as apt-ftparchive writes it.
func (r *Repo) Release(suite string, date time.Time, files map[string][]byte) string {
	var text strings.Builder
	fmt.Fprintf(&text, "Suite: %s\nArchitectures: %s\nComponents: main\nDate: %s\n", suite, r.Arch, date.UTC().Format("Mon, 02 Jan 2006 15:04:05 UTC"))
	for _, hash := range []struct {
		field string
		sum   func([]byte) string
	}{
		{"MD5Sum", func(b []byte) string { return fmt.Sprintf("%x", md5.Sum(b)) }},
		{"SHA256", func(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }},
		{"SHA512", func(b []byte) string { return fmt.Sprintf("%x", sha512.Sum512(b)) }},
	} {
		fmt.Fprintf(&text, "%s:\n", hash.field)
		for _, name := range []string{"Packages", "Packages.gz"} {
			if file, has := files[name]; has {
				fmt.Fprintf(&text, " %s %16d main/binary-%s/%s\n", hash.sum(file), len(file), r.Arch, name)
			}
		}
	}
	return text.String()
}

// Sign writes the InRelease file of a suite with a text.
func (r *Repo) Sign(t inrelease.TB, suite, text string) {
	t.Helper()
	r.write(t, path.Join("dists", suite, "InRelease"), r.Keys.InRelease(t, text))
}

// write replaces a file of the repository.
func (r *Repo) write(t inrelease.TB, at string, text []byte) {
	t.Helper()
	at = filepath.Join(r.Dir, at)
	must(t, os.MkdirAll(filepath.Dir(at), 0o755))
	must(t, os.WriteFile(at, text, 0o644))
}

func must(t inrelease.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
