package release_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"runsc-provisioner/provision/download"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/test/fakerunsc"
	"runsc-provisioner/test/releases"
)

func lengthOf(b []byte) string { return strconv.Itoa(len(b)) }

func TestFault_D09_Redirects(t *testing.T) {
	for fault, says := range map[string]string{"redirect-http": "not https", "redirect-loop": "more than 5 redirects", "redirect-other": "another host, other.lab"} {
		t.Run(fault, func(t *testing.T) {
			r := newRig(t)
			r.publish(t, fakerunsc.Zstd)
			refused[*release.RefusedError](t, r, r.spec(wanted, fault), says)
			if got := r.asked(".sha512"); got > 6 {
				t.Errorf("asked %d times, want 6 at most", got)
			}
		})
	}
	t.Run("to a host that is allowed", func(t *testing.T) {
		r := newRig(t)
		r.publish(t, fakerunsc.Zstd)
		ca := newAuthority(t)
		spec, client := r.serveTLS(t, &tls.Config{Certificates: []tls.Certificate{ca.issue(t, loopback, tomorrow(), releases.OtherHost)}}, ca.roots())
		address := strings.TrimPrefix(spec.URL, "https://")
		address, _, _ = strings.Cut(address, "/")
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			t.Fatal(err)
		}
		client.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		}
		r.source.HTTP = client
		spec.URL = releases.URL("https://"+address, "redirect-other")
		spec.RedirectHosts = []string{strings.ToUpper(releases.OtherHost) + ":" + port}
		mustInstall(t, r, spec)
	})
}

var loopback = net.IPv4(127, 0, 0, 1)

func tomorrow() time.Time { return time.Now().Add(24 * time.Hour) }

// serveTLS serves the tree with the test's TLS configuration.
func (r *rig) serveTLS(t *testing.T, config *tls.Config, roots *x509.CertPool) (release.Spec, *http.Client) {
	t.Helper()
	server := httptest.NewUnstartedServer(releases.Handler(r.tree))
	server.TLS = config
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes are meant to fail
	server.StartTLS()
	t.Cleanup(server.Close)
	spec := r.spec(wanted, "")
	spec.URL = releases.URL(server.URL, "")
	return spec, download.Client(quick().Download, roots)
}

func TestFault_D10_ServerHasTheWrongCertificate(t *testing.T) {
	ca := newAuthority(t)
	good := ca.issue(t, loopback, tomorrow())
	tests := map[string]struct {
		config *tls.Config
		roots  *x509.CertPool
		says   string
	}{
		"expired":       {&tls.Config{Certificates: []tls.Certificate{ca.issue(t, loopback, time.Now().Add(-time.Hour))}}, ca.roots(), "expired"},
		"self-signed":   {&tls.Config{Certificates: []tls.Certificate{good}}, x509.NewCertPool(), "unknown authority"},
		"wrong host":    {&tls.Config{Certificates: []tls.Certificate{ca.issue(t, net.IPv4(127, 0, 0, 9), tomorrow())}}, ca.roots(), "not 127.0.0.1"},
		"TLS below 1.2": {&tls.Config{Certificates: []tls.Certificate{good}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, ca.roots(), "protocol version"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.publish(t, fakerunsc.Zstd)
			spec, client := r.serveTLS(t, test.config, test.roots)
			r.source.HTTP = client
			refused[*release.RefusedError](t, r, spec, test.says)
		})
	}
	t.Run("the right certificate", func(t *testing.T) {
		r := newRig(t)
		r.publish(t, fakerunsc.Zstd)
		spec, client := r.serveTLS(t, &tls.Config{Certificates: []tls.Certificate{good}}, ca.roots())
		r.source.HTTP = client
		mustInstall(t, r, spec)
	})
	t.Run("plain http instead of https", func(t *testing.T) {
		r := newRig(t)
		server := httptest.NewServer(releases.Handler(r.tree))
		defer server.Close()
		r.source.HTTP = download.Client(quick().Download, ca.roots())
		spec := r.spec(wanted, "")
		spec.URL = releases.URL("https"+strings.TrimPrefix(server.URL, "http"), "")
		refused[*release.RefusedError](t, r, spec, "does not look like a TLS handshake")
	})
}

func TestFault_D19_PlainHTTP(t *testing.T) {
	r := newRig(t)
	spec := r.spec(wanted, "")
	spec.URL = "http://user:secret@releases.test/gvisor/releases"
	refused[*release.SpecError](t, r, spec, "http://releases.test", "not https")
	_, err := r.install(t, spec)
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("got %q, want no credentials in it", err)
	}
	if len(r.requests) != 0 {
		t.Errorf("got requests %q, want none", r.requests)
	}
}
