package release_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"runsc-provisioner/provision/download"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/test/fakerunsc"
	"runsc-provisioner/test/releases"
)

// A rig is a bucket of fake releases, a server for it, and a store in which
// 20260907.0 is installed and linked.
type rig struct {
	tree   string
	server *httptest.Server
	source *release.Checksum
	store  release.Store

	mu       sync.Mutex
	requests []string // path, and Range if there is one
}

const (
	before = "20260907.0"
	wanted = "20260914.0"
)

// quick are limits so short that a test that waits for one ends soon.
func quick() release.Limits {
	return release.Limits{
		ArtifactBytes: 8 << 20, VersionTime: time.Minute, Download: download.Limits{
			Tries: 3, FirstPause: time.Millisecond, LongestPause: 2 * time.Millisecond, RetryAfterMax: time.Millisecond,
		},
	}
}

func newRig(t *testing.T) *rig {
	t.Helper()
	t.Parallel()
	r := &rig{tree: t.TempDir()}
	r.server = httptest.NewTLSServer(r.recording(releases.Handler(r.tree)))
	t.Cleanup(r.server.Close)
	r.source = &release.Checksum{Download: release.Download{HTTP: r.server.Client(), Limits: quick()}}
	top := t.TempDir()
	r.store = release.Store{Dir: filepath.Join(top, "lib", "gvisor"), Link: filepath.Join(top, "bin", "runsc"), Owner: os.Geteuid(), Limits: quick()}
	fakerunsc.Bundle(t, r.at(before), fakerunsc.Options{Label: "release-" + before}, fakerunsc.Zstd)
	if _, err := r.install(t, r.spec(before, "")); err != nil {
		t.Fatal(err)
	}
	if err := r.store.SetLink(before); err != nil {
		t.Fatal(err)
	}
	r.requests = nil
	return r
}

// at returns the directory of a release in the tree.
func (r *rig) at(version string) string {
	return filepath.Join(r.tree, "release", version, release.Arch())
}

func (r *rig) spec(version, fault string) release.Spec {
	return release.Spec{URL: releases.URL(r.server.URL, fault), Channel: "release", Version: version, Arch: release.Arch(), Trust: release.TrustChecksum}
}

func (r *rig) install(t *testing.T, spec release.Spec) (release.Installed, error) {
	t.Helper()
	return install(t.Context(), r.store, r.source, spec)
}

// install mends the release of spec in the store, or fetches and commits it.
func install(ctx context.Context, store release.Store, source release.Source, spec release.Spec) (release.Installed, error) {
	mended, mendErr := store.Mend(ctx, spec)
	if mendErr == nil {
		return mended, nil
	}
	staged, err := store.Fetch(ctx, source, spec)
	if err != nil {
		return release.Installed{}, fmt.Errorf("%w (before that: %w)", err, mendErr)
	}
	defer staged.Discard()
	return store.Commit(ctx, staged)
}

// refused installs spec. That must fail with an error of type T that has all of
// the words, and must leave the store and the link unchanged.
func refused[T error](t *testing.T, r *rig, spec release.Spec, says ...string) {
	t.Helper()
	old := r.snapshot(t)
	got, err := r.install(t, spec)
	var want T
	if !errors.As(err, &want) {
		t.Fatalf("got %v, error %T %v; want a %T", got.Name, err, err, want)
	}
	for _, word := range says {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("got error %q, want it to say %q", err, word)
		}
	}
	if is := r.snapshot(t); is != old {
		t.Errorf("store changed\nfrom\n%s\nto\n%s", old, is)
	}
}

// snapshot returns the complete state of the store and the link.
func (r *rig) snapshot(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(filepath.Dir(filepath.Dir(r.store.Dir)), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		target, _ := os.Readlink(path)
		stamp := info.ModTime().UnixNano()
		if info.IsDir() {
			stamp = 0 // a staging directory came and went
		}
		fmt.Fprintln(&all, path, info.Mode(), info.Size(), stamp, target)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func (r *rig) recording(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		r.requests = append(r.requests, strings.TrimSpace(req.URL.Path+" "+req.Header.Get("Range")))
		r.mu.Unlock()
		h.ServeHTTP(w, req)
	})
}

// asked counts the requests for paths that end in suffix, with any Range.
func (r *rig) asked(suffix string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, request := range r.requests {
		path, _, _ := strings.Cut(request, " ")
		if strings.HasSuffix(path, suffix) {
			n++
		}
	}
	return n
}

// publish puts a correct copy of the wanted release into the tree.
func (r *rig) publish(t *testing.T, layouts ...fakerunsc.Layout) {
	t.Helper()
	fakerunsc.Bundle(t, r.at(wanted), fakerunsc.Options{Label: "release-" + wanted}, layouts...)
}

// An authority is a test's certificate authority.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{cert: cert, key: key}
}

func (a authority) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// issue makes a certificate for 127.0.0.1 and the given names.
func (a authority) issue(t *testing.T, ip net.IP, until time.Time, names ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: until, IPAddresses: []net.IP{ip}, DNSNames: names}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
