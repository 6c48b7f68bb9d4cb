package systemd

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

func TestFault_E07_UnitIsAskedForAgainOnce(t *testing.T) {
	f := newFakeManager(t, "bus")
	c := dialFake(t, f)
	var asked atomic.Int32
	f.on("GetAll", func(f *fakeManager, p *fakePeer, m *dbus.Message) {
		if asked.Add(1) == 1 {
			p.Close()
			return
		}
		f.reply(p, m, map[string]dbus.Variant{"LoadState": dbus.MakeVariant("loaded")})
	})
	unit, err := c.Unit(t.Context(), "docker.service")
	if err != nil || unit.LoadState != "loaded" || asked.Load() != 2 {
		t.Errorf("got %+v, %v after %d questions, want a loaded unit after 2", unit, err, asked.Load())
	}
}

func TestFault_X11_ASilentManagerIsNotWaitedForForEver(t *testing.T) {
	f := newFakeManager(t, "systemd/private")
	c := dialFake(t, f)
	c.answersWithin = time.Millisecond
	f.on("GetAll", unanswered)
	f.on("Reload", unanswered)
	if _, err := c.Unit(t.Context(), "docker.service"); !errors.Is(err, ErrSilent) {
		t.Errorf("unit: got %v, want %v", err, ErrSilent)
	}
	if err := c.LoadUnits(t.Context()); !errors.Is(err, ErrSilent) {
		t.Errorf("daemon-reload: got %v, want %v", err, ErrSilent)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Unit(ended, "docker.service"); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: got %v, want %v", err, context.Canceled)
	}
}

// Process 1 is stopped, and the kernel takes connections to its socket all the same.
func TestFault_X11_AManagerThatTakesNoConnectionIsNotWaitedForForEver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "systemd/private")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	c := &Conn{addresses: []string{"unix:path=" + path}, answersWithin: time.Millisecond}
	if err := c.dial(t.Context()); !errors.Is(err, ErrSilent) {
		t.Errorf("got %v, want %v", err, ErrSilent)
	}
}

func TestUnit(t *testing.T) {
	type command struct {
		Path           string
		Argv           []string
		Ignore         bool
		A, B, C, D     uint64
		PID            uint32
		Code, ExitCode int32
	}
	type environmentFile struct {
		Path     string
		Optional bool
	}
	tests := []struct {
		situation  string
		properties map[string]dbus.Variant
		want       Unit
		wantErr    string
	}{
		{
			situation: "running service",
			properties: map[string]dbus.Variant{
				"LoadState":        dbus.MakeVariant("loaded"),
				"ActiveState":      dbus.MakeVariant("active"),
				"SubState":         dbus.MakeVariant("running"),
				"Result":           dbus.MakeVariant("success"),
				"MainPID":          dbus.MakeVariant(uint32(4711)),
				"FragmentPath":     dbus.MakeVariant("/lib/systemd/system/docker.service"),
				"DropInPaths":      dbus.MakeVariant([]string{"/etc/systemd/system/docker.service.d/a.conf"}),
				"ExecStart":        dbus.MakeVariant([]command{{Path: "/usr/sbin/dockerd", Argv: []string{"/usr/sbin/dockerd", "-H", "fd://"}}}),
				"Environment":      dbus.MakeVariant([]string{"A=1"}),
				"EnvironmentFiles": dbus.MakeVariant([]environmentFile{{"/etc/default/docker", true}, {"/etc/needed", false}}),
				"UnitFileState":    dbus.MakeVariant("enabled"),
				"NeedDaemonReload": dbus.MakeVariant(true),
				"InvocationID":     dbus.MakeVariant([]byte{0xca, 0xfe}),
			},
			want: Unit{
				Name: "docker.service", LoadState: "loaded", ActiveState: "active", SubState: "running", Result: "success",
				MainPID: 4711, FragmentPath: "/lib/systemd/system/docker.service",
				DropIns:     []string{"/etc/systemd/system/docker.service.d/a.conf"},
				ExecStart:   []string{"/usr/sbin/dockerd", "-H", "fd://"},
				Environment: []string{"A=1"}, EnvironmentFiles: []string{"-/etc/default/docker", "/etc/needed"},
				UnitFileState: "enabled", NeedDaemonReload: true, InvocationID: "cafe",
			},
		},
		{
			situation: "no such unit",
			properties: map[string]dbus.Variant{
				"LoadState":   dbus.MakeVariant("not-found"),
				"ActiveState": dbus.MakeVariant("inactive"),
			},
			want: Unit{Name: "docker.service", LoadState: "not-found", ActiveState: "inactive"},
		},
		{
			situation:  "properties of other types",
			properties: map[string]dbus.Variant{"LoadState": dbus.MakeVariant("loaded"), "MainPID": dbus.MakeVariant("x"), "ExecStart": dbus.MakeVariant(true)},
			want:       Unit{Name: "docker.service", LoadState: "loaded"},
		},
		{
			situation:  "not an answer about a unit",
			properties: map[string]dbus.Variant{},
			wantErr:    "no LoadState",
		},
	}
	for _, tt := range tests {
		t.Run(tt.situation, func(t *testing.T) {
			f := newFakeManager(t, "bus")
			f.on("GetAll", func(f *fakeManager, p *fakePeer, m *dbus.Message) { f.reply(p, m, tt.properties) })
			got, err := dialFake(t, f).Unit(t.Context(), "docker.service")
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Errorf("got error %v, want one with %q", err, tt.wantErr)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v, %v\nwant %+v", got, err, tt.want)
			}
		})
	}
}
