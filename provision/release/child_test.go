package release_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"runsc-provisioner/provision/download"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/test/fakerunsc"
	"runsc-provisioner/test/proxy"
	"runsc-provisioner/test/releases"
)

// Process-wide settings, umask and proxies, are tested in a child process: this
// test binary with the variables below.
const (
	childURL   = "RELEASE_TEST_URL"
	childRoots = "RELEASE_TEST_ROOTS" // a PEM file
	childStore = "RELEASE_TEST_STORE"
)

func TestMain(m *testing.M) {
	if os.Getenv(childURL) != "" {
		child()
		return
	}
	os.Exit(m.Run())
}

// child installs the wanted release under a umask that denies everything to
// others, and prints the result.
func child() {
	syscall.Umask(0o077)
	roots := x509.NewCertPool()
	text, err := os.ReadFile(os.Getenv(childRoots))
	if err != nil || !roots.AppendCertsFromPEM(text) {
		fmt.Println("roots:", err)
		return
	}
	dir := os.Getenv(childStore)
	store := release.Store{Dir: dir, Link: filepath.Join(filepath.Dir(dir), "bin", "runsc"), Owner: os.Geteuid(), Limits: quick()}
	source := &release.Checksum{Download: release.Download{HTTP: download.Client(quick().Download, roots), Limits: quick()}}
	got, err := install(context.Background(), store, source, release.Spec{URL: os.Getenv(childURL), Channel: "release", Version: wanted, Arch: release.Arch(), Trust: release.TrustChecksum})
	if err == nil {
		err = store.SetLink(wanted)
	}
	fmt.Printf("installed %q, error %v\n", got.Name, err)
}

// inChild runs child and returns what it printed.
func inChild(t *testing.T, store, url string, server *httptest.Server, env ...string) string {
	t.Helper()
	return inChildUnder(t, nil, store, url, server, env...)
}

// inChildUnder runs child under another program.
func inChildUnder(t *testing.T, under []string, store, url string, server *httptest.Server, env ...string) string {
	t.Helper()
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o644); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	argv := append(slices.Clone(under), self)
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	cmd.Env = append([]string{childURL + "=" + url, childRoots + "=" + roots, childStore + "=" + store}, env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

func TestFault_D11_ProxyIsUsedAndItsPasswordHidden(t *testing.T) {
	r := newRig(t)
	r.publish(t, fakerunsc.Zstd)
	p := &proxy.Proxy{User: "user", Password: "secret", Dial: func() (net.Conn, error) { return net.Dial("tcp", r.server.Listener.Addr().String()) }}
	server := httptest.NewServer(p)
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://")
	url := releases.URL("https://example.com", "") // httptest's certificate is for it
	for _, test := range []struct{ name, proxy, says string }{
		{"right password", "http://user:secret@" + address, `installed "20260914.0", error <nil>`},
		{"wrong password", "http://user:secret2@" + address, "Proxy Authentication Required"},
		{"out of reach", "http://user:secret@127.0.0.1:1", "connection refused"},
	} {
		got := inChild(t, filepath.Join(t.TempDir(), "gvisor"), url, r.server, "HTTPS_PROXY="+test.proxy)
		if !strings.Contains(got, test.says) {
			t.Errorf("%s: got %q, want it to say %q", test.name, got, test.says)
		}
		if strings.Contains(got, "secret") || strings.Contains(got, "user") || strings.Contains(got, p.Encoded()) {
			t.Errorf("%s: got %q, want no credentials in it", test.name, got)
		}
	}
	if p.Tunnels() == 0 || p.Refused() == 0 {
		t.Errorf("got %d tunnels through the proxy and %d refused, want some of each", p.Tunnels(), p.Refused())
	}
}

func TestFault_F06_ModesWhateverTheUmask(t *testing.T) {
	r := newRig(t)
	r.publish(t, fakerunsc.Zstd)
	top := t.TempDir()
	store := filepath.Join(top, "lib", "gvisor")
	if got := inChild(t, store, r.spec(wanted, "").URL, r.server); !strings.Contains(got, "error <nil>") {
		t.Fatal(got)
	}
	for name, want := range map[string]os.FileMode{
		"lib": os.ModeDir | 0o755, "lib/gvisor": os.ModeDir | 0o755, "lib/bin": os.ModeDir | 0o755, "lib/bin/runsc": os.ModeSymlink | 0o777,
		"lib/gvisor/" + wanted: os.ModeDir | 0o755, "lib/gvisor/" + wanted + "/gvisor-bin": os.ModeDir | 0o755,
		"lib/gvisor/" + wanted + "/runsc": 0o755, "lib/gvisor/" + wanted + "/manifest.json": 0o644, "lib/gvisor/" + wanted + "/gvisor-bin/gvisor_sentry": 0o755,
		"lib/gvisor/.archive": os.ModeDir | 0o755, "lib/gvisor/.archive/" + wanted + "/gvisor.tar.zstd": 0o644,
	} {
		info, err := os.Lstat(filepath.Join(top, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if info.Mode() != want {
			t.Errorf("%s: got %v, want %v", name, info.Mode(), want)
		}
	}
}

func TestFault_F06_CleanEnvironment(t *testing.T) {
	r := newRig(t)
	fakerunsc.Publish(t, r.at(wanted), "runsc", fakerunsc.Program(t, fakerunsc.Options{Behaviour: fakerunsc.Environment}))
	url := r.spec(wanted, "").URL
	got := inChild(t, filepath.Join(t.TempDir(), "gvisor"), url, r.server, "LD_LIBRARY_PATH=/evil", "GVISOR_ENFORCE_RELEASE=evil", "PATH=/evil")
	if strings.Contains(got, "evil") || !strings.Contains(got, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin,LANG=C.UTF-8") {
		t.Errorf("got %q, want a clean environment", got)
	}
}
