// Package host reads the state of a host and never changes it: systemd, dockerd,
// daemon.json, the store of releases, and the records of earlier runs. It never connects
// to dockerd's socket while docker.service is not active, because a connection would start
// Docker.
package host

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"runsc-provisioner/provision/buildkit"
	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/images"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/verify"
)

// Paths are the places that this program reads and writes. A test uses a temporary
// directory.
type Paths struct {
	Config string // /etc/runsc-provisioner
	State  string // /var/lib/runsc-provisioner
	Run    string // /run/runsc-provisioner
	Store  string // /usr/local/lib/gvisor
	Link   string // /usr/local/bin/runsc
	Builds string // /run/runsc-builds
	Proc   string // /proc
	Etc    string // /etc
	// DaemonJSON is used if docker.service names no other file.
	DaemonJSON string // /etc/docker/daemon.json
	// Socket is used if docker.service names no other socket.
	Socket string // /run/docker.sock
	// CLIPlugins are the directories in which the docker command looks for plugins,
	// besides the home directory of its user. Nil skips the search.
	CLIPlugins []string
	// builtIn are Store and Link without [paths]; zero before Configured.
	builtIn config.Paths
}

// DefaultPaths returns the paths of a Debian or Ubuntu host.
func DefaultPaths() Paths {
	return Paths{
		Config:     "/etc/runsc-provisioner",
		State:      "/var/lib/runsc-provisioner",
		Run:        "/run/runsc-provisioner",
		Store:      "/usr/local/lib/gvisor",
		Link:       "/usr/local/bin/runsc",
		Builds:     buildkit.StateDir,
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

// DockerUnit is the unit that runs the managed dockerd.
const DockerUnit = "docker.service"

// Unit is the state of a service in systemd.
type Unit struct {
	Name             string
	LoadState        string // loaded, not-found, masked, …
	ActiveState      string // active, reloading, inactive, failed, activating, deactivating
	SubState         string
	Result           string
	MainPID          int    // 0 while no process runs
	StatusText       string // what the service says of itself; every user may read it
	FragmentPath     string
	DropIns          []string
	ExecStart        []string // argv of the main command
	Environment      []string
	EnvironmentFiles []string
	UnitFileState    string // enabled, disabled, static, …
	NeedDaemonReload bool
	InvocationID     string // differs after each start
	ProtectSystem    string // strict: only ReadWritePaths can be written to (systemd.exec(5))
	ReadWritePaths   []string
	// Started is when the main process last started, by the clock of that moment; zero
	// if unknown.
	Started time.Time
	// StartedAfterBoot is the same by CLOCK_MONOTONIC, which cannot be set.
	StartedAfterBoot time.Duration
}

// Changing reports whether the service is starting, stopping or reloading.
func (u Unit) Changing() bool {
	return u.ActiveState == "activating" || u.ActiveState == "deactivating" || u.ActiveState == "reloading"
}

// Running reports whether the service answers requests and handles signals.
func (u Unit) Running() bool { return u.ActiveState == "active" || u.ActiveState == "reloading" }

// service converts u for package engine.
func (u Unit) service() commandline.Service {
	return commandline.Service{
		MainPID:          u.MainPID,
		FragmentPath:     u.FragmentPath,
		DropIns:          u.DropIns,
		ExecStart:        u.ExecStart,
		Environment:      u.Environment,
		EnvironmentFiles: u.EnvironmentFiles,
	}
}

// Units reads from systemd. It changes nothing.
type Units interface {
	// Unit returns the state of a unit. A unit that does not exist is no error: its
	// LoadState is not-found.
	Unit(ctx context.Context, name string) (Unit, error)
	// Said returns what the unit logged since a time, oldest line first.
	Said(ctx context.Context, name string, since time.Time) ([]string, error)
}

// Host is the host that is read. Paths and Units are required.
type Host struct {
	Paths Paths
	Units Units
	// Owner is the uid that must own the store: 0 except in tests.
	Owner int
	// Self is the path of this program's own static binary.
	Self string
	// AnswerWithin limits each question while a person waits; zero means 5 s.
	AnswerWithin time.Duration
	// Suspect reports whether the files of a release must be read to check their
	// digests; nil trusts stat.
	Suspect func(release.Installed) bool
	// FilesSeen is called by each observation when it has read all files that decide about
	// the text of daemon.json, and does not wait for dockerd's answer; nil is not called.
	FilesSeen func(ctx context.Context, o Observed)
	// Log gets facts at debug level; nil logs nothing.
	Log *zap.Logger
}

// State returns the directory of the records that outlive a run.
func (h *Host) State() state.Dir { return state.Dir(h.Paths.State) }

// Images returns the directory of images that wait for another data root.
func (h *Host) Images() images.Dir { return images.Dir(h.Paths.State) }

// ConfigFiles returns the directories of the configuration and of its record.
func (h *Host) ConfigFiles() config.Files {
	return config.Files{Config: h.Paths.Config, State: h.Paths.State}
}

// Touched reports whether a release has changed in any way since it was installed. Use it
// as Suspect if nothing remembers earlier checks.
func (h *Host) Touched(r release.Installed) bool { return h.Store().Touched(r) }

// Store returns the store of releases.
func (h *Host) Store() release.Store {
	return release.Store{
		Dir: h.Paths.Store, Link: h.Paths.Link, Owner: h.Owner, Suspect: h.Suspect,
		Earlier: earlierPlaces(h.Paths.Store, h.Paths.builtIn.Store, h.State().Stores().Keys()),
	}
}

// Proc returns the reader of /proc for package verify.
func (h *Host) Proc() *verify.FS { return &verify.FS{Proc: h.Paths.Proc} }

// Logger returns Log, or a logger that drops everything. It is never nil.
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

// Installed returns the release called name, as it is in the store now. It is an error
// if the store does not have it.
func (h *Host) Installed(ctx context.Context, name string) (release.Installed, error) {
	releases, err := h.Store().List(ctx)
	if err != nil {
		return release.Installed{}, err
	}
	for _, r := range releases {
		if r.Name == name {
			return r, nil
		}
	}
	return release.Installed{}, fmt.Errorf("release %s is not in %s", name, h.Paths.Store)
}
