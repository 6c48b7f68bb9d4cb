package release_test

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"runsc-provisioner/provision/release"
	"runsc-provisioner/test/fakerunsc"
)

func TestFault_D12_DigestDiffers(t *testing.T) {
	for fault, says := range map[string]string{
		"bitflip": "expected", "badsum-wrong": "expected 000", "badsum-empty": "empty",
		"badsum-malformed": "127 characters", "badsum-othername": "other-gvisor.tar.zstd",
	} {
		t.Run(fault, func(t *testing.T) {
			r := newRig(t)
			r.publish(t, fakerunsc.Zstd)
			refused[*release.RefusedError](t, r, r.spec(wanted, fault), says)
		})
	}
	t.Run("loose", func(t *testing.T) {
		r := newRig(t)
		r.publish(t, fakerunsc.Loose)
		refused[*release.RefusedError](t, r, r.spec(wanted, "bitflip"), "fetch "+r.server.URL, "expected")
	})
	t.Run("pinned to another", func(t *testing.T) {
		r := newRig(t)
		r.publish(t, fakerunsc.Zstd)
		spec := r.spec(wanted, "")
		spec.SHA512 = map[string]string{"gvisor.tar.zstd": strings.Repeat("0", 128)}
		refused[*release.RefusedError](t, r, spec, "pinned 0000")
	})
	t.Run("other layout than the pinned one", func(t *testing.T) {
		r := newRig(t)
		r.publish(t, fakerunsc.Loose)
		spec := r.spec(wanted, "")
		spec.SHA512 = map[string]string{"gvisor.tar.zstd": strings.Repeat("0", 128)}
		refused[*release.RefusedError](t, r, spec, "runsc: has no pin")
	})
}

// hostile returns an archive with the files of a good release and more headers,
// each followed by as many zeros as it says.
func hostile(t *testing.T, more ...tar.Header) []byte {
	t.Helper()
	program := fakerunsc.Program(t, fakerunsc.Options{})
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, header := range append(fakerunsc.Files(t, fakerunsc.Options{}), more...) {
		if err := w.WriteHeader(&header); err != nil {
			t.Fatal(err)
		}
		content := program
		if header.Size != int64(len(program)) {
			content = make([]byte, header.Size)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return archive.Bytes()
}

func (r *rig) publishArchive(t *testing.T, archive []byte) {
	t.Helper()
	fakerunsc.Publish(t, r.at(wanted), "gvisor.tar.zstd", fakerunsc.Pack(t, fakerunsc.Zstd, archive))
}

func TestFault_D13_HostileArchive(t *testing.T) {
	tests := map[string]struct {
		entry tar.Header
		says  string
	}{
		"leads out":        {tar.Header{Name: "../evil", Typeflag: tar.TypeReg}, "leads out"},
		"leads out deeper": {tar.Header{Name: "gvisor-bin/../../evil", Typeflag: tar.TypeReg}, "leads out"},
		"absolute":         {tar.Header{Name: "/etc/evil", Typeflag: tar.TypeReg}, "not relative"},
		"symlink":          {tar.Header{Name: "evil", Linkname: "/etc/passwd", Typeflag: tar.TypeSymlink}, "symlink"},
		"hard link":        {tar.Header{Name: "evil", Linkname: "runsc", Typeflag: tar.TypeLink}, "hard link"},
		"device":           {tar.Header{Name: "evil", Typeflag: tar.TypeBlock}, "device"},
		"fifo":             {tar.Header{Name: "evil", Typeflag: tar.TypeFifo}, "fifo"},
		"duplicate":        {tar.Header{Name: "./runsc", Typeflag: tar.TypeReg}, "twice"},
		"file for a dir":   {tar.Header{Name: "gvisor-bin", Typeflag: tar.TypeReg}, "place of another"},
		"dir in a file":    {tar.Header{Name: "runsc/evil", Typeflag: tar.TypeReg}, "place of another"},
		"our manifest":     {tar.Header{Name: "manifest.json", Typeflag: tar.TypeReg}, "taken"},
		"control char":     {tar.Header{Name: "a\x1b[2Jb", Typeflag: tar.TypeReg}, "odd characters"},
		"long name":        {tar.Header{Name: strings.Repeat("a/", 200), Typeflag: tar.TypeDir}, "name of 400 bytes"},
		"global header":    {tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "x"}}, "type 'g'"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.publishArchive(t, hostile(t, test.entry))
			refused[*release.RefusedError](t, r, r.spec(wanted, ""), test.says)
		})
	}
	for _, format := range []string{"posix", "gnu"} {
		t.Run("sparse, "+format, func(t *testing.T) {
			r := newRig(t)
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "holes"), nil, 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(filepath.Join(dir, "holes"), 1<<20); err != nil {
				t.Fatal(err)
			}
			// archive/tar cannot write these.
			archive, err := exec.Command("tar", "-C", dir, "--sparse", "--format="+format, "-cf", "-", "holes").Output()
			if err != nil {
				t.Fatal(err)
			}
			r.publishArchive(t, archive)
			refused[*release.RefusedError](t, r, r.spec(wanted, ""), "holes", "sparse")
		})
	}
	t.Run("not a tar", func(t *testing.T) {
		r := newRig(t)
		r.publishArchive(t, bytes.Repeat([]byte("no tar"), 1000))
		refused[*release.RefusedError](t, r, r.spec(wanted, ""), "invalid tar header")
	})
	t.Run("not zstd", func(t *testing.T) {
		r := newRig(t)
		fakerunsc.Publish(t, r.at(wanted), "gvisor.tar.zstd", []byte("no zstd at all"))
		refused[*release.RefusedError](t, r, r.spec(wanted, ""), "magic")
	})
	t.Run("setuid is stripped", func(t *testing.T) {
		r := newRig(t)
		r.publishArchive(t, hostile(t, tar.Header{Name: "./", Mode: 0o7777, Typeflag: tar.TypeDir}, tar.Header{Name: "gvisor-bin/odd", Mode: 0o7711, Typeflag: tar.TypeReg}, tar.Header{Name: "notes", Mode: 0o4400, Typeflag: tar.TypeReg}))
		got := mustInstall(t, r, r.spec(wanted, ""))
		for name, want := range map[string]os.FileMode{"gvisor-bin/odd": 0o755, "notes": 0o644, "gvisor-bin": os.ModeDir | 0o755, ".": os.ModeDir | 0o755, "runsc": 0o755} {
			info, err := os.Lstat(filepath.Join(got.Dir, name))
			if err != nil || info.Mode() != want {
				t.Errorf("%s: got %v, error %v; want %v", name, info.Mode(), err, want)
			}
		}
	})
}

func TestFault_D14_ArchiveExpandsWithoutEnd(t *testing.T) {
	t.Run("one file", func(t *testing.T) {
		r := newRig(t)
		r.source.Limits.UnpackedBytes = 20 << 20
		r.publishArchive(t, hostile(t, tar.Header{Name: "zeros", Typeflag: tar.TypeReg, Size: 64 << 20}))
		refused[*release.RefusedError](t, r, r.spec(wanted, ""), "more than 20971520 bytes")
	})
	t.Run("many files", func(t *testing.T) {
		r := newRig(t)
		r.source.Limits.UnpackedBytes = 20 << 20
		r.publishArchive(t, hostile(t, tar.Header{Name: "a", Typeflag: tar.TypeReg, Size: 10 << 20}, tar.Header{Name: "b", Typeflag: tar.TypeReg, Size: 10 << 20}))
		refused[*release.RefusedError](t, r, r.spec(wanted, ""), "\"b\"", "more than 20971520 bytes")
	})
	t.Run("100,000 entries", func(t *testing.T) {
		r := newRig(t)
		var many []tar.Header
		for i := range 100_000 {
			many = append(many, tar.Header{Name: fmt.Sprint("file", i), Typeflag: tar.TypeReg})
		}
		r.publishArchive(t, hostile(t, many...))
		refused[*release.RefusedError](t, r, r.spec(wanted, ""), "more than 1000 entries")
	})
}

func TestFault_D15_ReleaseThatCannotRunHere(t *testing.T) {
	other := elf.EM_AARCH64
	if release.Arch() == "aarch64" {
		other = elf.EM_X86_64
	}
	dynamic, err := os.ReadFile("/usr/bin/env")
	if err != nil {
		t.Fatal(err)
	}
	fake := func(o fakerunsc.Options) []byte { return fakerunsc.Program(t, o) }
	tests := map[string]struct {
		runsc []byte
		says  string
	}{
		"other architecture": {fake(fakerunsc.Options{Machine: uint16(other)}), "is for " + other.String()},
		"a script":           {[]byte("#!/bin/sh\necho runsc version release-20260914.0\n"), "not an ELF"},
		"dynamic":            {dynamic, "not static"},
		"hangs":              {fake(fakerunsc.Options{Behaviour: fakerunsc.Hangs}), "takes longer than 300ms"},
		"fails":              {fake(fakerunsc.Options{Behaviour: fakerunsc.Fails}), "told to fail"},
		"floods":             {fake(fakerunsc.Options{Behaviour: fakerunsc.Floods}), "prints more than"},
		"other release":      {fake(fakerunsc.Options{Label: "release-20260101.0"}), "20260101.0, want 20260914.0"},
		"no label":           {fake(fakerunsc.Options{Label: "VERSION_MISSING"}), "VERSION_MISSING"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			if name == "hangs" {
				r.store.Limits.VersionTime = 300 * time.Millisecond
			}
			fakerunsc.Publish(t, r.at(wanted), "runsc", test.runsc)
			refused[*release.RefusedError](t, r, r.spec(wanted, ""), test.says, r.server.URL)
		})
	}
	t.Run("no runsc in the bundle", func(t *testing.T) {
		r := newRig(t)
		r.publishArchive(t, pack(t, map[string][]byte{"gvisor-bin/gvisor_sentry": fake(fakerunsc.Options{})}))
		refused[*release.RefusedError](t, r, r.spec(wanted, ""), "runsc is missing")
	})
}

func pack(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for name, content := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return archive.Bytes()
}

func TestFault_D16_SidecarsMissingOrOfAnotherRelease(t *testing.T) {
	good := fakerunsc.Program(t, fakerunsc.Options{})
	t.Run("missing", func(t *testing.T) {
		r := newRig(t)
		r.publishArchive(t, pack(t, map[string][]byte{"runsc": good, "containerd-shim-runsc-v1": good}))
		refused[*release.RefusedError](t, r, r.spec(wanted, ""), "no program in gvisor-bin/")
	})
	t.Run("other release", func(t *testing.T) {
		r := newRig(t)
		r.publishArchive(t, pack(t, map[string][]byte{"runsc": good, "gvisor-bin/gvisor_sentry": fakerunsc.Program(t, fakerunsc.Options{Label: "release-20260907.0"})}))
		refused[*release.RefusedError](t, r, r.spec(wanted, ""), "gvisor_sentry reports release 20260907.0")
	})
	t.Run("other set of sidecars", func(t *testing.T) {
		r := newRig(t)
		r.publishArchive(t, pack(t, map[string][]byte{"runsc": good, "gvisor-bin/new_one": good}))
		mustInstall(t, r, r.spec(wanted, ""))
	})
}
