package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// command runs a program of the machine, which must succeed, and gives its output.
func command(t *testing.T, env []string, argv ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	c.Env = append(os.Environ(), env...)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, out)
	}
	return string(out)
}

// packages makes packages that have nothing but the program: stand-ins for those of `make packages`. The packages for
// the other architecture have the same program, because no test installs them.
func packages(t *testing.T, version, program string) string {
	t.Helper()
	dir, work := t.TempDir(), t.TempDir()
	root := filepath.Join(work, "root")
	for _, arch := range []string{"amd64", "arm64"} {
		command(t, nil, "install", "-D", "-m", "755", program, filepath.Join(root, "usr/bin/runsc-provisioner"))
		write(t, filepath.Join(root, "DEBIAN/control"), "Package: runsc-provisioner\nVersion: "+version+
			"\nArchitecture: "+arch+"\nMaintainer: Test <test@example.com>\nDescription: a stand-in\n")
		deb := filepath.Join(dir, "runsc-provisioner_"+version+"_"+arch+".deb")
		command(t, nil, "dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "-b", root, deb)
	}
	spec := filepath.Join(work, "runsc-provisioner.spec")
	write(t, spec, "Name: runsc-provisioner\nVersion: "+version+`
Release: 1
Summary: a stand-in
License: test
AutoReqProv: no
%define _build_id_links none
%define __os_install_post %{nil}
%description
A stand-in.
%install
install -D -m 755 `+program+` %{buildroot}/usr/bin/runsc-provisioner
%files
/usr/bin/runsc-provisioner
`)
	for _, arch := range []string{"x86_64", "aarch64"} {
		command(t, nil, "rpmbuild", "--quiet", "-bb", "--target", arch, "--define", "_topdir "+work,
			"--define", "_rpmdir "+dir, "--define", "_binary_payload w1.gzdio",
			"--define", "_build_name_fmt %{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm", spec)
	}
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// signingKey makes a throwaway key. It gives gpg's home, the fingerprint, and a file with the secret key.
func signingKey(t *testing.T) (home, fingerprint, file string) {
	t.Helper()
	home, err := os.MkdirTemp("", "gpg") // gpg-agent's socket must have a short name
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"GNUPGHOME=" + home}
	t.Cleanup(func() {
		endAgent(t, home)
		if err := os.RemoveAll(home); err != nil {
			t.Error(err)
		}
	})
	gpg := func(arguments ...string) string {
		return command(t, env, append([]string{"gpg", "--batch", "--quiet"}, arguments...)...)
	}
	gpg("--passphrase", "", "--quick-gen-key", "Test <test@example.com>", "rsa3072", "sign")
	for field := range strings.SplitSeq(gpg("--with-colons", "--list-keys"), ":") {
		if len(field) == 40 { // the first is that of the key
			fingerprint = field
			break
		}
	}
	file = filepath.Join(t.TempDir(), "secret.asc")
	gpg("--armor", "--output", file, "--export-secret-keys")
	return home, fingerprint, file
}

// endAgent ends the gpg-agent of a home directory of gpg.
func endAgent(t *testing.T, home string) {
	t.Helper()
	if out, err := exec.Command("gpgconf", "--homedir", home, "--kill", "all").CombinedOutput(); err != nil {
		t.Errorf("gpgconf --kill all: %v\n%s", err, out)
	}
}
