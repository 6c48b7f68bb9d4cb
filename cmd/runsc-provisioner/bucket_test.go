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

	"runsc-provisioner/provision/release"
	"runsc-provisioner/test/fakerunsc"
	"runsc-provisioner/test/releases"
)

// The releases of every bucket; newer is also what `latest` leads to.
const (
	older = "20260907.0"
	newer = "20260914.0"
)

// bucket is a release server over TLS whose tree is well made at first.
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
	b.server.Config.ErrorLog = log.New(io.Discard, "", 0) // of clients that hang up
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

// origin is a name that httptest's certificate is for.
const origin = "https://example.com"

// client trusts the server, and finds it under every name.
func (b *bucket) client(limits release.Limits) *http.Client {
	roots := x509.NewCertPool()
	roots.AddCert(b.server.Certificate())
	client := release.Client(limits, roots)
	client.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, b.server.Listener.Addr().String())
	}
	return client
}

// asked counts the requests for artifacts or digests whose path ends so.
func (b *bucket) asked(suffix string) int {
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

// resumed counts the requests with a Range.
func (b *bucket) resumed() int {
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

// member is a file of a bundle. The content's size is filled in.
type member struct {
	tar.Header
	content []byte
}

func program(name string, content []byte) member {
	return member{tar.Header{Name: name, Mode: 0o755, Typeflag: tar.TypeReg}, content}
}

// wellMade are the files of a bundle whose programs are all content.
func wellMade(content []byte) []member {
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

// once keeps what takes long to make and is the same for every test.
var once struct {
	sync.Mutex
	programs, bundles map[string][]byte
}

// fakeProgram is a fake runsc of the release called name that the proof can
// see.
func fakeProgram(t testing.TB, name string) []byte {
	t.Helper()
	once.Lock()
	defer once.Unlock()
	return build(t, name)
}

// packed is a well-made bundle of the release called name.
func packed(t testing.TB, name string) []byte {
	t.Helper()
	once.Lock()
	defer once.Unlock()
	if once.bundles == nil {
		once.bundles = map[string][]byte{}
	}
	if once.bundles[name] == nil {
		once.bundles[name] = pack(t, wellMade(build(t, name)))
	}
	return once.bundles[name]
}

// build is for who holds the lock.
func build(t testing.TB, name string) []byte {
	t.Helper()
	if once.programs == nil {
		once.programs = map[string][]byte{}
	}
	if once.programs[name] != nil {
		return once.programs[name]
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
	once.programs[name] = content
	return content
}
