package installer

import (
	"bytes"
	"context"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	ossignal "os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// serve serves a release over TLS, and tells curl to trust its certificate. The answer for the file named faulty is
// the fault.
func (b bench) serve(r Release, faulty string, fault http.HandlerFunc) (url string) {
	b.t.Helper()
	handler := func(w http.ResponseWriter, request *http.Request) {
		name := strings.TrimPrefix(request.URL.Path, "/v1/")
		if fault != nil && name == faulty {
			fault(w, request)
			return
		}
		if text, has := r[name]; has {
			_, _ = w.Write(text)
			return
		}
		http.NotFound(w, request)
	}
	server := httptest.NewTLSServer(http.HandlerFunc(handler))
	b.t.Cleanup(server.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	b.t.Setenv("CURL_CA_BUNDLE", b.key("ca.pem", ca))
	return server.URL + "/v1"
}

func needs(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skip(err)
	}
}

func TestDownload(t *testing.T) {
	needs(t, "curl")
	keys := newKeys()
	onEachShell(t, func(t *testing.T, shell []string) {
		b := newBench(t, keys)
		url := b.serve(Packages().Signed(t, b.keys.Good()), "", nil)
		good := b.run(shell, "--dry-run", "--from", url)
		good.want(t, 0, "signature  good", "checksum   good", "would run: apt-get")
		b.run(shell, "--dry-run", "--from", url+"/other").want(t, 75, "404", "could not be downloaded")
		other := strings.Replace(url, "127.0.0.1", "localhost", 1)
		b.run(shell, "--dry-run", "--from", other).want(t, 75, "certificate")
	})
}

// A fault of the server, while it sends the package.
func TestDownloadFaults(t *testing.T) {
	needs(t, "curl")
	keys := newKeys()
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "not encrypted\n")
	}))
	defer plain.Close()
	for _, c := range []struct {
		name  string
		file  string
		fault http.HandlerFunc
		code  int
		out   string
	}{
		{"redirected to plain http", DebAMD64, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, plain.URL, http.StatusFound)
		}, 75, "could not be downloaded"},
		{"redirected for ever", DebAMD64, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
		}, 75, "could not be downloaded"},
		{"cut off", DebAMD64, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, "the first bytes")
		}, 75, "could not be downloaded"},
		{"a page with status 200", DebAMD64, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "<html>sign in</html>")
		}, 65, "SHA-256"},
		{"checksums without end", "SHA256SUMS", func(w http.ResponseWriter, r *http.Request) {
			for _, err := w.Write(make([]byte, 4096)); err == nil && r.Context().Err() == nil; {
				_, err = w.Write(make([]byte, 4096))
			}
		}, 65, "larger than 64 KiB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			onEachShell(t, func(t *testing.T, shell []string) {
				b := newBench(t, keys)
				url := b.serve(Packages().Signed(t, b.keys.Good()), c.file, c.fault)
				b.run(shell, "--dry-run", "--from", url).want(t, c.code, c.out)
			})
		})
	}
}

// A signal in the middle of a download ends it at once, and nothing is left.
func TestInterrupted(t *testing.T) {
	needs(t, "curl")
	keys := newKeys()
	for signal, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143, syscall.SIGHUP: 129} {
		t.Run(signal.String(), func(t *testing.T) {
			if ossignal.Ignored(signal) {
				t.Skip("this signal is ignored here, as under nohup, and a shell cannot trap it then")
			}
			onEachShell(t, func(t *testing.T, shell []string) {
				b := newBench(t, keys)
				asked, gone := make(chan struct{}), make(chan struct{})
				stall := func(_ http.ResponseWriter, r *http.Request) {
					close(asked)
					<-r.Context().Done() // curl has closed the connection
					close(gone)
				}
				url := b.serve(Packages().Signed(t, b.keys.Good()), DebAMD64, stall)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				command := b.command(ctx, shell, "--dry-run", "--from", url)
				if err := command.Start(); err != nil {
					t.Fatal(err)
				}
				<-asked
				ended := make(chan error, 1)
				go func() { ended <- command.Wait() }()
				interrupt(command.Process, signal, ended)
				<-gone
				if got := command.ProcessState.ExitCode(); got != code {
					t.Errorf("exit %d, want %d", got, code)
				}
				b.empty()
			})
		})
	}
}

// interrupt sends a signal until the shell has ended: one that comes just before the shell begins to wait may be acted on
// only after that. People press Ctrl-C again, too.
func interrupt(shell *os.Process, signal syscall.Signal, ended <-chan error) {
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		_ = shell.Signal(signal) // fails once it has ended
		select {
		case <-ended:
			return
		case <-again.C:
		}
	}
}

// onlyWith is a PATH with the fakes and some programs of this machine.
func (b bench) onlyWith(programs ...string) {
	b.t.Helper()
	dir := b.t.TempDir()
	for _, name := range programs {
		path, err := exec.LookPath(name)
		if err != nil {
			b.t.Skip(err)
		}
		if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
			b.t.Fatal(err)
		}
	}
	b.t.Setenv("PATH", dir)
}

// basic are the programs of coreutils and the like that install.sh takes for granted.
func basic() []string {
	return strings.Fields("sh cat chmod rm mv cp sed head tr wc id uname grep base64 sha256sum timeout dash")
}

func TestWithoutCurl(t *testing.T) {
	dash := []string{"dash"}
	b := newBench(t, newKeys())
	url := b.serve(Packages().Signed(t, b.keys.Good()), "", nil)
	b.onlyWith(append(basic(), "gpgv")...)
	b.withoutSbin()
	b.run(dash, "--dry-run", "--from", url).want(t, 78, "neither curl nor GNU wget")
	b.fake("wget", "echo 'BusyBox v1.37.0 multi-call binary.'; exit 1")
	b.run(dash, "--dry-run", "--from", url).want(t, 78, "neither curl nor GNU wget")
}

// The certificate of this server is not among those of the system, so wget must refuse it. install.sh does not read
// a .wgetrc that says otherwise.
func TestWget(t *testing.T) {
	b := newBench(t, newKeys())
	url := b.serve(Packages().Signed(t, b.keys.Good()), "", nil)
	rc := b.key("wgetrc", []byte("check_certificate = off\n"))
	t.Setenv("WGETRC", rc)
	b.onlyWith(append(basic(), "gpgv", "wget")...)
	b.withoutSbin()
	b.run([]string{"dash"}, "--dry-run", "--from", url).want(t, 75, "ertificate", "could not be downloaded")
}

// withoutSbin keeps the script from adding directories of this machine to PATH.
func (b *bench) withoutSbin() {
	b.t.Helper()
	text, err := os.ReadFile(b.script)
	if err != nil {
		b.t.Fatal(err)
	}
	b.script = b.key("install.sh", bytes.Replace(text, []byte("PATH=$PATH:/usr/sbin:/sbin"), []byte("PATH=$PATH"), 1))
}

// A signal while the package manager works ends neither it nor the script.
func TestInstallationIsNotInterrupted(t *testing.T) {
	b, dir := newBench(t, newKeys()), t.TempDir()
	Packages().Signed(t, b.keys.Good()).Write(t, dir)
	done := filepath.Join(t.TempDir(), "done")
	b.fake("id", "echo 0")
	b.fake("apt-get", "for s in HUP INT PIPE TERM; do kill -$s $PPID $$; done; echo \"$*\" >"+done)
	r := b.run([]string{"dash"}, "--from=file://"+dir)
	if text, err := os.ReadFile(done); err != nil || !strings.Contains(string(text), DebAMD64) {
		t.Errorf("apt-get did not end: %q, %v", text, err)
	}
	if r.code != 0 && !strings.Contains(r.out, "is installed, but does not run") { // this machine may not have it
		t.Errorf("exit %d\n%s", r.code, r.out)
	}
}
