// Package host looks at a host: systemd, dockerd, daemon.json, the store of releases
// and what is remembered. It only reads. It never opens dockerd's socket while
// docker.service is not active, because a request there would start Docker.
package host

import (
	"context"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/images"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/verify"
)

// Paths are where things are on a host. A test gives a temporary directory.
type Paths struct {
	Config string // /etc/runsc-provisioner
	State  string // /var/lib/runsc-provisioner
	Run    string // /run/runsc-provisioner
	Store  string // /usr/local/lib/gvisor
	Link   string // /usr/local/bin/runsc
	Proc   string // /proc
	Etc    string // /etc
	// DaemonJSON is used where docker.service names no other file.
	DaemonJSON string // /etc/docker/daemon.json
	// Socket is used where docker.service names no other one.
	Socket string // /run/docker.sock
	// CLIPlugins are where Docker's command line looks for plugins, beside the
	// home directory of its user. Nil is not looked at.
	CLIPlugins []string
}

// DefaultPaths are those of a Debian or Ubuntu host.
func DefaultPaths() Paths {
	return Paths{
		Config:     "/etc/runsc-provisioner",
		State:      "/var/lib/runsc-provisioner",
		Run:        "/run/runsc-provisioner",
		Store:      "/usr/local/lib/gvisor",
		Link:       "/usr/local/bin/runsc",
		Proc:       "/proc",
		Etc:        "/etc",
		DaemonJSON: "/etc/docker/daemon.json",
		Socket:     "/run/docker.sock",
		CLIPlugins: []string{
			"/usr/local/lib/docker/cli-plugins", "/usr/local/libexec/docker/cli-plugins",
			"/usr/lib/docker/cli-plugins", "/usr/libexec/docker/cli-plugins",
		},
	}
}

// DockerUnit is the unit whose dockerd is provisioned.
const DockerUnit = "docker.service"

// Unit is what systemd says of a service.
type Unit struct {
	Name             string
	LoadState        string // loaded, not-found, masked, …
	ActiveState      string // active, reloading, inactive, failed, activating, deactivating
	SubState         string
	Result           string
	MainPID          int // 0 while no process runs
	FragmentPath     string
	DropIns          []string
	ExecStart        []string // argv of the main command
	Environment      []string
	EnvironmentFiles []string
	UnitFileState    string // enabled, disabled, static, …
	NeedDaemonReload bool
	InvocationID     string // another one after each start
	// Started is when the main process was last started, by the clock of that
	// moment. Zero is not known.
	Started time.Time
	// StartedAfterBoot is the same by CLOCK_MONOTONIC, which no one sets.
	StartedAfterBoot time.Duration
}

// Changing reports whether the service is on its way from one state to another.
func (u Unit) Changing() bool {
	return u.ActiveState == "activating" || u.ActiveState == "deactivating" || u.ActiveState == "reloading"
}

// Running reports whether the service answers requests and takes signals.
func (u Unit) Running() bool { return u.ActiveState == "active" || u.ActiveState == "reloading" }

// service is u as package engine wants it.
func (u Unit) service() engine.Service {
	return engine.Service{
		MainPID:          u.MainPID,
		FragmentPath:     u.FragmentPath,
		DropIns:          u.DropIns,
		ExecStart:        u.ExecStart,
		Environment:      u.Environment,
		EnvironmentFiles: u.EnvironmentFiles,
	}
}

// Units is what is asked of systemd. It changes nothing.
type Units interface {
	Unit(ctx context.Context, name string) (Unit, error)
	// Said is what the unit logged since a moment, the oldest line first.
	Said(ctx context.Context, name string, since time.Time) ([]string, error)
}

// Host is a host that is looked at. All fields but Suspect and Log are needed.
type Host struct {
	Paths Paths
	Units Units
	// Owner is the uid that owns the store: root's but in tests.
	Owner int
	// AnswerWithin bounds each question that a person waits for; zero is 5 s.
	AnswerWithin time.Duration
	// Suspect are releases whose files are read, and not only looked at: nil
	// trusts what stat says.
	Suspect func(name string) bool
	// Log gets facts at debug level; nil logs nothing.
	Log *zap.Logger
}

// State is what is remembered between runs.
func (h *Host) State() state.Dir { return state.Dir(h.Paths.State) }

// Images are those on their way to another data root.
func (h *Host) Images() images.Dir { return images.Dir(h.Paths.State) }

// ConfigFiles are where the configuration is, and the record of it.
func (h *Host) ConfigFiles() config.Files {
	return config.Files{Config: h.Paths.Config, State: h.Paths.State}
}

// Touched reports whether a release was changed in some way since it was
// installed, which is what to have for Suspect where nothing is remembered.
func (h *Host) Touched(name string) bool { return h.Store().Touched(name) }

func (h *Host) Store() release.Store {
	return release.Store{Dir: h.Paths.Store, Link: h.Paths.Link, Owner: h.Owner, Suspect: h.Suspect}
}

func (h *Host) Proc() *verify.FS { return &verify.FS{Proc: h.Paths.Proc} }

func (h *Host) Logger() *zap.Logger {
	if h.Log == nil {
		return zap.NewNop()
	}
	return h.Log
}

// UnitDaemonJSON returns the path of daemon.json for the dockerd of unit.
func (h *Host) UnitDaemonJSON(unit Unit) string {
	_, flags, err := h.CommandLine(unit)
	if err != nil {
		return h.Paths.DaemonJSON
	}
	return h.DaemonJSON(flags)
}

// ConfigPaths returns the paths of the configuration file and of the directory of
// its drop-ins.
func (h *Host) ConfigPaths() (file, dropins string) {
	return filepath.Join(h.Paths.Config, "config.toml"), filepath.Join(h.Paths.Config, "config.d")
}
