package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"runsc-provisioner/test/lab"
)

// inNetwork calls f in the network of the host. A socket that f makes stays in the host's network, whichever
// goroutine uses it.
func (h host) inNetwork(f func() error) error {
	ended := make(chan error, 1)
	go func() {
		// Never unlocked: the thread ends with the goroutine.
		runtime.LockOSThread()
		ended <- func() error {
			ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", h.PID()))
			if err != nil {
				return err
			}
			defer ns.Close()
			if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
				return fmt.Errorf("enter the network of the host: %w", err)
			}
			return f()
		}()
	}()
	return <-ended
}

// dial connects to an address in the host's network.
func (h host) dial(address string) (conn net.Conn, err error) {
	err = h.inNetwork(func() error {
		conn, err = net.Dial("tcp", address)
		return err
	})
	return conn, err
}

// serve serves in the host's network, on loopback, until the test ends, and
// gives the port. With a nil config it is plain HTTP.
func (h host) serve(config *tls.Config, handler http.Handler) (port string) {
	h.t.Helper()
	var listener net.Listener
	if err := h.inNetwork(func() (err error) {
		listener, err = net.Listen("tcp", "127.0.0.1:0")
		return err
	}); err != nil {
		h.t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		h.t.Fatal(err)
	}
	if config != nil {
		listener = tls.NewListener(listener, config)
	}
	// Handshakes fail and clients hang up on purpose.
	server := &http.Server{Handler: handler, ErrorLog: log.New(io.Discard, "", 0)}
	go server.Serve(listener)
	h.t.Cleanup(func() { server.Close() })
	return port
}

// tree is the directory that the lab's own release server serves.
func tree(t *testing.T) string {
	t.Helper()
	cache, err := lab.OpenCache(os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := cache.Releases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// authority is a test's own certificate authority.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// trustedAuthority is an authority that the host also trusts.
func (h host) trustedAuthority() authority {
	h.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		h.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority of a test"},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		h.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		h.t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	h.run("cat >>/etc/ssl/certs/ca-certificates.crt <<'END'\n" + strings.TrimSpace(string(text)) + "\nEND")
	return authority{cert, key}
}

// certificate is one for name until a time.
func (a authority) certificate(t *testing.T, name string, until time.Time, signed signature) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: until,
	}
	parent, signer := a.cert, a.key
	if signed == byItself {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// signature is who signs a certificate.
type signature int

const (
	byAuthority signature = iota
	byItself
)
