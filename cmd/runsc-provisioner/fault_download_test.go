package main

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	neturl "net/url"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"runsc-provisioner/test/need"
	"runsc-provisioner/test/proxy"
	"runsc-provisioner/test/releases"
)

// The faults D: a host that runs the older release is told to install the newer
// one, from a server that misbehaves.

// refusesFault upgrades h from a server with this fault. apply must exit with code,
// print all of said, and change nothing.
func refusesFault(t *testing.T, h *fakeHost, fault string, code int, said ...string) {
	t.Helper()
	h.refuses(code, said, "apply", "--release="+newer, url(fault))
}

const artifactName = "gvisor.tar.zstd"

func TestFault_D01_APageInPlaceOfAReleaseIsRefused(t *testing.T) {
	t.Parallel()
	h := olderHost(t)
	refusesFault(t, h, "html404", exitRefusedData, "error: fetch https://example.com/fault-html404/gvisor/releases/release/"+newer, "404")
	refusesFault(t, h, "html403", exitRefusedData, "error: fetch https://example.com/fault-html403/gvisor/releases/release/"+newer, "403")
	h.refuses(exitRefusedData, []string{"release/20991231.0/", "no release found"}, "apply", "--release=20991231.0")
}

func TestFault_D02_ACaptivePortalIsRefused(t *testing.T) {
	t.Parallel()
	refusesFault(t, olderHost(t), "html200", exitRefusedData, "https://example.com/", "HTML page")
}

func TestFault_D03_AServerThatFailsIsTriedAFewTimes(t *testing.T) {
	t.Parallel()
	h := olderHost(t)
	for _, fault := range []string{"500", "reset"} {
		asked := h.bucket.requestCount(artifactName) + h.bucket.requestCount(".sha512")
		refusesFault(t, h, fault, exitTryAgain, "gave up after", "hint: ")
		if got := h.bucket.requestCount(artifactName) + h.bucket.requestCount(".sha512") - asked; got < h.limits.Download.Tries {
			t.Errorf("%s: got %d requests, want %d tries", fault, got, h.limits.Download.Tries)
		}
	}
	h.bucket.server.Close()
	refusesFault(t, h, "", exitTryAgain, "connection refused")
}

func TestFault_D04_RetryAfterIsHonouredUpToItsCap(t *testing.T) {
	t.Parallel()
	h := olderHost(t)
	refusesFault(t, h, "429-day", exitTryAgain, "gave up after 1 try", "24h0m0s")
	h.limits.Download.Tries = 2
	refusesFault(t, h, "429", exitTryAgain, "gave up after 2 tries", "asks to wait 1s")
	refusesFault(t, h, "503", exitTryAgain, "gave up after 2 tries", "asks to wait 1s")
}

func TestFault_D05_ABodyCutShortIsResumed(t *testing.T) {
	t.Parallel()
	h := olderHost(t)
	h.want(exitDone, "apply", "--release="+newer, url("cut"))
	if got := h.bucket.resumedCount(); got != 1 {
		t.Errorf("got %d requests with a Range, want 1", got)
	}
	if text := h.read("etc/docker/daemon.json"); !strings.Contains(text, h.runsc(newer)) {
		t.Errorf("got daemon.json %s, want runsc of %s", text, newer)
	}
}

func TestFault_D06_ABodyCutShortTwiceIsGivenUp(t *testing.T) {
	t.Parallel()
	refusesFault(t, olderHost(t), "short", exitTryAgain, "cannot resume")
}

func TestFault_D07_ABodyBeyondItsLimitIsRefused(t *testing.T) {
	t.Parallel()
	h := olderHost(t)
	refusesFault(t, h, "huge", exitRefusedData, "629145600 bytes announced, at most 33554432 accepted")
	refusesFault(t, h, "long", exitRefusedData, "more than the 33554432 bytes accepted")
}

func TestFault_D08_AServerThatTricklesIsGivenUp(t *testing.T) {
	t.Parallel()
	h := olderHost(t)
	h.limits.Download.Tries = 1
	usual := h.limits
	h.limits.Download.Window, h.limits.Download.MinRate = 100*time.Millisecond, 1<<10
	refusesFault(t, h, "slow", exitTryAgain, "too slow")
	h.limits = usual
	h.limits.Download.Total = 300 * time.Millisecond
	refusesFault(t, h, "slow", exitTryAgain, "not finished within 300ms")
}

func TestFault_D09_RedirectsElsewhereAreRefused(t *testing.T) {
	t.Parallel()
	h := olderHost(t)
	h.http = h.bucket.client(h.limits)
	// The server answers under every name.
	h.http.Transport.(*http.Transport).TLSClientConfig.ServerName = strings.TrimPrefix(origin, "https://")
	refusesFault(t, h, "redirect-http", exitRefusedData, "which is not https")
	refusesFault(t, h, "redirect-loop", exitRefusedData, "more than 5 redirects")
	refusesFault(t, h, "redirect-other", exitRefusedData, "another host, other.lab")

	h.write("etc/runsc-provisioner/config.d/20-mirror.toml", "[release]\nredirect_hosts = [\"other.lab\"]\n")
	refusesFault(t, h, "redirect-http", exitRefusedData, "which is not https")
	h.want(exitDone, "apply", "--release="+newer, url("redirect-other"))
	if text := h.read("etc/docker/daemon.json"); !strings.Contains(text, h.runsc(newer)) {
		t.Errorf("got daemon.json %s, want runsc of %s from the allowed host", text, newer)
	}
}

func TestFault_D10_AnUntrustedCertificateIsRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*tls.Config)
		says   string
	}{
		"self-signed": {func(c *tls.Config) { c.RootCAs = x509.NewCertPool() }, "certificate signed by unknown authority"},
		"expired":     {func(c *tls.Config) { c.Time = func() time.Time { return time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC) } }, "certificate has expired"},
		"wrong host":  {func(c *tls.Config) { c.ServerName = "releases.test" }, "not releases.test"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := olderHost(t)
			h.http = h.bucket.client(h.limits)
			test.change(h.http.Transport.(*http.Transport).TLSClientConfig)
			refusesFault(t, h, "", exitRefusedData, test.says)
		})
	}
	t.Run("TLS below 1.2", func(t *testing.T) {
		t.Parallel()
		h := olderHost(t)
		old := httptest.NewUnstartedServer(releases.Handler(h.bucket.dir))
		old.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
		old.Config.ErrorLog = log.New(io.Discard, "", 0) // the handshakes fail on purpose
		old.StartTLS()
		defer old.Close()
		h.bucket.server = old
		refusesFault(t, h, "", exitRefusedData, "protocol version")
	})
}

func TestFault_D11_CredentialsOfAProxyAreNotPrinted(t *testing.T) {
	t.Parallel()
	h := olderHost(t)
	p := &proxy.Proxy{User: "agent", Password: secret, Dial: func() (net.Conn, error) { return net.Dial("tcp", h.bucket.server.Listener.Addr().String()) }}
	server := httptest.NewServer(p)
	defer server.Close()
	through := func(password string) {
		h.http = h.bucket.client(h.limits)
		transport := h.http.Transport.(*http.Transport)
		transport.DialContext = nil
		transport.Proxy = http.ProxyURL(&neturl.URL{Scheme: "http", User: neturl.UserPassword("agent", password), Host: server.Listener.Addr().String()})
	}
	through("not " + secret)
	before := h.snapshot()
	got := []outcome{h.want(exitTryAgain, "apply", "-v", "--release="+newer)}
	h.untouched(before)
	through(secret)
	got = append(got, h.want(exitDone, "apply", "-v", "--release="+newer))
	for _, o := range got {
		if strings.Contains(o.stdout+o.stderr, secret) || strings.Contains(o.stdout+o.stderr, p.Encoded()) {
			t.Errorf("got %v\nwant it without the password", o)
		}
	}
	if p.Tunnels() == 0 || p.Refused() == 0 {
		t.Errorf("got %d tunnels and %d refused, want some of each", p.Tunnels(), p.Refused())
	}
}

func TestFault_D12_AnotherDigestIsRefused(t *testing.T) {
	t.Parallel()
	h := olderHost(t)
	for _, fault := range []string{"bitflip", "badsum-empty", "badsum-malformed", "badsum-othername", "badsum-wrong"} {
		refusesFault(t, h, fault, exitRefusedData, "https://example.com/fault-"+fault, artifactName)
	}
}

func TestFault_D12_AnotherDigestThanThePinnedOneIsRefused(t *testing.T) {
	t.Parallel()
	h := olderHost(t)
	h.write("etc/runsc-provisioner/config.toml", "[release]\nsha512 = { \""+artifactName+"\" = \""+strings.Repeat("ab", 64)+"\" }\n")
	refusesFault(t, h, "", exitRefusedData, "pinned abab")
	if got := h.run("verify"); !strings.Contains(got.stdout, "release.sha512") {
		t.Errorf("got %v, want it to name the pins", got)
	}
}

func TestFault_D19_PlainHTTPIsRefused(t *testing.T) {
	t.Parallel()
	h := olderHost(t)
	h.refuses(exitRefused, []string{"command line: release.url", "not https"}, "apply", "--url=http://example.com/gvisor/releases")
	h.refuses(exitRefused, []string{"command line: release.url", "not https"}, "plan", "--url=http://example.com/gvisor/releases")
	h.write("etc/runsc-provisioner/config.d/90-mirror.toml", "[release]\nurl = \"http://example.com\"\n")
	h.refuses(exitRefused, []string{"/config.d/90-mirror.toml: release.url", "not https"}, "config", "check")
}

func TestFault_D18_AStoreWithoutRoomOrReadOnlyIsRefused(t *testing.T) {
	need.Root(t)
	t.Parallel()
	for name, test := range map[string]struct {
		size string
		flag uintptr
		code int
		said []string
	}{
		"no room":   {"size=1m", 0, exitFailed, []string{"/usr/local/lib/gvisor/", "needed, ", "free", "hint: make room"}},
		"read-only": {"size=64m", unix.MS_RDONLY, exitRefused, []string{"/usr/local/lib/gvisor", "read-only file system", "[paths]"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := freshHost(t, "{}")
			if err := os.MkdirAll(h.paths.Store, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := unix.Mount("tmpfs", h.paths.Store, "tmpfs", test.flag, test.size+",mode=0755"); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = unix.Unmount(h.paths.Store, unix.MNT_DETACH) })
			h.refuses(test.code, test.said, "apply", "--default-runtime", "--release="+newer)
		})
	}
}

// A converged host needs no network.
func TestApply_OnAConvergedHostNeedsNoServer(t *testing.T) {
	t.Parallel()
	h := olderHost(t)
	h.bucket.server.Close()
	before := h.snapshot()
	got := h.want(exitDone, "apply")
	h.untouched(before)
	if !strings.Contains(got.stdout, "nothing to do") {
		t.Errorf("got %v, want nothing to do", got)
	}
}
