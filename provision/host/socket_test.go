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
	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/test/fakedockerd"
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

func TestCheckListener(t *testing.T) {
	const another = 7 // not this process
	snap := knownUnits{SnapUnit: {Name: SnapUnit, LoadState: "loaded", ActiveState: "active"}}
	restarted := knownUnits{DockerUnit: dockerUnit("active", os.Getpid())}
	for _, test := range []struct {
		name     string
		listener string
		units    knownUnits
		pid      int
		socket   string // "": the default
		refused  bool
		isSnap   bool
	}{
		{name: "the dockerd of docker.service", listener: "dockerd", pid: os.Getpid()},
		{name: "the dockerd of docker.service, beside the snap", listener: "dockerd", units: snap, pid: os.Getpid()},
		{name: "a proxy, or systemd for docker.socket", listener: "systemd", pid: another},
		{name: "the main process is unknown", listener: "dockerd", pid: 0},
		{name: "another dockerd", listener: "dockerd", pid: another, refused: true},
		{name: "the snap's dockerd", listener: "dockerd", units: snap, pid: another, refused: true, isSnap: true},
		{name: "restarted since systemd was asked", listener: "dockerd", units: restarted, pid: another},
		{name: "a socket that does not exist", listener: "dockerd", pid: another, socket: "unix:///no/such.sock"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := socketHost(t, test.listener, test.units)
			var flags commandline.Flags
			if test.socket != "" {
				flags.Hosts = []string{test.socket}
			}
			err := checkListener(t.Context(), h, dockerUnit("active", test.pid), flags)
			_, unreachable := errors.AsType[*blocked.Unreachable](err)
			if unreachable != test.refused || (err != nil) != test.refused || errors.Is(err, blocked.ErrSnap) != test.isSnap {
				t.Errorf("got %v, want refused %t, as a snap %t", err, test.refused, test.isSnap)
			}
		})
	}
}

// dockerd is asked while the process that listens is looked up.
func TestObserveEngine_AnotherDockerdListens(t *testing.T) {
	for name, answers := range map[string]bool{"it answers": true, "it is silent": false} {
		t.Run(name, func(t *testing.T) {
			h := socketHost(t, "dockerd", nil)
			if answers {
				other := fakedockerd.NewHost(t)
				h.Paths.Socket = other.Socket
			}
			for unit, refused := range map[int]bool{7: true, os.Getpid(): false} {
				if !refused && !answers {
					continue // it would be asked for as long as a dockerd may take
				}
				o := Observed{Unit: dockerUnit("active", unit)}
				err := h.ObserveEngine(t.Context(), config.Default(), &o, nil)
				_, unreachable := errors.AsType[*blocked.Unreachable](err)
				if unreachable != refused || (o.Engine != nil) == refused || errors.Is(err, context.Canceled) {
					t.Errorf("dockerd is process %d: got %v, an answer %t, want refused %t", unit, err, o.Engine != nil, refused)
				}
			}
		})
	}
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

func TestCheckUnit_Snap(t *testing.T) {
	snap := func(state string) knownUnits {
		return knownUnits{SnapUnit: {Name: SnapUnit, LoadState: "loaded", ActiveState: state}}
	}
	masked, missing := dockerUnit("inactive", 0), Unit{Name: DockerUnit, LoadState: "not-found", ActiveState: "inactive"}
	masked.LoadState = "masked"
	for _, test := range []struct {
		name  string
		unit  Unit
		units knownUnits
		want  error // nil: none
	}{
		{"docker.service alone, running", dockerUnit("active", 1), nil, nil},
		{"docker.service alone, stopped", dockerUnit("inactive", 0), nil, nil},
		{"docker.service alone, masked", masked, nil, blocked.ErrMasked},
		{"no Docker", missing, nil, blocked.ErrNotInstalled},
		{"the snap alone, running", missing, snap("active"), blocked.ErrSnap},
		{"the snap alone, stopped", missing, snap("inactive"), blocked.ErrSnap},
		{"both run", dockerUnit("active", 1), snap("active"), nil},
		{"docker.service starts beside the snap", dockerUnit("activating", 1), snap("active"), nil},
		{"docker.service stopped, the snap runs", dockerUnit("inactive", 0), snap("active"), blocked.ErrSnap},
		{"docker.service stopped, the snap starts", dockerUnit("inactive", 0), snap("activating"), blocked.ErrSnap},
		{"docker.service failed, the snap runs", dockerUnit("failed", 0), snap("active"), blocked.ErrSnap},
		{"docker.service masked, the snap runs", masked, snap("active"), blocked.ErrSnap},
		{"both stopped", dockerUnit("inactive", 0), snap("inactive"), nil},
		{"docker.service masked, the snap stopped", masked, snap("inactive"), blocked.ErrMasked},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := &Host{Units: test.units, Paths: Paths{Proc: t.TempDir()}}
			err := h.CheckUnit(t.Context(), test.unit)
			if !errors.Is(err, test.want) || test.want == nil && err != nil {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if _, unreachable := errors.AsType[*blocked.Unreachable](err); unreachable != (test.want != nil) {
				t.Errorf("got %T, want a *blocked.Unreachable: %t", err, test.want != nil)
			}
		})
	}
}
