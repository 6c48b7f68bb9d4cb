package provision

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"go.uber.org/zap"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/release"
)

// Observed is what the host looked like at one moment.
type Observed struct {
	Unit  Unit
	Flags engine.Flags
	// Conflict is an option of ours that is also a flag of dockerd, or nil.
	Conflict *engine.FlagConflict
	File     DaemonFile
	// Engine is what dockerd runs with; nil while docker.service is not active.
	Engine   *engine.Info
	Store    string // the directory that holds the releases
	Releases []release.Installed
	Link     release.LinkState
	// InUse says whether processes run from a release, by its name. One that
	// could not be told counts as used.
	InUse map[string]bool
}

// DaemonFile is daemon.json as it was read.
type DaemonFile struct {
	Path   string
	Target string // the file itself, when Path is a symlink; else Path
	Exists bool
	Bytes  []byte
	Doc    daemonjson.Document
	Mode   fs.FileMode
	UID    int
	GID    int
}

// Observe looks at the host and changes nothing. Errors are *Refusal for a
// state that is not understood and *OutOfReach when somebody did not answer.
func (h *Host) Observe(ctx context.Context) (Observed, error) {
	o := Observed{Store: h.Paths.Store}
	var err error
	if o.Unit, err = h.observeUnit(ctx); err != nil {
		return Observed{}, err
	}
	h.log().Debug("unit", zap.String("state", o.Unit.ActiveState), zap.Int("pid", o.Unit.MainPID))
	if o.Flags, err = h.observeFlags(o.Unit); err != nil {
		return Observed{}, err
	}
	// dockerd takes longer to answer than everything else to be looked at.
	answer := make(chan error, 1)
	go func() {
		var err error
		if o.Unit.Running() {
			o.Engine, err = h.observeEngine(ctx, o.Flags)
		}
		answer <- err
	}()
	filesErr := h.observeFiles(ctx, &o)
	if err := <-answer; filesErr == nil && err != nil {
		return Observed{}, err
	}
	if filesErr != nil {
		return Observed{}, filesErr
	}
	h.log().Debug("host", zap.String("daemon_json", o.File.Path), zap.Bool("exists", o.File.Exists),
		zap.Int("releases", len(o.Releases)), zap.String("link", string(o.Link.Kind)))
	return o, nil
}

// observeFiles fills in what is seen without asking anybody.
func (h *Host) observeFiles(ctx context.Context, o *Observed) (err error) {
	if o.Conflict, err = h.observeConflict(o.Unit); err != nil {
		return err
	}
	if o.File, err = readDaemonFile(h.daemonJSON(o.Flags)); err != nil {
		return err
	}
	if err := h.store().Safe(); err != nil {
		return &Refusal{Object: h.Paths.Store, Err: err}
	}
	if o.Releases, err = h.store().List(); err != nil {
		return err
	}
	if o.Link, err = h.store().LinkState(); err != nil {
		return err
	}
	o.InUse, err = h.observeUse(ctx, o.Releases)
	return err
}

func (h *Host) observeUnit(ctx context.Context) (Unit, error) {
	unit, err := h.Units.Unit(ctx, DockerUnit)
	if err != nil {
		return Unit{}, &OutOfReach{Object: "systemd", Err: err}
	}
	switch unit.LoadState {
	case "loaded":
		return unit, nil
	case "not-found":
		return Unit{}, &OutOfReach{Object: DockerUnit, Err: errors.New("there is no such unit: Docker is not installed, or runs as a snap or rootless, which is not supported")}
	default:
		return Unit{}, &OutOfReach{Object: DockerUnit, Err: fmt.Errorf("systemd says it is %s", unit.LoadState)}
	}
}

func (h *Host) observeFlags(unit Unit) (engine.Flags, error) {
	argv, err := engine.CommandLine(h.Paths.Proc, unit.service())
	if err != nil {
		return engine.Flags{}, &Refusal{Object: unit.Name, Err: err}
	}
	flags, err := engine.ParseFlags(argv)
	if err != nil {
		return engine.Flags{}, &OutOfReach{Object: unit.Name, Err: err}
	}
	return flags, nil
}

// observeConflict looks for options of ours that are dockerd flags too.
func (h *Host) observeConflict(unit Unit) (*engine.FlagConflict, error) {
	err := engine.Conflict(h.Paths.Proc, unit.service(), "default-runtime")
	var conflict *engine.FlagConflict
	if errors.As(err, &conflict) {
		return conflict, nil
	}
	if err != nil {
		return nil, &Refusal{Object: unit.Name, Err: err}
	}
	return nil, nil
}

// observeUse finds the releases that something runs from. Nothing is in use
// where nothing is installed.
func (h *Host) observeUse(ctx context.Context, installed []release.Installed) (map[string]bool, error) {
	if len(installed) == 0 {
		return nil, nil
	}
	known, err := knownReleases(installed)
	if err != nil {
		return nil, err
	}
	survey, err := h.proc().Look(ctx, nil, known)
	if err != nil {
		return nil, err
	}
	use := map[string]bool{}
	for _, r := range installed {
		use[r.Name] = survey.InUse[r.Name] > 0 || survey.Denied > 0
	}
	return use, nil
}

func (h *Host) observeEngine(ctx context.Context, flags engine.Flags) (*engine.Info, error) {
	client, err := h.dial(flags)
	if err != nil {
		return nil, &OutOfReach{Object: "dockerd", Err: err}
	}
	defer client.Close()
	info, err := client.Info(ctx)
	if err != nil {
		return nil, &OutOfReach{Object: "dockerd", Err: err}
	}
	h.log().Debug("dockerd", zap.String("version", info.Version), zap.String("default_runtime", info.DefaultRuntime), zap.Int("runtimes", len(info.Runtimes)))
	return &info, nil
}

func (h *Host) daemonJSON(flags engine.Flags) string {
	if flags.Set["config-file"] != "" {
		return flags.ConfigFile
	}
	return h.Paths.DaemonJSON
}

// socket is the first unix socket that dockerd was told to listen on, or the
// usual one: fd:// is docker.socket, which listens there.
func (h *Host) socket(flags engine.Flags) string {
	for _, host := range flags.Hosts {
		if path, ok := strings.CutPrefix(host, "unix://"); ok {
			return path
		}
	}
	return h.Paths.Socket
}

// readDaemonFile reads path, which need not exist. A text that dockerd would
// read differently than we do is a *Refusal with line and column.
func readDaemonFile(path string) (DaemonFile, error) {
	file := DaemonFile{Path: path, Target: path, Mode: 0o644}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(path); err == nil {
			return DaemonFile{}, refuse(path, "is a symlink to a file that is not there")
		}
		file.Doc, err = daemonjson.Parse(nil)
		return file, err
	}
	if err != nil {
		return DaemonFile{}, &Refusal{Object: path, Err: err}
	}
	if !info.Mode().IsRegular() {
		return DaemonFile{}, refuse(path, "is %s, not a regular file", info.Mode().Type())
	}
	if file.Target, err = resolve(path); err != nil {
		return DaemonFile{}, err
	}
	if file.Bytes, err = readLimited(path, daemonjson.MaxBytes); err != nil {
		return DaemonFile{}, &Refusal{Object: path, Err: err}
	}
	if file.Doc, err = daemonjson.Parse(file.Bytes); err != nil {
		return DaemonFile{}, &Refusal{Object: path, Err: err}
	}
	stat := info.Sys().(*syscall.Stat_t)
	file.Exists, file.Mode, file.UID, file.GID = true, info.Mode().Perm(), int(stat.Uid), int(stat.Gid)
	return file, nil
}
