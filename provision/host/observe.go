package host

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/images"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/subid"
)

// Observed is what the host looked like at one moment.
type Observed struct {
	Unit  Unit
	Flags engine.Flags
	// Command is the command line of dockerd, or the one it would start with.
	Command []string
	// Conflicts are the options of ours that are also flags of dockerd.
	FlagConflicts []*engine.FlagConflict
	File          daemonfile.File
	// Loaded is what dockerd is known to have read of daemon.json.
	Loaded state.Loaded
	// NextRoot is where a restarted dockerd would have its data, but for what
	// userns-remap adds; "" is not known.
	NextDataRoot string
	// Engine is what dockerd runs with; nil while docker.service is not active.
	Engine *engine.Info
	// Running are the names of the containers that run.
	RunningContainers []string
	BootAndMount      string // what has to stay for a proof to hold
	// Proofs are what was proven through Docker, by proofKey and everKey; nil where
	// that may not be read.
	Proofs       map[string]bool
	FailedProofs map[string]bool // what then did not start, by proofKey
	Store        string          // the directory that holds the releases
	// IDs are looked at where userns-remap is managed, or was.
	IDs subid.Identities
	// Data is looked at for a plan that may switch userns-remap; else nil.
	Data *DataRoot
	// RemapRoots is how many data roots Docker has had with userns-remap.
	RemapRoots       int
	WaitingImages    *images.Saved          // on their way to another data root; or nil
	FailedRecoveries []state.FailedRecovery // recoveries that failed
	Releases         []release.Installed
	Link             release.LinkState
	// InUse says whether processes run from a release, by its name. One that
	// could not be told counts as used.
	InUse map[string]bool
	// Before is what was there before this program came; nil where nothing is
	// recorded. Unread says that this user may not read it.
	Before           *state.Before
	BeforeUnreadable bool
	// ClassicBuild says why `docker build` is the classic builder here, which
	// follows the default runtime; "" where nothing shows that it is.
	ClassicBuild string
}

// Observe looks at the host, as far as c manages it, and changes nothing. It
// leaves out Data, which takes long to look at. Errors are *blocked.Refused for a
// state that is not understood and *blocked.Unreachable when somebody did not answer.
func (h *Host) Observe(ctx context.Context, c config.Config) (Observed, error) {
	unit, err := h.Docker(ctx)
	if err != nil {
		return Observed{}, err
	}
	return h.ObserveWith(ctx, c, unit, nil)
}

// ObserveWith is Observe where docker.service was just asked for, and dockerd too
// unless info is nil.
func (h *Host) ObserveWith(ctx context.Context, c config.Config, unit Unit, info *engine.Info) (Observed, error) {
	o := Observed{Store: h.Paths.Store, Unit: unit}
	err := h.CheckUnit(ctx, unit)
	if err != nil {
		return Observed{}, err
	}
	h.Logger().Debug("unit", zap.String("state", o.Unit.ActiveState), zap.Int("pid", o.Unit.MainPID))
	if o.Command, o.Flags, err = h.CommandLine(o.Unit); err != nil {
		return Observed{}, err
	}
	// dockerd takes longer to answer than everything else to be looked at.
	answer := make(chan error, 1)
	go func() {
		var err error
		if o.Unit.Running() {
			err = h.ObserveEngine(ctx, c, &o, info)
		}
		answer <- err
	}()
	filesErr := h.observeFiles(ctx, c, &o)
	if err := <-answer; filesErr == nil && err != nil {
		return Observed{}, err
	}
	if filesErr != nil {
		return Observed{}, filesErr
	}
	if o.Engine != nil {
		o.ClassicBuild = classicBuildReason(h.Paths.CLIPlugins, o.Engine.Version, o.File.Doc)
	}
	h.Logger().Debug("host", zap.String("daemon_json", o.File.Path), zap.Bool("exists", o.File.Exists),
		zap.Int("releases", len(o.Releases)), zap.String("link", string(o.Link.Kind)))
	return o, nil
}

// observeFiles fills in what is seen without asking anybody.
func (h *Host) observeFiles(ctx context.Context, c config.Config, o *Observed) (err error) {
	if o.FlagConflicts, err = h.FlagConflicts(o.Unit); err != nil {
		return err
	}
	if o.File, err = daemonfile.Read(h.DaemonJSON(o.Flags)); err != nil {
		return err
	}
	o.File.Misplaced = h.State().Misplaced(o.File.Path)
	o.Loaded, o.NextDataRoot = h.Loaded(o.Unit, o.File), nextRoot(o.File.Doc, o.Flags)
	if err := h.Store().Safe(); err != nil {
		return &blocked.Refused{Object: h.Paths.Store, Err: err}
	}
	if o.Releases, err = h.Store().List(); err != nil {
		return err
	}
	if o.Link, err = h.Store().LinkState(); err != nil {
		return err
	}
	if o.BootAndMount, err = h.BootAndMount(); err != nil {
		return err
	}
	if o.Before, o.BeforeUnreadable, err = h.State().ReadBefore(); err != nil {
		return err
	}
	o.Proofs, o.FailedProofs = h.State().KnownProofs()
	o.FailedRecoveries = h.State().FailedRecoveries()
	if o.WaitingImages, err = h.Images().Waiting(); err != nil {
		return err
	}
	if c.Docker.Remap() != config.RemapAny {
		if o.IDs, err = h.ObserveIDs(ctx, c); err != nil {
			return err
		}
	}
	o.InUse, err = h.observeUse(ctx, o.Releases)
	return err
}

// Docker asks systemd for docker.service.
func (h *Host) Docker(ctx context.Context) (Unit, error) {
	unit, err := h.Units.Unit(ctx, DockerUnit)
	if err != nil {
		return Unit{}, blocked.SystemdSilent(err)
	}
	return unit, nil
}

// CheckUnit refuses, as an *blocked.Unreachable, a docker.service that is missing or masked.
func (h *Host) CheckUnit(ctx context.Context, unit Unit) error {
	switch unit.LoadState {
	case "loaded":
		return nil
	case "not-found":
		return &blocked.Unreachable{Object: DockerUnit, Err: h.otherDocker(ctx)}
	case "masked":
		return &blocked.Unreachable{Object: DockerUnit, Err: fmt.Errorf("systemd says it is %w", blocked.ErrMasked)}
	default:
		return &blocked.Unreachable{Object: DockerUnit, Err: fmt.Errorf("systemd says it is %s", unit.LoadState)}
	}
}

func (h *Host) CommandLine(unit Unit) (argv []string, flags engine.Flags, err error) {
	argv, err = engine.CommandLine(h.Paths.Proc, unit.service())
	if err != nil {
		return nil, engine.Flags{}, &blocked.Refused{Object: unit.Name, Err: err}
	}
	flags, err = engine.ParseFlags(argv)
	if err != nil {
		return nil, engine.Flags{}, &blocked.Unreachable{Object: unit.Name, Err: err}
	}
	return argv, flags, nil
}

// FlagConflicts looks for options of ours that are dockerd flags too.
func (h *Host) FlagConflicts(unit Unit) ([]*engine.FlagConflict, error) {
	var conflicts []*engine.FlagConflict
	for _, option := range []string{config.ItemDefaultRuntime, config.ItemUsernsRemap} {
		err := engine.Conflict(h.Paths.Proc, unit.service(), option)
		var conflict *engine.FlagConflict
		switch {
		case errors.As(err, &conflict):
			conflicts = append(conflicts, conflict)
		case err != nil:
			return nil, &blocked.Refused{Object: unit.Name, Err: err}
		}
	}
	return conflicts, nil
}

// observeUse finds the releases that something runs from. One that could not be
// told, because a process could not be looked at, counts as used.
func (h *Host) observeUse(ctx context.Context, installed []release.Installed) (map[string]bool, error) {
	seen, denied, err := h.ProcessesByRelease(ctx, installed)
	if err != nil {
		return nil, err
	}
	use := map[string]bool{}
	for _, r := range installed {
		use[r.Name] = seen[r.Name] > 0 || denied > 0
	}
	return use, nil
}

// ProcessesByRelease counts the processes that were seen to run from each release, and
// those that could not be looked at. Nothing is in use where nothing is
// installed.
func (h *Host) ProcessesByRelease(ctx context.Context, installed []release.Installed) (seen map[string]int, denied int, err error) {
	if len(installed) == 0 {
		return nil, 0, nil
	}
	known, err := KnownReleases(h.Store(), installed)
	if err != nil {
		return nil, 0, err
	}
	survey, err := h.Proc().Look(ctx, nil, known)
	return survey.InUse, survey.Denied, err
}

// EngineAnswerWithin is how long dockerd may take to say what it runs with, which is a
// few milliseconds: one that hangs is out of reach.
const EngineAnswerWithin = 15 * time.Second

// ObserveEngine fills in what dockerd says, but for info where that is known.
func (h *Host) ObserveEngine(ctx context.Context, c config.Config, o *Observed, info *engine.Info) error {
	client, err := h.Dial(o.Flags)
	if err != nil {
		return blocked.DockerdSilent(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeoutCause(ctx, EngineAnswerWithin, fmt.Errorf("no answer within %s", EngineAnswerWithin))
	defer cancel()
	if info == nil {
		said, err := client.Info(ctx)
		if err != nil {
			return blocked.DockerdSilent(err)
		}
		info = &said
	}
	if info.Rootless {
		return &blocked.Unreachable{Object: "dockerd", Err: errors.New("it runs rootless, which is not supported: it has no root to give away, and its files are elsewhere")}
	}
	o.Engine = info
	if info.Running > 0 {
		if o.RunningContainers, err = client.Names(ctx); err != nil {
			return blocked.DockerdSilent(err)
		}
	}
	h.Logger().Debug("dockerd", zap.String("version", info.Version), zap.String("default_runtime", info.DefaultRuntime), zap.Int("runtimes", len(info.Runtimes)))
	if c.Docker.Remap() == config.RemapAny {
		return nil
	}
	o.RemapRoots = remapRoots(*info)
	return nil
}

func (h *Host) DaemonJSON(flags engine.Flags) string {
	if flags.Set["config-file"] != "" {
		return flags.ConfigFile
	}
	return h.Paths.DaemonJSON
}

// Socket is the first unix socket that dockerd was told to listen on, or the
// usual one: fd:// is docker.socket, which listens there.
func (h *Host) Socket(flags engine.Flags) string {
	for _, host := range flags.Hosts {
		if path, ok := strings.CutPrefix(host, "unix://"); ok {
			return path
		}
	}
	return h.Paths.Socket
}

// HadUnrecordedVersion reports whether a version that kept no record was here.
func (o Observed) HadUnrecordedVersion() bool {
	return o.Before == nil && (len(o.Releases) > 0 || o.Link.Kind == release.LinkOurs)
}
