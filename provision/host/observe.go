package host

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/buildkit"
	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/dataroot"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/evidence"
	"runsc-provisioner/provision/release"
)

// Observe reads the state of the host, as far as c manages it, and changes nothing. It
// leaves out Data, which takes seconds to read. The error is a *blocked.Refused for a
// state that this program does not understand, and a *blocked.Unreachable if systemd or
// dockerd did not answer.
func (h *Host) Observe(ctx context.Context, c config.Config) (Observed, error) {
	unit, err := h.Docker(ctx)
	if err != nil {
		return Observed{}, err
	}
	return h.ObserveWith(ctx, c, unit, nil)
}

// ObserveWith is Observe for a caller that has just asked systemd for unit, and dockerd
// for info. If info is nil, it asks dockerd itself.
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
	// dockerd takes longer to answer than all other reads together.
	answer, answered := make(chan error, 1), Observed{Unit: o.Unit, Flags: o.Flags}
	go func() {
		if answered.Unit.Running() {
			answer <- h.ObserveEngine(ctx, c, &answered, info)
		} else {
			answer <- h.CheckHosts(answered.Flags)
		}
	}()
	filesErr := observeFiles(ctx, h, c, &o)
	if err := <-answer; filesErr == nil && err != nil {
		return Observed{}, err
	}
	if filesErr != nil {
		return Observed{}, filesErr
	}
	o = o.WithAnswer(answered)
	if err := h.CheckPlaces(o); err != nil {
		return Observed{}, err
	}
	if o.Engine != nil {
		observeAuthorization(ctx, h, &o)
		o.ClassicBuild = buildkit.ClassicReason(h.Paths.CLIPlugins, o.Engine.Version, switchesBuildKitOn(o.File.Doc))
	}
	h.Logger().Debug("host", zap.String("daemon_json", o.File.Path), zap.Bool("exists", o.File.Exists),
		zap.Int("releases", len(o.Releases)), zap.String("link", string(o.Link.Kind)))
	return o, nil
}

// ObserveFiles is Observe for a host whose docker.service is missing, masked or not to be understood. It asks systemd and
// dockerd for nothing else.
func (h *Host) ObserveFiles(ctx context.Context, c config.Config, unit Unit) (Observed, error) {
	o := Observed{Store: h.Paths.Store, Unit: unit}
	err := observeFiles(ctx, h, c, &o)
	return o, err
}

// observeFiles fills in what it can read without asking systemd or dockerd.
func observeFiles(ctx context.Context, h *Host, c config.Config, o *Observed) (err error) {
	if o.Unit.LoadState == "loaded" {
		if o.FlagConflicts, err = h.FlagConflicts(o.Unit); err != nil {
			return err
		}
	}
	if o.File, err = daemonfile.Read(h.DaemonJSON(o.Flags)); err != nil {
		return err
	}
	o.File.Misplaced = h.State().Misplaced(o.File.Path)
	o.Loaded, o.NextDataRoot = h.Loaded(o.Unit, o.File), nextRoot(o.File.Doc, o.Flags)
	if err := h.Store().Safe(); err != nil {
		return &blocked.Refused{Object: h.Paths.Store, Err: err}
	}
	if o.Releases, err = h.Store().List(ctx); err != nil {
		return err
	}
	if o.Link, err = h.Store().LinkState(); err != nil {
		return err
	}
	if o.BootAndMount, err = h.Paths.BootAndMount(); err != nil {
		return err
	}
	o.Before, o.BeforeUnreadable, err = h.State().Before().Read()
	if err != nil && !o.refuses(err) {
		return err
	}
	o.BeforeUnreadable = o.BeforeUnreadable || err != nil
	observeTrust(h, o)
	o.Proofs, o.FailedProofs = h.State().KnownProofs()
	o.Rejected = h.State().KnownRejections()
	o.Journal, o.FailedRecoveries = h.State().Journal().Open(), h.State().FailedRecoveries()
	if o.WaitingImages, err = h.Images().Waiting(); err != nil && !o.refuses(err) {
		return err
	}
	if c.Docker.Remap() != config.RemapAny {
		if o.IDs, err = h.ObserveIDs(ctx, c); err != nil {
			return err
		}
		if c.Docker.Remap() == config.RemapOn { // their ranges decide who root of a container is
			o.addUnsafe(durable.Trusted(o.IDs.UIDs.Path), durable.Trusted(o.IDs.GIDs.Path))
		}
	}
	if places := h.BuildKit(); c.Docker.Builds != "" || buildkit.Installed(places.Program) {
		seen := buildkit.Look(places, h.Self, o.Unit.MainPID, o.Unit.Environment, c.Docker.BuildsInSandbox() != "")
		o.BuildKit = &seen
		o.addUnsafe(seen.Unsafe...)
	}
	if h.FilesSeen != nil {
		h.FilesSeen(ctx, *o)
	}
	// What follows takes longer, and says nothing about a text.
	o.SnapRuns = h.SnapRuns(ctx)
	if o.InUse, err = observeUse(ctx, h, o.Releases); err != nil {
		return err
	}
	if err := observeEarlier(ctx, h, o); err != nil {
		return err
	}
	observeWritable(h, o)
	observeService(ctx, h, c, o)
	return observeEarlierUse(ctx, h, o)
}

// Docker asks systemd for docker.service. The error is a *blocked.Unreachable.
func (h *Host) Docker(ctx context.Context) (Unit, error) {
	unit, err := h.Units.Unit(ctx, DockerUnit)
	if err != nil {
		return Unit{}, blocked.SystemdSilent(err)
	}
	return unit, nil
}

// CheckUnit returns a *blocked.Unreachable if docker.service is missing, masked or was
// not loaded for another reason, or if it is down while Docker runs as a snap.
func (h *Host) CheckUnit(ctx context.Context, unit Unit) error {
	down := unit.LoadState == "masked" || unit.ActiveState == "inactive" || unit.ActiveState == "failed"
	switch {
	case unit.LoadState == "not-found":
		return &blocked.Unreachable{Object: DockerUnit, Err: otherDocker(ctx, h)}
	case down && h.SnapRuns(ctx):
		state := unit.ActiveState
		if unit.LoadState == "masked" {
			state = unit.LoadState
		}
		return &blocked.Unreachable{Object: DockerUnit, Err: fmt.Errorf("it is %s, and %s runs instead: %w", state, SnapUnit, blocked.ErrSnap)}
	case unit.LoadState == "loaded":
		return nil
	case unit.LoadState == "masked":
		return &blocked.Unreachable{Object: DockerUnit, Err: fmt.Errorf("systemd says it is %w", blocked.ErrMasked)}
	default:
		return &blocked.Unreachable{Object: DockerUnit, Err: fmt.Errorf("systemd says it is %s", unit.LoadState)}
	}
}

// observeUse finds the releases that processes run from. If a process cannot be read,
// every release counts as used.
func observeUse(ctx context.Context, h *Host, installed []release.Installed) (map[string]bool, error) {
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

// ProcessesByRelease counts the processes that run from each release (seen, by name), and
// the processes that could not be read (denied). Both are zero if no release is installed.
func (h *Host) ProcessesByRelease(ctx context.Context, installed []release.Installed) (seen map[string]int, denied int, err error) {
	if len(installed) == 0 {
		return nil, 0, nil
	}
	known, err := evidence.Releases(ctx, h.Store(), installed)
	if err != nil {
		return nil, 0, err
	}
	survey, err := h.Proc().Look(ctx, nil, known)
	return survey.InUse, survey.Denied, err
}

// EngineAnswerWithin limits how long dockerd may take to answer. Usually it takes a few
// milliseconds; a dockerd that hangs counts as unreachable.
const EngineAnswerWithin = 15 * time.Second

// ObserveEngine fills in the fields of o that dockerd knows. It does not ask for info if
// the caller has it; nil means unknown. The error is a *blocked.Unreachable.
func (h *Host) ObserveEngine(ctx context.Context, c config.Config, o *Observed, info *engine.Info) error {
	if err := h.CheckHosts(o.Flags); err != nil {
		return err
	}
	client, err := h.Dial(o.Flags)
	if err != nil {
		return err
	}
	defer client.Close()
	asking, cancel := context.WithTimeoutCause(ctx, EngineAnswerWithin, fmt.Errorf("no answer within %s", EngineAnswerWithin))
	defer cancel()
	wrong := make(chan error, 1)
	go func() {
		err := checkListener(ctx, h, o.Unit, o.Flags)
		if err != nil {
			cancel() // the answer of another dockerd does not count
		}
		wrong <- err
	}()
	if info == nil {
		said, infoErr := client.Info(asking)
		info, err = &said, infoErr
	}
	if wrongErr := <-wrong; wrongErr != nil {
		return wrongErr
	}
	if err != nil {
		return blocked.DockerdSilent(err)
	}
	if info.Rootless {
		return &blocked.Unreachable{Object: "dockerd", Err: errors.New("it runs rootless, which is not supported: its files and its user namespace are its own")}
	}
	o.Engine = info
	if info.Running > 0 {
		if o.RunningContainers, err = client.Names(asking); err != nil {
			return blocked.DockerdSilent(err)
		}
	}
	h.Logger().Debug("dockerd", zap.String("version", info.Version), zap.String("default_runtime", info.DefaultRuntime), zap.Int("runtimes", len(info.Runtimes)))
	if c.Docker.Remap() == config.RemapAny {
		return nil
	}
	o.RemapRoots = dataroot.RemappedRoots(*info)
	return nil
}

// WithAnswer returns o with the fields that ObserveEngine has filled in for answered.
func (o Observed) WithAnswer(answered Observed) Observed {
	o.Engine, o.RunningContainers, o.RemapRoots = answered.Engine, answered.RunningContainers, answered.RemapRoots
	return o
}

// DaemonJSON returns the path of daemon.json for a dockerd with these flags.
func (h *Host) DaemonJSON(flags commandline.Flags) string {
	if flags.Set["config-file"] != "" {
		return flags.ConfigFile
	}
	return h.Paths.DaemonJSON
}
