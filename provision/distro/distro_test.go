package distro

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/test/need"
)

// A manager is a real package manager, with a database in a directory of its own.
type manager struct {
	name    string
	program string // that the test needs
	// install builds a package of the tree at files, and installs it below root.
	install func(t *testing.T, root, version, files string)
	remove  func(t *testing.T, root string)
}

var managers = []manager{
	{"dpkg", "dpkg-deb", installDeb, func(t *testing.T, root string) { do(t, "dpkg", "--root="+root, "--purge", "runsc") }},
	{"rpm", "rpmbuild", installRPM, func(t *testing.T, root string) { do(t, "rpm", "--root="+root, "--erase", "runsc") }},
}

func do(t *testing.T, program string, args ...string) {
	t.Helper()
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func installDeb(t *testing.T, root, version, files string) {
	t.Helper()
	do(t, "dpkg", "--root="+root, "--install", buildDeb(t, version, files))
}

func buildDeb(t *testing.T, version, files string) string {
	t.Helper()
	deb := filepath.Join(t.TempDir(), "runsc.deb")
	write(t, filepath.Join(files, "DEBIAN", "control"), "Package: runsc\nVersion: "+version+"\nArchitecture: all\nMaintainer: Test <test@example.com>\nDescription: a test\n")
	do(t, "dpkg-deb", "--root-owner-group", "--build", files, deb)
	return deb
}

func installRPM(t *testing.T, root, version, files string) {
	t.Helper()
	top := t.TempDir()
	spec := filepath.Join(top, "runsc.spec")
	write(t, spec, "Name: runsc\nVersion: "+version+"\nRelease: 1\nSummary: a test\nLicense: none\nBuildArch: noarch\n%description\na test\n%install\ncp -a "+files+"/. %{buildroot}\n%files\n/*\n")
	do(t, "rpmbuild", "-bb", "--quiet", "--define", "_topdir "+top, "--define", "__spec_install_post %{nil}", spec)
	do(t, "rpm", "--root="+root, "--upgrade", "--oldpackage", "--nodeps", filepath.Join(top, "RPMS", "noarch", fmt.Sprintf("runsc-%s-1.noarch.rpm", version)))
}

// eachManager runs a test with an empty host for each package manager.
func eachManager(t *testing.T, test func(t *testing.T, m manager, s Source)) {
	t.Helper()
	need.Root(t)
	for _, m := range managers {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(m.program); err != nil {
				t.Skip(err)
			}
			root := t.TempDir()
			for _, dir := range []string{"var/lib/dpkg/updates", "var/lib/dpkg/info", "var/lib/rpm"} {
				if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			write(t, filepath.Join(root, "var/lib/dpkg/status"), "")
			test(t, m, Source{Root: root})
		})
	}
}

// tree is the content of a package.
func tree(t *testing.T, in, text string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{in + "/runsc", in + "/containerd-shim-runsc-v1", in + "/gvisor-bin/gvisor_sentry", "usr/share/doc/runsc/copyright"} {
		write(t, filepath.Join(dir, name), text+name)
	}
	return dir
}

func (s Source) fetch(t *testing.T) (release.Fetched, error) {
	t.Helper()
	return s.Fetch(t.Context(), release.Spec{Source: release.SourceSystem, Version: "latest", Arch: release.Arch()}, "")
}

func (s Source) mustFetch(t *testing.T) release.Fetched {
	t.Helper()
	fetched, err := s.fetch(t)
	if err != nil {
		t.Fatal(err)
	}
	return fetched
}

func wantRefused[E error](t *testing.T, s Source, what string) {
	t.Helper()
	fetched, err := s.fetch(t)
	if _, ok := errors.AsType[E](err); !ok {
		t.Errorf("%s: got %+v, %v", what, fetched, err)
	}
}

func TestFetch_WhatAPackageInstalled(t *testing.T) {
	eachManager(t, func(t *testing.T, m manager, s Source) {
		wantRefused[*blocked.Refused](t, s, "nothing is there")
		m.install(t, s.Root, "20260914.0", tree(t, "usr/bin", ""))
		got := s.mustFetch(t)
		var names []string
		for _, f := range got.Files {
			names = append(names, f.Path)
			text, err := os.ReadFile(filepath.Join(s.Root, "usr/bin", f.Path))
			info, statErr := os.Stat(filepath.Join(s.Root, "usr/bin", f.Path))
			if err := errors.Join(err, statErr); err != nil {
				t.Fatal(err)
			}
			if f.SHA256 != durable.Digest(text) || f.Size != info.Size() || f.MTime != info.ModTime().UnixNano() || f.Mode != "0755" {
				t.Errorf("got %+v, want what %s is", f, f.Path)
			}
		}
		if want := []string{"containerd-shim-runsc-v1", "gvisor-bin/gvisor_sentry", "runsc"}; !slices.Equal(names, want) {
			t.Errorf("got files %v, want %v", names, want)
		}
		version := map[string]string{"dpkg": "20260914.0", "rpm": "20260914.0-1"}[m.name]
		want := release.Package{Manager: m.name, Name: "runsc", Version: version, Dir: "/usr/bin"}
		if got.Package == nil || *got.Package != want || got.Trust != release.TrustPackage || got.Archives != nil {
			t.Errorf("got %+v, %+v, want %+v", got, got.Package, want)
		}

		m.remove(t, s.Root)
		wantRefused[*blocked.Refused](t, s, "the package was removed")
		write(t, filepath.Join(s.Root, "usr/bin/runsc"), "by hand")
		wantRefused[*blocked.Refused](t, s, "no package has the file")
	})
}

func TestFetch_AChangedFileIsRefused(t *testing.T) {
	eachManager(t, func(t *testing.T, m manager, s Source) {
		m.install(t, s.Root, "20260914.0", tree(t, "usr/bin", ""))
		for _, name := range []string{"runsc", "gvisor-bin/gvisor_sentry"} {
			path := filepath.Join(s.Root, "usr/bin", name)
			text, err := os.ReadFile(path)
			info, statErr := os.Stat(path)
			if err := errors.Join(err, statErr); err != nil {
				t.Fatal(err)
			}
			changed := slices.Clone(text)
			changed[0] ^= 1
			write(t, path, string(changed))
			if err := os.Chtimes(path, time.Time{}, info.ModTime()); err != nil { // size and time are as before
				t.Fatal(err)
			}
			wantRefused[*ChangedError](t, s, name+" was changed")
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if name != "runsc" {
				wantRefused[*ChangedError](t, s, name+" was removed")
			}
			if err := os.Symlink("/bin/sh", path); err != nil {
				t.Fatal(err)
			}
			if name != "runsc" {
				wantRefused[*ChangedError](t, s, name+" is a link")
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			write(t, path, string(text))
			s.mustFetch(t)
			if err := os.Chmod(path, 0o777); err != nil {
				t.Fatal(err)
			}
			wantRefused[*durable.UnsafeError](t, s, "anyone may write "+name)
			for _, mode := range []os.FileMode{0o755 | os.ModeSetuid, 0o644, 0o700} {
				if err := os.Chmod(path, mode); err != nil {
					t.Fatal(err)
				}
				wantRefused[*ChangedError](t, s, fmt.Sprintf("%s has mode %s", name, mode))
			}
			if err := os.Chmod(path, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestDiffers(t *testing.T) {
	eachManager(t, func(t *testing.T, m manager, s Source) {
		m.install(t, s.Root, "20260914.0", tree(t, "usr/bin", ""))
		r := release.Installed{Manifest: release.Manifest{Package: s.mustFetch(t).Package}}
		differs := func(when string, want bool) {
			t.Helper()
			if got, err := s.Differs(t.Context(), r); err != nil || (got != "") != want {
				t.Errorf("%s: got %q, %v, want a difference: %t", when, got, err, want)
			}
		}
		differs("as installed", false)
		m.install(t, s.Root, "20261005.0", tree(t, "usr/bin", "newer"))
		differs("upgraded", true)
		r.Manifest.Package = s.mustFetch(t).Package
		differs("adopted", false)
		write(t, filepath.Join(s.Root, "usr/bin/containerd-shim-runsc-v1"), "changed")
		differs("changed", true)
		m.remove(t, s.Root)
		differs("removed", true)
	})
}

func TestFetch_ALinkLeadsToTheDirectory(t *testing.T) {
	eachManager(t, func(t *testing.T, m manager, s Source) {
		dir := tree(t, "usr/lib/gvisor", "")
		if err := os.Mkdir(filepath.Join(dir, "usr/bin"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("../lib/gvisor/runsc", filepath.Join(dir, "usr/bin/runsc")); err != nil {
			t.Fatal(err)
		}
		m.install(t, s.Root, "20260914.0", dir)
		if got := s.mustFetch(t); got.Package.Dir != "/usr/lib/gvisor" || len(got.Files) != 3 {
			t.Errorf("got %+v, %+v", got.Package, got.Files)
		}
	})
}

func TestDpkg_APackageThatIsNotInstalledYet(t *testing.T) {
	eachManager(t, func(t *testing.T, m manager, s Source) {
		if m.name != "dpkg" {
			return
		}
		do(t, "dpkg", "--root="+s.Root, "--unpack", buildDeb(t, "20260914.0", tree(t, "usr/bin", "")))
		wantRefused[*blocked.Refused](t, s, "unpacked, not configured")
		do(t, "dpkg", "--root="+s.Root, "--configure", "runsc")
		s.mustFetch(t)
		sums := filepath.Join(s.Root, "var/lib/dpkg/info/runsc.md5sums")
		if err := os.Rename(sums, sums+".away"); err != nil {
			t.Fatal(err)
		}
		wantRefused[*blocked.Refused](t, s, "dpkg has lost the digests")
		if err := os.Rename(sums+".away", sums); err != nil {
			t.Fatal(err)
		}
		do(t, "dpkg-divert", "--root="+s.Root, "--local", "--rename", "--add", "/usr/bin/runsc")
		write(t, filepath.Join(s.Root, "usr/bin/runsc"), "another's")
		wantRefused[*blocked.Refused](t, s, "diverted")
	})
}

func TestRun(t *testing.T) {
	t.Parallel()
	if _, err := run(t.Context(), "no-such-program"); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if out, err := run(t.Context(), "sh", "-c", "echo said; exit 3"); !reflect.DeepEqual(err, &exitError{program: "sh", code: 3, said: "said\n"}) || string(out) != "said\n" {
		t.Errorf("got %q, %v", out, err)
	}
	if out, err := run(t.Context(), "sh", "-c", "exec cat /dev/zero"); err == nil || len(out) != 0 {
		t.Errorf("got %d bytes, %v, want an error", len(out), err)
	}
}
