package e2e

import (
	"crypto/tls"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"runsc-provisioner/test/lab"
	"runsc-provisioner/test/proxy"
	"runsc-provisioner/test/releases"
)

// olderHost is a host that runs its containers in the older release. A failed download must not change it.
func olderHost(t *testing.T, o lab.Options) host {
	t.Helper()
	h := boot(t, o)
	h.run("runsc-provisioner apply --default-runtime --release " + older)
	return h
}

// refuses runs a command that must exit with code, print all of parts, and leave the host unchanged.
func (h host) refuses(code int, command string, parts ...string) lab.Result {
	h.t.Helper()
	before := h.snapshot()
	r := h.exit(code, command)
	says(h.t, r, parts...)
	h.untouched(before)
	if left := h.run("ls -A " + store + " | grep staging || true"); left != "" {
		h.t.Errorf("%s: got %s left in the store", command, left)
	}
	return r
}

func TestFault_D09_RedirectsElsewhere(t *testing.T) {
	h := olderHost(t, lab.Options{})
	upgrade := func(fault string) string {
		return "runsc-provisioner apply --release " + newer + " --url https://releases.lab/fault-" + fault + "/gvisor/releases"
	}
	h.refuses(65, upgrade("redirect-http"), "which is not https")
	h.refuses(65, upgrade("redirect-loop"), "more than 5 redirects")
	h.refuses(65, upgrade("redirect-other"), "another host, other.lab")
	h.run("printf '[release]\\nredirect_hosts = [\"other.lab\"]\\n' >/etc/runsc-provisioner/config.d/20-mirror.toml")
	h.refuses(65, upgrade("redirect-http"), "which is not https")
	h.run(upgrade("redirect-other"))
	if got := h.run("readlink " + link); got != store+"/"+newer+"/runsc" {
		t.Errorf("got link %s, want the release from the host that is allowed", got)
	}
}

func TestFault_D10_ServersWithAWrongIdentity(t *testing.T) {
	h := olderHost(t, lab.Options{})
	ca := h.trustedAuthority()
	tomorrow := time.Now().Add(24 * time.Hour)
	handler := releases.Handler(tree(t))
	upgrade := func(config *tls.Config) string {
		return "runsc-provisioner apply --release " + newer + " --url https://releases.lab:" + h.serve(config, handler) + "/gvisor/releases"
	}
	certificate := func(name string, until time.Time, signed signature) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{ca.certificate(t, name, until, signed)}}
	}
	for _, test := range []struct {
		name   string
		config *tls.Config
		says   string
	}{
		{"expired", certificate("releases.lab", time.Now().Add(-time.Hour), byAuthority), "certificate has expired"},
		{"self-signed", certificate("releases.lab", tomorrow, byItself), "unknown authority"},
		{"wrong host", certificate("other.lab", tomorrow, byAuthority), "not releases.lab"},
	} {
		t.Run(test.name, func(t *testing.T) { h.refuses(65, upgrade(test.config), "releases.lab", test.says) })
	}
	t.Run("TLS below 1.2", func(t *testing.T) {
		old := certificate("releases.lab", tomorrow, byAuthority)
		old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
		h.refuses(65, upgrade(old), "releases.lab", "protocol version")
	})
	t.Run("no TLS at all", func(t *testing.T) { h.refuses(65, upgrade(nil), "does not look like a TLS handshake") })
	// This succeeds, so the authority was not the reason.
	h.run(upgrade(certificate("releases.lab", tomorrow, byAuthority)))
}

func TestFault_D11_AProxyThatWantsCredentials(t *testing.T) {
	h := olderHost(t, lab.Options{})
	const password = "hunter2"
	p := &proxy.Proxy{User: "agent", Password: password, Dial: func() (net.Conn, error) { return h.dial("127.0.0.1:443") }}
	port := h.serve(nil, p)
	// The proxy is the only way to the server.
	h.run("sed -i 's/ releases.lab//' /etc/hosts")
	upgrade := func(password string) string {
		return "HTTPS_PROXY=http://agent:" + password + "@127.0.0.1:" + port + " runsc-provisioner apply -v --release " + newer
	}
	h.refuses(75, "runsc-provisioner apply --release "+newer, "releases.lab")
	results := []lab.Result{
		h.refuses(75, upgrade(password+"x"), "Proxy Authentication Required"),
		h.exit(0, upgrade(password)),
	}
	for _, r := range results {
		if strings.Contains(r.Stdout+r.Stderr, password) || strings.Contains(r.Stdout+r.Stderr, p.Encoded()) {
			t.Errorf("got %v\nwant it without the password", r)
		}
	}
	if p.Tunnels() == 0 || p.Refused() == 0 {
		t.Errorf("got %d tunnels and %d refused, want some of each", p.Tunnels(), p.Refused())
	}
	for _, text := range []string{password, p.Encoded()} {
		if found := h.run("grep -rl --exclude-dir=.archive -e " + text + " /etc /run/log /var/log /var/lib/runsc-provisioner " + store + "/*/manifest.json || true"); found != "" {
			t.Errorf("got the password in %s, want it nowhere", found)
		}
	}
	if got := h.run("readlink " + link); got != store+"/"+newer+"/runsc" {
		t.Errorf("got link %s, want the release that came through the proxy", got)
	}
}

func TestFault_D18_NoRoomOrNoWriting(t *testing.T) {
	h := boot(t, lab.Options{})
	h.run("mkdir -p " + store)
	apply := "runsc-provisioner apply --default-runtime --release " + newer
	t.Run("no room, detected before the download", func(t *testing.T) {
		h.run("mount -t tmpfs -o size=64m,mode=755 tmpfs " + store)
		h.refuses(1, apply, store, " MiB needed, 64 MiB free")
		h.run("umount " + store)
	})
	t.Run("read-only", func(t *testing.T) {
		h.run("mount --bind " + store + " " + store + " && mount -o remount,bind,ro " + store)
		h.refuses(78, apply, store, "read-only file system")
		h.run("umount " + store)
	})
	t.Run("no room, detected in the middle", func(t *testing.T) {
		h.run("mount -t tmpfs -o size=400m,mode=755 tmpfs " + store)
		p := h.pausedReleases()
		before := h.snapshot()
		type outcome struct {
			lab.Result
			error
		}
		ended := make(chan outcome, 1)
		go func() {
			r, err := h.Run(t.Context(), "sh", "-c", apply+" --url "+p.url)
			ended <- outcome{r, err}
		}()
		<-p.arrived
		h.run("fallocate -l $(($(stat -f -c '%a * %S' " + store + ") - 20 * 1048576)) " + store + "/filler")
		close(p.goOn)
		got := <-ended
		if got.error != nil || got.Code != 1 {
			t.Errorf("got %v, %v, want exit 1", got.Result, got.error)
		}
		says(t, got.Result, store, "needed, ", "free")
		if left := h.run("ls -A " + store); left != "filler" {
			t.Errorf("got %q in the store, want nothing of ours", left)
		}
		h.run("rm " + store + "/filler")
		h.untouched(before)
		h.run("umount " + store)
	})
	h.run(apply)
}

// paused is a release server that stops in the middle of every artifact.
type paused struct {
	url     string
	arrived chan struct{} // closed when the first one arrives
	goOn    chan struct{} // closed by the test
	asked   chan struct{} // gets one for each request of an artifact
}

func (h host) pausedReleases() *paused {
	h.t.Helper()
	p := &paused{arrived: make(chan struct{}), goOn: make(chan struct{}), asked: make(chan struct{}, 100)}
	well := releases.Handler(tree(h.t))
	ca := h.trustedAuthority()
	config := &tls.Config{Certificates: []tls.Certificate{ca.certificate(h.t, "releases.lab", time.Now().Add(24*time.Hour), byAuthority)}}
	port := h.serve(config, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".sha512") {
			well.ServeHTTP(w, r)
			return
		}
		p.asked <- struct{}{}
		well.ServeHTTP(&pausedWriter{ResponseWriter: w, paused: p, first: len(p.asked) == 1, ended: r.Context().Done()}, r)
	}))
	p.url = "https://releases.lab:" + port + "/gvisor/releases"
	return p
}

type pausedWriter struct {
	http.ResponseWriter
	paused  *paused
	first   bool
	ended   <-chan struct{}
	written int
}

// pauseAfter is where a download pauses, in bytes.
const pauseAfter = 8 << 20

func (w *pausedWriter) Write(b []byte) (int, error) {
	if w.written < pauseAfter && w.written+len(b) >= pauseAfter {
		if w.first {
			close(w.paused.arrived)
		}
		select {
		case <-w.paused.goOn:
		case <-w.ended:
			return 0, os.ErrClosed
		}
	}
	w.written += len(b)
	return w.ResponseWriter.Write(b)
}
