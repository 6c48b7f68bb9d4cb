package host

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"runsc-provisioner/provision/blocked"
)

// knownUnits is a systemd with these units only.
type knownUnits map[string]Unit

func (k knownUnits) Unit(_ context.Context, name string) (Unit, error) {
	if u, found := k[name]; found {
		return u, nil
	}
	return Unit{Name: name, LoadState: "not-found", ActiveState: "inactive"}, nil
}

func (k knownUnits) Said(context.Context, string, time.Time) ([]string, error) { return nil, nil }

// socketHost is a host where this process listens on the default socket, under a name.
func socketHost(t *testing.T, name string, units knownUnits) *Host {
	t.Helper()
	// Not t.TempDir: the path of a socket has at most 107 bytes (unix(7)).
	dir, err := os.MkdirTemp("", "socket-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	h := &Host{Units: units, Paths: Paths{Proc: filepath.Join(dir, "proc"), DaemonJSON: filepath.Join(dir, "daemon.json"), Socket: filepath.Join(dir, "sock")}}
	self := filepath.Join(h.Paths.Proc, strconv.Itoa(os.Getpid()))
	if err := errors.Join(os.MkdirAll(self, 0o755), os.WriteFile(filepath.Join(self, "comm"), []byte(name+"\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", h.Paths.Socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return h
}

func dockerUnit(state string, pid int, argv ...string) Unit {
	return Unit{Name: DockerUnit, LoadState: "loaded", ActiveState: state, MainPID: pid, ExecStart: argv}
}

func TestCommandLine_HostsOfDaemonJSON(t *testing.T) {
	for _, test := range []struct {
		name   string
		text   string // "": no file
		unit   Unit
		want   []string
		socket string // "": none
	}{
		{name: "no file", unit: dockerUnit("inactive", 0, "/usr/bin/dockerd"), socket: "SOCK"},
		{name: "none in the file", text: `{}`, unit: dockerUnit("inactive", 0, "/usr/bin/dockerd"), socket: "SOCK"},
		{name: "a broken file", text: `{"hosts":`, unit: dockerUnit("inactive", 0, "/usr/bin/dockerd"), socket: "SOCK"},
		{name: "a wrong type", text: `{"hosts": "x"}`, unit: dockerUnit("inactive", 0, "/usr/bin/dockerd"), socket: "SOCK"},
		{
			name: "another socket", text: `{"hosts": ["tcp://0.0.0.0:2375", "unix:///a.sock"]}`, unit: dockerUnit("inactive", 0, "/usr/bin/dockerd"),
			want: []string{"tcp://0.0.0.0:2375", "unix:///a.sock"}, socket: "/a.sock",
		},
		{name: "no unix socket", text: `{"hosts": ["tcp://0.0.0.0:2375"]}`, unit: dockerUnit("inactive", 0, "/usr/bin/dockerd"), want: []string{"tcp://0.0.0.0:2375"}},
		{
			name: "a flag wins: dockerd does not start with both", text: `{"hosts": ["tcp://0.0.0.0:2375"]}`,
			unit: dockerUnit("inactive", 0, "/usr/bin/dockerd", "-H", "fd://"), want: []string{"fd://"}, socket: "SOCK",
		},
		{name: "not read yet: dockerd listens on the default", text: `{"hosts": ["tcp://0.0.0.0:2375"]}`, unit: dockerUnit("active", os.Getpid()), socket: "SOCK"},
		{name: "another process listens on the default", text: `{"hosts": ["tcp://0.0.0.0:2375"]}`, unit: dockerUnit("active", 7), want: []string{"tcp://0.0.0.0:2375"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := socketHost(t, "dockerd", nil)
			if test.text != "" {
				if err := os.WriteFile(h.Paths.DaemonJSON, []byte(test.text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if test.unit.MainPID != 0 {
				dir := filepath.Join(h.Paths.Proc, strconv.Itoa(test.unit.MainPID))
				if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "cmdline"), []byte("/usr/bin/dockerd\x00"), 0o644)); err != nil {
					t.Fatal(err)
				}
			}
			_, flags, err := h.CommandLine(test.unit)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(flags.Hosts, test.want) {
				t.Errorf("got hosts %q, want %q", flags.Hosts, test.want)
			}
			if err := h.CheckHosts(flags); errors.Is(err, blocked.ErrNoUnixSocket) != (test.socket == "") {
				t.Errorf("got %v, want the socket %q", err, test.socket)
			}
			want := test.socket
			if want == "" || want == "SOCK" {
				want = h.Paths.Socket
			}
			if got := h.Socket(flags); got != want {
				t.Errorf("got socket %s, want %s", got, want)
			}
		})
	}
}
