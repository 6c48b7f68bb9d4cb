package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/http/httputil"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/trial"
)

// TestTrialChild is not a test: TestFault_F01_TrialKilledAtEveryStep runs it as a separate process, and kills it.
func TestTrialChild(t *testing.T) {
	socket, program := os.Getenv("TRIAL_SOCKET"), os.Getenv("TRIAL_INIT")
	if socket == "" {
		t.Skip("only run by another test")
	}
	c, err := engine.Open(socket)
	if err != nil {
		t.Fatal(err)
	}
	started, err := trial.Start(t.Context(), c, trial.Spec{
		Name: trialOwn, Runtime: "runc", Init: program, Files: []trial.File{{Name: "data/file", Content: []byte("x")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := started.Line(t.Context()); err != nil {
		t.Error(err)
	}
	if files, err := started.Files(t.Context(), "/data"); err != nil || len(files) != 1 {
		t.Errorf("Files: got %v, %v, want one", files, err)
	}
	if _, _, err := started.Changes(t.Context()); err != nil {
		t.Error(err)
	}
	if err := started.End(t.Context()); err != nil {
		t.Error(err)
	}
}

// killingProxy passes a child's requests on to dockerd. It kills the child at one instant: before a request,
// while dockerd works on it, or after the answer.
type killingProxy struct {
	at     int32 // which instant; negative is none
	seen   atomic.Int32
	child  *exec.Cmd
	passed chan string // the instants, by name
	ended  chan struct{}
}

var trialID = regexp.MustCompile(`[0-9a-f]{64}|v1\.\d+/`)

// instant reports whether the child was killed at this instant.
func (p *killingProxy) instant(name string) (killed bool) {
	p.passed <- trialID.ReplaceAllString(name, "")
	if p.seen.Add(1)-1 != p.at {
		return false
	}
	p.child.Process.Kill()
	<-p.ended
	return true
}

// half is a body with an instant in its middle.
type half struct {
	io.ReadCloser
	left int
	then func() bool
}

func (h *half) Read(b []byte) (int, error) {
	n, err := h.ReadCloser.Read(b)
	if h.left -= n; h.left <= 0 && h.then != nil {
		then := h.then
		h.then = nil
		if then() {
			return 0, io.ErrUnexpectedEOF
		}
	}
	return n, err
}

// handler passes requests on to the dockerd behind a socket.
func (p *killingProxy) handler(dockerd string) http.Handler {
	pass := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "http", "docker" },
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", dockerd)
		}},
		ModifyResponse: func(r *http.Response) error {
			if p.instant("after " + r.Request.Method + " " + r.Request.URL.Path) {
				return errors.New("killed")
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { panic(http.ErrAbortHandler) },
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.Method + " " + r.URL.Path
		if p.instant("before " + name) {
			panic(http.ErrAbortHandler)
		}
		if r.Method == http.MethodPost || r.Method == http.MethodDelete {
			asked := &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { p.instant("during " + name) }}
			r = r.WithContext(httptrace.WithClientTrace(r.Context(), asked))
		}
		if strings.HasSuffix(name, "/images/create") {
			r.Body = &half{r.Body, 256 << 10, func() bool { return p.instant("in the middle of " + name) }}
		}
		pass.ServeHTTP(w, r)
	})
}

// run runs the child to its end or to the instant, and gives the names of the instants before it.
func (p *killingProxy) run(t *testing.T, dockerd, program string) []string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "docker.sock")
	p.passed, p.ended = make(chan string, 1000), make(chan struct{})
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	p.child = exec.Command(os.Args[0], "-test.run=^TestTrialChild$", "-test.v")
	p.child.Env = append(p.child.Environ(), "TRIAL_SOCKET="+socket, "TRIAL_INIT="+program)
	var said strings.Builder
	p.child.Stdout = &said
	if err := p.child.Start(); err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: p.handler(dockerd)}
	go server.Serve(listener)
	err = p.child.Wait()
	close(p.ended)
	server.Close()
	if p.at < 0 && (err != nil || !strings.Contains(said.String(), "--- PASS: TestTrialChild")) {
		t.Fatalf("the child that is not killed: %v\n%s", err, said.String())
	}
	var names []string
	for range len(p.passed) {
		names = append(names, <-p.passed)
	}
	return names
}

func TestFault_F01_TrialKilledAtEveryStep(t *testing.T) {
	onEachTrial(t, func(t *testing.T, h trialHost) {
		before := h.left()
		dockerd := h.Path("/run/docker.sock")
		all := (&killingProxy{at: -1}).run(t, dockerd, h.init)
		h.nothingNew(before)
		t.Logf("%d instants: %q", len(all), all)
		if len(all) < 15 {
			t.Fatalf("got %d instants, want at least 15", len(all))
		}
		for i := range all {
			passed := (&killingProxy{at: int32(i)}).run(t, dockerd, h.init)
			if len(passed) <= i {
				t.Logf("instant %d did not come", i)
				continue
			}
			began := time.Now()
			after := h.left()
			if err := trial.Remove(t.Context(), h.client, trialOwn); err != nil {
				t.Errorf("killed %s: %v", passed[i], err)
			}
			t.Logf("killed %s: left %d bytes of a list, gone after %v", passed[i], len(after)-len(before), time.Since(began))
			h.nothingNew(before)
			if t.Failed() {
				t.Fatalf("killed %s", passed[i])
			}
		}
		if err := trial.Remove(t.Context(), h.client, trialOwn); err != nil {
			t.Errorf("where nothing is left: %v", err)
		}
		h.nothingNew(before)
	})
}

// Without RemoveTrial, the image stays, but nothing runs.
func TestTrialEndsWithItsStarter(t *testing.T) {
	onEachTrial(t, func(t *testing.T, h trialHost) {
		p := &killingProxy{at: -1}
		all := p.run(t, h.Path("/run/docker.sock"), h.init)
		for i, name := range all {
			if !strings.HasPrefix(name, "after GET /containers//json") {
				continue
			}
			(&killingProxy{at: int32(i)}).run(t, h.Path("/run/docker.sock"), h.init)
			h.run(fmt.Sprintf("for i in $(seq 600); do [ -z \"$(docker ps -aq -f name=%s)\" ] && exit 0; sleep 0.1; done; docker ps -a; exit 1", trialOwn))
			if got := h.run("docker images -q " + trialOwn); got == "" {
				t.Error("the image is missing too: this test proves nothing")
			}
			return
		}
		t.Errorf("no instant after the start in %q", all)
	})
}
