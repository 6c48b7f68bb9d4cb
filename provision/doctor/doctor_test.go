package doctor

import (
	"context"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
)

// saidUnits is a systemd with these units. A nil one does not answer.
type saidUnits map[string]host.Unit

func (s saidUnits) Unit(ctx context.Context, name string) (host.Unit, error) {
	if s == nil {
		<-ctx.Done()
		return host.Unit{}, ctx.Err()
	}
	if u, ok := s[name]; ok {
		return u, nil
	}
	return host.Unit{Name: name, LoadState: "not-found"}, nil
}
func (s saidUnits) Said(ctx context.Context, _ string, _ time.Time) ([]string, error) {
	if s == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return []string{"said"}, nil
}

// dockerOf is a host with a docker.service of these states, a dockerd that
// accepts connections and never answers, and a daemon.json.
func dockerOf(t *testing.T, units saidUnits, daemonJSON string) *host.Host {
	t.Helper()
	// Not t.TempDir: the path of a socket has at most 107 bytes (unix(7)).
	dir, err := os.MkdirTemp("", "doctor-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	at := func(name string) string { return filepath.Join(dir, name) }
	listener, err := net.Listen("unix", at("sock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	if daemonJSON != "" {
		if err := os.WriteFile(at("daemon.json"), []byte(daemonJSON), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return &host.Host{Units: units, AnswerWithin: time.Second, Owner: os.Geteuid(), Paths: host.Paths{
		Etc: at("etc"), Config: at("config"), State: at("state"), Run: at("run"), Store: at("store"), Link: at("link"), Proc: at("proc"), DaemonJSON: at("daemon.json"), Socket: at("sock"),
	}}
}

func running(argv ...string) host.Unit {
	return host.Unit{Name: host.DockerUnit, LoadState: "loaded", ActiveState: "active", SubState: "running", Result: "success", ExecStart: argv}
}

func TestDoctor_ABrokenPartOfDockerHidesNoOther(t *testing.T) {
	dockerd := running("/usr/bin/dockerd", "-H", "fd://")
	snap := host.Unit{Name: host.SnapUnit, LoadState: "loaded", ActiveState: "active"}
	stopped := dockerd
	stopped.ActiveState, stopped.SubState = "inactive", "dead"
	silent := "journalctl -u docker.service shows what it is doing; systemctl restart docker.service stops containers unless live-restore is on"
	start := "systemctl start docker.service; systemctl status docker.service shows why it is not running"
	frozen := "systemctl status shows whether systemd answers again; dmesg and journalctl -k show what blocks it"
	for _, tt := range []struct {
		situation  string
		units      saidUnits
		daemonJSON string
		want       []checkup.Item
	}{
		{"systemd hangs", nil, "{}", []checkup.Item{
			{Name: host.DockerUnit, Health: checkup.Critical, Seen: "systemd: no answer within 1s", Remedy: frozen},
			{Name: "daemon.json", Seen: "DIR/daemon.json parses; dockerd --validate could not check it"},
			{Name: "docker API", Health: checkup.Unsure, Seen: "not asked: unknown whether it runs", Remedy: frozen},
		}},
		{"dockerd hangs", saidUnits{host.DockerUnit: dockerd}, "{}", []checkup.Item{
			{Name: host.DockerUnit, Seen: "active (running)"},
			{Name: "daemon.json", Seen: "DIR/daemon.json parses; dockerd --validate could not check it"},
			{Name: "docker API", Health: checkup.Critical, Seen: "no answer within 1s", Remedy: silent},
		}},
		{"dockerd hangs, and daemon.json is broken", saidUnits{host.DockerUnit: dockerd}, `{"x":`, []checkup.Item{
			{Name: host.DockerUnit, Seen: "active (running)"},
			{Name: "daemon.json", Health: checkup.Critical, Seen: "DIR/daemon.json: line 1, column 6: cut short: the file ends inside the object that starts on line 1", Remedy: "repair it: dockerd would read it differently, or not at all"},
			{Name: "docker API", Health: checkup.Critical, Seen: "no answer within 1s", Remedy: silent},
		}},
		{"stopped, without daemon.json", saidUnits{host.DockerUnit: stopped}, "", []checkup.Item{
			{Name: host.DockerUnit, Health: checkup.Warning, Seen: "inactive (dead)", Remedy: start},
			{Name: "daemon.json", Seen: "DIR/daemon.json is missing: dockerd uses its flags and its defaults"},
			{Name: "docker API", Health: checkup.Unsure, Seen: "not asked: Docker is not running", Remedy: start},
		}},
		{"masked", saidUnits{host.DockerUnit: {LoadState: "masked", ActiveState: "inactive"}}, "{}", []checkup.Item{
			{Name: host.DockerUnit, Health: checkup.Critical, Seen: "docker.service: systemd says it is masked", Remedy: "systemctl unmask docker.service"},
		}},
		{"not installed", saidUnits{}, "", []checkup.Item{
			{Name: host.DockerUnit, Health: checkup.Critical, Seen: "docker.service: no such unit: Docker is not installed", Remedy: "install Docker from your distribution or docker.com, or run this on the host itself"},
		}},
		{"a unit file that systemd cannot parse", saidUnits{host.DockerUnit: {LoadState: "bad-setting"}}, "", []checkup.Item{
			{Name: host.DockerUnit, Health: checkup.Critical, Seen: "docker.service: systemd says it is bad-setting", Remedy: "systemctl status docker.service shows what is wrong with its file"},
		}},
		{"masked, and the snap runs", saidUnits{host.DockerUnit: {LoadState: "masked", ActiveState: "inactive"}, host.SnapUnit: snap}, "{}", []checkup.Item{
			{Name: host.DockerUnit, Health: checkup.Critical, Seen: "docker.service: it is masked, and snap.docker.dockerd.service runs instead: " + blocked.ErrSnap.Error(), Remedy: checkup.SnapRemedy},
		}},
		{"stopped, and the snap runs", saidUnits{host.DockerUnit: stopped, host.SnapUnit: snap}, "{}", []checkup.Item{
			{Name: host.DockerUnit, Health: checkup.Critical, Seen: "docker.service: it is inactive, and snap.docker.dockerd.service runs instead: " + blocked.ErrSnap.Error(), Remedy: checkup.SnapRemedy},
		}},
		{"the snap alone", saidUnits{host.SnapUnit: snap}, "", []checkup.Item{
			{Name: host.DockerUnit, Health: checkup.Critical, Seen: "docker.service: no such unit, but there is snap.docker.dockerd.service: " + blocked.ErrSnap.Error(), Remedy: checkup.SnapRemedy},
		}},
		{"both run, and dockerd hangs", saidUnits{host.DockerUnit: dockerd, host.SnapUnit: snap}, "{}", []checkup.Item{
			{Name: host.DockerUnit, Seen: "active (running)"},
			{Name: "daemon.json", Seen: "DIR/daemon.json parses; dockerd --validate could not check it"},
			{Name: "docker API", Health: checkup.Critical, Seen: "no answer within 1s", Remedy: silent},
			{Name: "docker snap", Health: checkup.Warning, Seen: plan.SnapWarning, Remedy: "if you do not need it: sudo snap disable docker"},
		}},
		{"tcp only", saidUnits{host.DockerUnit: running("/usr/bin/dockerd", "-H", "tcp://127.0.0.1:2375")}, "{}", []checkup.Item{
			{Name: host.DockerUnit, Seen: "active (running)"},
			{Name: "daemon.json", Seen: "DIR/daemon.json parses; dockerd --validate could not check it"},
			{Name: "docker API", Health: checkup.Critical, Seen: "dockerd: it listens on no unix socket, only on tcp://127.0.0.1:2375", Remedy: checkup.UnixSocketRemedy},
		}},
		{"hosts in daemon.json and among the flags", saidUnits{host.DockerUnit: dockerd}, `{"hosts":["unix:///x"]}`, []checkup.Item{
			{Name: host.DockerUnit, Seen: "active (running)"},
			{Name: "daemon.json", Health: checkup.Critical, Seen: "hosts is set by the flag --host=fd:// in ExecStart: an option in daemon.json must not be a flag too", Remedy: checkup.FlagRemedy("hosts")},
			{Name: "docker API", Health: checkup.Critical, Seen: "no answer within 1s", Remedy: silent},
		}},
		{"a wrapper", saidUnits{host.DockerUnit: running("/usr/bin/wrapper", "--token", "hunter2")}, "{}", []checkup.Item{
			{Name: host.DockerUnit, Health: checkup.Critical, Seen: `active (running); docker.service: not a dockerd command line: ["/usr/bin/wrapper"]`, Remedy: "systemctl cat docker.service shows its command, which must be dockerd itself"},
			{Name: "daemon.json", Seen: "DIR/daemon.json parses; dockerd --validate could not check it"},
			{Name: "docker API", Health: checkup.Unsure, Seen: "not asked: unknown where it listens", Remedy: "systemctl cat docker.service shows its command, which must be dockerd itself"},
		}},
	} {
		t.Run(tt.situation, func(t *testing.T) {
			t.Parallel()
			h := dockerOf(t, tt.units, tt.daemonJSON)
			got := lookAtDocker(t.Context(), h, config.Default()).items(config.Default())
			for i := range got {
				got[i].Seen = strings.ReplaceAll(got[i].Seen, filepath.Dir(h.Paths.Socket), "DIR")
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDoctor_UnreadableIsUnsure(t *testing.T) {
	denied := &fs.PathError{Op: "open", Path: "/x", Err: fs.ErrPermission}
	look := dockerLook{observed: host.Observed{Unit: running()}, fileErr: &blocked.Refused{Object: "/x", Err: denied}, engineErr: &blocked.Unreachable{Object: "dockerd", Err: denied}}
	h := &host.Host{}
	got := append(look.items(config.Config{}), checkup.ConfigItem(h, &config.Error{Source: "/x", Reason: denied.Error(), Err: denied}))
	want := []checkup.Item{
		{Name: host.DockerUnit, Seen: "active (running)"},
		{Name: "daemon.json", Health: checkup.Unsure, Seen: "/x: open /x: permission denied", Remedy: "run this as root"},
		{Name: "docker API", Health: checkup.Unsure, Seen: "dockerd: open /x: permission denied", Remedy: "run this as root"},
		{Name: "configuration", Health: checkup.Unsure, Seen: "/x: open /x: permission denied", Remedy: "run this as root"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDoctor_DockerdValidatesDaemonJSON(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: dockerd is not run by others")
	}
	repair := "repair it: dockerd would not start with it"
	for _, tt := range []struct {
		situation, script, daemonJSON string
		want                          checkup.Item
	}{
		{"dockerd accepts it", "exit 0", "{}", checkup.Item{Name: "daemon.json", Seen: "dockerd --validate accepts DIR/daemon.json"}},
		{"dockerd refuses it", "echo no such option: x; exit 1", `{"x": 1}`,
			checkup.Item{Name: "daemon.json", Health: checkup.Critical, Seen: "DIR/daemon.json: dockerd --validate refuses this text: no such option: x", Remedy: repair}},
		{"dockerd quotes a value", "echo conflict labels for a=hunter2 and hunter2; exit 1", `{"labels": ["a=hunter2", "a=b"]}`,
			checkup.Item{Name: "daemon.json", Health: checkup.Critical, Seen: "DIR/daemon.json: dockerd --validate refuses this text: conflict labels for … and …", Remedy: repair}},
		{"dockerd cannot validate", "echo unknown flag: --validate; exit 125", "{}",
			checkup.Item{Name: "daemon.json", Seen: "DIR/daemon.json parses; dockerd --validate could not check it"}},
		{"dockerd hangs", "exec sleep 60", "{}",
			checkup.Item{Name: "daemon.json", Seen: "DIR/daemon.json parses; dockerd --validate could not check it"}},
		{"a default that is no runtime, which dockerd does not validate", "exit 0", `{"default-runtime": "x"}`,
			checkup.Item{Name: "daemon.json", Health: checkup.Critical, Seen: `DIR/daemon.json: default-runtime is "x", which is not a defined runtime: dockerd would not start`, Remedy: repair}},
	} {
		units := saidUnits{}
		h := dockerOf(t, units, tt.daemonJSON)
		h.AnswerWithin = time.Minute
		dir := filepath.Dir(h.Paths.Socket)
		if err := os.WriteFile(filepath.Join(dir, "dockerd"), []byte("#!/bin/sh\n"+tt.script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		unit := running(filepath.Join(dir, "dockerd"))
		unit.ActiveState = "inactive"
		units[host.DockerUnit] = unit
		look := lookAtDocker(t.Context(), h, config.Default())
		if tt.situation == "dockerd hangs" {
			h.AnswerWithin = 20 * time.Millisecond
		}
		validateFile(t.Context(), h, &look)
		got := look.fileItem(config.Default())
		got.Seen = strings.ReplaceAll(got.Seen, dir, "DIR")
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.situation, diff)
		}
	}
}

func TestDoctor_OwnUnit(t *testing.T) {
	why := "journalctl -u runsc-provisioner.service shows why it ends"
	for _, tt := range []struct {
		unit host.Unit
		want checkup.Item
	}{
		{host.Unit{LoadState: "not-found"}, checkup.Item{Name: OwnUnit, Health: checkup.Healthy, Seen: "not installed: nothing enforces the configuration", Remedy: ""}},
		{host.Unit{LoadState: "masked", ActiveState: "inactive"}, checkup.Item{Name: OwnUnit, Health: checkup.Warning, Seen: "masked: nothing enforces the configuration", Remedy: "systemctl unmask runsc-provisioner.service"}},
		{host.Unit{LoadState: "loaded", ActiveState: "active", SubState: "running", Result: "success"}, checkup.Item{Name: OwnUnit, Health: checkup.Healthy, Seen: "active (running)", Remedy: ""}},
		{host.Unit{LoadState: "loaded", ActiveState: "activating", SubState: "start", Result: "success"}, checkup.Item{Name: OwnUnit, Health: checkup.Healthy, Seen: "activating (start)", Remedy: ""}},
		{host.Unit{LoadState: "loaded", ActiveState: "activating", SubState: "auto-restart", Result: "success"}, checkup.Item{Name: OwnUnit, Health: checkup.Critical, Seen: "activating (auto-restart)", Remedy: why}},
		{host.Unit{LoadState: "loaded", ActiveState: "activating", SubState: "auto-restart", Result: "exit-code"}, checkup.Item{Name: OwnUnit, Health: checkup.Critical, Seen: "activating (auto-restart): exit-code", Remedy: why}},
		{host.Unit{LoadState: "loaded", ActiveState: "activating", SubState: "start", Result: "signal"}, checkup.Item{Name: OwnUnit, Health: checkup.Critical, Seen: "activating (start): signal", Remedy: why}},
		{host.Unit{LoadState: "loaded", ActiveState: "failed", SubState: "failed", Result: "exit-code"}, checkup.Item{Name: OwnUnit, Health: checkup.Critical, Seen: "failed (failed): exit-code", Remedy: why}},
		{host.Unit{LoadState: "loaded", ActiveState: "inactive", SubState: "dead", UnitFileState: "enabled"},
			checkup.Item{Name: OwnUnit, Health: checkup.Warning, Seen: "inactive (dead) although enabled: nothing enforces the configuration", Remedy: "systemctl start runsc-provisioner.service"}},
		{host.Unit{LoadState: "loaded", ActiveState: "inactive", SubState: "dead", UnitFileState: "disabled"}, checkup.Item{Name: OwnUnit, Health: checkup.Healthy, Seen: "inactive (dead)", Remedy: ""}},
	} {
		if got := ownUnitItem(tt.unit); got != tt.want {
			t.Errorf("%+v: got %+v, want %+v", tt.unit, got, tt.want)
		}
	}
}

func TestDoctor_AFlagConflictsEvenIfDaemonJSONIsMissing(t *testing.T) {
	look := dockerLook{observed: host.Observed{
		File:          daemonfile.File{Path: "/etc/docker/daemon.json"},
		FlagConflicts: []*commandline.FlagConflict{{Option: "default-runtime", Flag: "--default-runtime=runc", Where: "ExecStart"}},
	}}
	want := checkup.Item{Name: "daemon.json", Health: checkup.Critical, Seen: "default-runtime is set by the flag --default-runtime=runc in ExecStart: an option in daemon.json must not be a flag too",
		Remedy: "remove the flag: dockerd does not start if an option is a flag and also in daemon.json"}
	if got := look.fileItem(config.Config{Docker: config.Docker{DefaultRuntime: "runsc"}}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
