package main

import (
	"archive/tar"
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"runsc-provisioner/test/fakerunsc"
)

// badBundle upgrades h to a release with these members and a correct digest. apply
// must refuse it and print all of said.
func badBundle(t *testing.T, h *fakeHost, members []member, said ...string) {
	t.Helper()
	h.bucket.publish(t, newer, pack(t, members))
	h.refuses(exitRefusedData, said, "apply", "--release="+newer)
}

func TestFault_D13_AnArchiveThatReachesOutIsRefused(t *testing.T) {
	t.Parallel()
	h := olderHost(t)
	good := validMembers(fakeProgram(t, newer))
	for _, test := range []struct {
		header tar.Header
		said   string
	}{
		{tar.Header{Name: "../../escaped", Typeflag: tar.TypeReg, Mode: 0o644}, "leads out of the archive"},
		{tar.Header{Name: "gvisor-bin/../../escaped", Typeflag: tar.TypeReg, Mode: 0o644}, "leads out of the archive"},
		{tar.Header{Name: filepath.Join(h.root, "escaped"), Typeflag: tar.TypeReg, Mode: 0o644}, "is not relative"},
		{tar.Header{Name: "link", Typeflag: tar.TypeSymlink, Linkname: "/etc"}, "is a symlink"},
		{tar.Header{Name: "hard", Typeflag: tar.TypeLink, Linkname: "runsc"}, "is a hard link"},
		{tar.Header{Name: "null", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3}, "is a device or fifo"},
		{tar.Header{Name: "fifo", Typeflag: tar.TypeFifo}, "is a device or fifo"},
		{tar.Header{Name: "runsc", Typeflag: tar.TypeReg, Mode: 0o755}, "occurs twice"},
		{tar.Header{Name: "./runsc", Typeflag: tar.TypeReg, Mode: 0o755}, "occurs twice"},
		{tar.Header{Name: "manifest.json", Typeflag: tar.TypeReg, Mode: 0o644}, "has a name that is taken"},
		{tar.Header{Name: "a\x1b[2Jb", Typeflag: tar.TypeReg, Mode: 0o644}, "has odd characters in its name"},
	} {
		members := append(append([]member{}, good...), member{Header: test.header})
		badBundle(t, h, members, strings.ReplaceAll(fmt.Sprintf("entry %q %s", test.header.Name, test.said), h.root, ""))
	}
	if _, err := os.Lstat(filepath.Join(h.root, "escaped")); err == nil {
		t.Errorf("got a file outside the store, want none")
	}
}

func TestFault_D13_SetuidBitsAreStripped(t *testing.T) {
	t.Parallel()
	h := olderHost(t)
	members := validMembers(fakeProgram(t, newer))
	for i := range members {
		members[i].Mode = 0o7777
	}
	h.bucket.publish(t, newer, pack(t, members))
	h.want(exitDone, "apply", "--release="+newer)
	for _, m := range members {
		info, err := os.Stat(filepath.Join(h.paths.Store, newer, m.Name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != 0o755 {
			t.Errorf("%s: got mode %v, want %v", m.Name, info.Mode(), os.FileMode(0o755))
		}
	}
}

func TestFault_D14_AnArchiveWithoutEndIsRefused(t *testing.T) {
	t.Parallel()
	h := olderHost(t)
	good := validMembers(fakeProgram(t, newer))
	bomb := append(append([]member{}, good...), program("zeros", make([]byte, h.limits.UnpackedBytes)))
	badBundle(t, h, bomb, "more than 67108864 bytes in all")
	many := append([]member{}, good...)
	for i := range 100_000 {
		many = append(many, member{Header: tar.Header{Name: fmt.Sprintf("f%d", i), Typeflag: tar.TypeReg}})
	}
	badBundle(t, h, many, "more than 1000 entries")
}

func TestFault_D15_AProgramThatIsNotTheReleaseIsRefused(t *testing.T) {
	t.Parallel()
	h := olderHost(t)
	foreign := elf.EM_AARCH64
	if elf.Machine(fakeProgram(t, newer)[18]) == foreign {
		foreign = elf.EM_X86_64
	}
	fake := func(o fakerunsc.Options) []byte { return fakerunsc.Program(t, o) }
	label := "release-" + newer
	for _, test := range []struct {
		name    string
		content []byte
		said    string
	}{
		{"a page", []byte("<html>not found</html>"), "runsc is not an ELF file"},
		{"empty", nil, "runsc is not an ELF file"},
		{"another architecture", fake(fakerunsc.Options{Label: label, Machine: uint16(foreign)}), "runsc is for EM_"},
		{"not static", dynamic(t), "runsc is not static"},
		{"hangs", fake(fakerunsc.Options{Label: label, Behaviour: fakerunsc.Hangs}), "takes longer than 1s"},
		{"fails", fake(fakerunsc.Options{Label: label, Behaviour: fakerunsc.Fails}), "fails on --version"},
		{"never stops printing", fake(fakerunsc.Options{Label: label, Behaviour: fakerunsc.Floods}), "for --version"},
		{"another release", fakeProgram(t, older), "runsc reports release " + older + ", want " + newer},
		{"no release at all", fake(fakerunsc.Options{Label: "VERSION_MISSING"}), "VERSION_MISSING"},
	} {
		if h.limits.VersionTime = time.Minute; test.name == "hangs" {
			h.limits.VersionTime = time.Second
		}
		before := h.snapshot()
		badBundle(t, h, validMembers(test.content), test.said)
		h.untouched(before)
	}
	badBundle(t, h, validMembers(fakeProgram(t, newer))[1:], "runsc is missing")
}

// dynamic is a program of this machine that needs a loader, like a build of runsc
// with cgo: the fake one with a PT_INTERP in place of another header.
func dynamic(t *testing.T) []byte {
	t.Helper()
	content := append([]byte{}, fakeProgram(t, newer)...)
	const headers, headerSize = 64, 56 // ELF64 (elf(5)), where Go puts them
	for at := headers; at < headers+20*headerSize; at += headerSize {
		if elf.ProgType(content[at]) == elf.PT_NOTE {
			content[at] = byte(elf.PT_INTERP)
			return content
		}
	}
	t.Fatal("the fake runsc has no PT_NOTE to replace")
	return nil
}

func TestFault_D16_SidecarsThatAreMissingOrOfAnotherReleaseAreRefused(t *testing.T) {
	t.Parallel()
	h := olderHost(t)
	good := validMembers(fakeProgram(t, newer))
	badBundle(t, h, good[:2], "no program in gvisor-bin/")
	badBundle(t, h, append(good[:2:2], program("gvisor-bin/gvisor_sentry", fakeProgram(t, older))),
		"gvisor_sentry reports release "+older+", runsc "+newer)
	badBundle(t, h, append(good[:2:2], program("gvisor-bin/gvisor_sentry", []byte("#!/bin/sh\n"))), "gvisor_sentry is not an ELF file")
}
