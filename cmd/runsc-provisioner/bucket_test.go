package main

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"runsc-provisioner/provision/download"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/test/fakerunsc"
	"runsc-provisioner/test/releases"
)

// The releases of every bucket; `latest` is newer.
const (
	older = "20260907.0"
	newer = "20260914.0"
)

// bucket is a release server with TLS. Its tree has no fault at first.
type bucket struct {
	server *httptest.Server
	dir    string

	mu       sync.Mutex
	requests []*http.Request
}

func newBucket(t testing.TB) *bucket {
	t.Helper()
	b := &bucket{dir: t.TempDir()}
	for _, name := range []string{older, newer} {
		date, _, _ := strings.Cut(name, ".")
		b.publish(t, name, packed(t, name))
		b.publish(t, date, packed(t, name))
	}
	b.publish(t, "latest", packed(t, newer))
	tree := releases.Handler(b.dir)
	b.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		b.requests = append(b.requests, r)
		b.mu.Unlock()
		tree.ServeHTTP(w, r)
	}))
	b.server.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that hang up log errors
	b.server.StartTLS()
	t.Cleanup(b.server.Close)
	return b
}

func (b *bucket) at(version string) string {
	return filepath.Join(b.dir, release.ChannelRelease, version, release.Arch())
}

// publish makes bundle, packed, the release called version.
func (b *bucket) publish(t testing.TB, version string, bundle []byte) {
	t.Helper()
	fakerunsc.Publish(t, b.at(version), string(fakerunsc.Zstd), bundle)
}

// origin is a name in httptest's certificate.
const origin = "https://example.com"

// client trusts the server, and reaches it under every name.
func (b *bucket) client(limits release.Limits) *http.Client {
	roots := x509.NewCertPool()
	roots.AddCert(b.server.Certificate())
	client := download.Client(limits.Download, roots)
	client.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, b.server.Listener.Addr().String())
	}
	return client
}

// requestCount counts the requests with a path that ends in suffix.
func (b *bucket) requestCount(suffix string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, r := range b.requests {
		if strings.HasSuffix(r.URL.Path, suffix) {
			n++
		}
	}
	return n
}

// resumedCount counts the requests with a Range.
func (b *bucket) resumedCount() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, r := range b.requests {
		if r.Header.Get("Range") != "" {
			n++
		}
	}
	return n
}

// member is a file of a bundle. pack fills in the size.
type member struct {
	tar.Header
	content []byte
}

func program(name string, content []byte) member {
	return member{tar.Header{Name: name, Mode: 0o755, Typeflag: tar.TypeReg}, content}
}

// validMembers are the files of a valid bundle. Each program is content.
func validMembers(content []byte) []member {
	return []member{
		program("runsc", content),
		program("containerd-shim-runsc-v1", content),
		program("gvisor-bin/gvisor_sentry", content),
	}
}

func pack(t testing.TB, members []member) []byte {
	t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, m := range members {
		m.Size = int64(len(m.content))
		if err := w.WriteHeader(&m.Header); err != nil {
			t.Fatalf("entry %s: %v", m.Name, err)
		}
		if _, err := w.Write(m.content); err != nil {
			t.Fatalf("entry %s: %v", m.Name, err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return fakerunsc.Pack(t, fakerunsc.Zstd, archive.Bytes())
}

// built keeps what takes long to build and is the same for every test.
var built struct {
	sync.Mutex
	programs, bundles map[string][]byte
}

// fakeProgram is a fake runsc of the release called name. A proof accepts it.
func fakeProgram(t testing.TB, name string) []byte {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	return build(t, name)
}

// packed is a valid bundle of the release called name.
func packed(t testing.TB, name string) []byte {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	if built.bundles == nil {
		built.bundles = map[string][]byte{}
	}
	if built.bundles[name] == nil {
		built.bundles[name] = pack(t, validMembers(build(t, name)))
	}
	return built.bundles[name]
}

// build builds the fake runsc. The caller holds the lock of built.
func build(t testing.TB, name string) []byte {
	t.Helper()
	if built.programs == nil {
		built.programs = map[string][]byte{}
	}
	if built.programs[name] != nil {
		return built.programs[name]
	}
	path := filepath.Join(t.TempDir(), "runsc")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w -X main.label=release-"+name, "-o", path, "./testdata/fakerunsc")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the fake runsc: %v\n%s", err, said)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	built.programs[name] = content
	return content
}
