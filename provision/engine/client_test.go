package engine

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"runsc-provisioner/test/fakedockerd"
)

func TestInfo(t *testing.T) {
	tests := []struct {
		situation string
		dir       string
		min, max  int
		want      Info
	}{
		{
			situation: "20.10, remapped, live restore, a paused container",
			dir:       "api-1.41", min: 12, max: 41,
			want: Info{
				Version: "20.10.24+dfsg1", OSType: "linux", Architecture: "x86_64", DefaultRuntime: "runsc",
				Runtimes: map[string]Runtime{
					"io.containerd.runc.v2":          {Path: "runc"},
					"io.containerd.runtime.v1.linux": {Path: "runc"},
					"runc":                           {Path: "runc"},
					"runsc":                          {Path: "/usr/local/lib/gvisor/20260914.0/runsc", Args: []string{"--ignore-cgroups"}},
				},
				UsernsRemap: true, LiveRestore: true, RootDir: "/var/lib/docker/100000.100000", StorageDriver: "overlay2", CgroupDriver: "systemd", LoggingDriver: "json-file", Labels: []string{}, Running: 2,
			},
		},
		{
			situation: "29, rootless, a runtime by shim type",
			dir:       "api-1.52", min: 44, max: 52,
			want: Info{
				Version: "29.1.3", OSType: "linux", Architecture: "aarch64", DefaultRuntime: "runc",
				Runtimes: map[string]Runtime{
					"io.containerd.runc.v2": {Path: "runc"},
					"runc":                  {Path: "runc"},
					"gv":                    {Type: "io.containerd.runsc.v1"},
					"runsc":                 {Path: "/usr/local/lib/gvisor/20260914.0/runsc"},
				},
				Rootless: true, RootDir: "/var/lib/docker", StorageDriver: "overlayfs", CgroupDriver: "systemd", LoggingDriver: "json-file", Labels: []string{}, Running: 2, Snapshotter: true,
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.situation, func(t *testing.T) {
			f := newFakeDockerd(t, tt.min, tt.max)
			f.recorded("/info", tt.dir+"/info.json")
			got, err := f.open().Info(t.Context())
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v, %v\nwant %+v", got, err, tt.want)
			}
		})
	}
}

func TestMalformedInfo(t *testing.T) {
	tests := []struct {
		situation string
		answer    http.HandlerFunc
		want      string // in the error
	}{
		{"an error of dockerd", func(w http.ResponseWriter, r *http.Request) { fakedockerd.Refuse(w, 500, "no space left") }, "no space left"},
		{"an endless error", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(500)
			io.WriteString(w, strings.Repeat("x", maxRefusal*4))
		}, "xxx"},
		{"not JSON", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "<html>") }, "invalid character"},
		{"other JSON", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, `{"Version":"1"}`) }, "has no version"},
		{"cut short", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, `{"ServerVersion":"29`)
		}, "unexpected EOF"},
		{"larger than accepted", func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, `{"ServerVersion":"`)
			for range 2 * maxAnswer >> 10 {
				io.WriteString(w, strings.Repeat("x", 1<<10))
			}
		}, errTooLarge.Error()},
	}
	for _, tt := range tests {
		t.Run(tt.situation, func(t *testing.T) {
			f := newFakeDockerd(t, 44, 52)
			f.HandleFunc("/info", tt.answer)
			_, err := f.open().Info(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got error %v, want one with %q", err, tt.want)
			}
			if len(err.Error()) > 2*maxRefusal {
				t.Errorf("got an error of %d bytes, want at most %d", len(err.Error()), 2*maxRefusal)
			}
		})
	}
}

func TestSocketsThatDoNotAnswer(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "docker.sock")
	c, err := Open(missing)
	if err != nil {
		t.Fatalf("Open must not connect: got %v, want nil", err)
	}
	if _, err := c.Info(t.Context()); err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("no socket: got %v, want an error that names %s", err, missing)
	}

	dead := filepath.Join(t.TempDir(), "docker.sock")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: dead})
	if err != nil {
		t.Fatal(err)
	}
	listener.SetUnlinkOnClose(false)
	listener.Close()
	c, err = Open(dead)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Info(t.Context()); err == nil {
		t.Error("no listener: got nil, want an error")
	}

	failing := newFakeDockerd(t, 12, 41)
	failing.HandleFunc("/_ping", func(w http.ResponseWriter, r *http.Request) { fakedockerd.Refuse(w, 500, "shutting down") })
	if _, err := failing.open().Info(t.Context()); err == nil || !strings.Contains(err.Error(), "shutting down") {
		t.Errorf("dockerd refuses: got %v, want its message", err)
	}
}

func TestVersionIsAgreedOnOnceAndItsFailureShown(t *testing.T) {
	f := newFakeDockerd(t, 12, 41)
	f.recorded("/info", "api-1.41/info.json")
	c := f.open()
	for range 3 {
		if _, err := c.Info(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := f.Pings(); got != 1 {
		t.Errorf("got %d pings for three requests, want 1", got)
	}

	old := newFakeDockerd(t, 12, 39)
	if _, err := old.open().Info(t.Context()); err == nil || !strings.Contains(err.Error(), "1.39 is not supported") {
		t.Errorf("older than 20.10: got %v, want that 1.39 is not supported", err)
	}

	other := newFakeDockerd(t, 12, 41)
	other.HandleFunc("/_ping", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "OK") })
	if _, err := other.open().Info(t.Context()); err == nil || !strings.Contains(err.Error(), "not from dockerd") {
		t.Errorf("another server: got %v, want that it is not dockerd", err)
	}
}

func TestEnvironmentOfTheDockerCommandIsNotUsed(t *testing.T) {
	t.Setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
	t.Setenv("DOCKER_API_VERSION", "1.24")
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	f := newFakeDockerd(t, 44, 52)
	f.recorded("/info", "api-1.52/info.json")
	if _, err := f.open().Info(t.Context()); err != nil {
		t.Errorf("got %v, want nil", err)
	}
}

func TestFault_E07_HangingDockerdEndsWithTheContext(t *testing.T) {
	questions := map[string]func(*Client, context.Context) error{
		"/_ping":           func(c *Client, ctx context.Context) error { _, err := c.Info(ctx); return err },
		"/info":            func(c *Client, ctx context.Context) error { _, err := c.Info(ctx); return err },
		"/containers/json": func(c *Client, ctx context.Context) error { _, err := c.Containers(ctx); return err },
		"/events":          func(c *Client, ctx context.Context) error { _, errs := c.Events(ctx, time.Now()); return <-errs },
	}
	for path, ask := range questions {
		for _, begun := range []bool{false, true} {
			f := newFakeDockerd(t, 44, 52)
			ctx, cancel := context.WithCancel(t.Context())
			f.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
				if begun && path != "/_ping" {
					io.WriteString(w, map[bool]string{true: `[`, false: `{"ServerVersion":`}[path == "/containers/json"])
					w.(http.Flusher).Flush()
				}
				cancel()
				<-r.Context().Done()
			})
			if err := ask(f.open(), ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("%s, answer begun %t: got %v, want %v", path, begun, err, context.Canceled)
			}
		}
	}
}

func TestWaitForAnotherQuestionEndsWithTheContext(t *testing.T) {
	f := newFakeDockerd(t, 44, 52)
	asked, release := make(chan struct{}, 10), make(chan struct{})
	f.HandleFunc("/_ping", func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-release
	})
	c := f.open()
	first := make(chan error)
	go func() { _, err := c.Info(context.WithoutCancel(t.Context())); first <- err }()
	<-asked
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Info(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	close(release)
	<-first
}
