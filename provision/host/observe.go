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

// Observed is the state of the host at one moment. Everything that plans, verifies or
// reports reads this value, and nothing changes it after Observe.
type Observed struct {
	// Unit is docker.service.
	Unit Unit
	// Command is the command line of the running dockerd, or the one that
	// docker.service would start.
	Command []string
	// Flags are the parsed flags of Command.
	Flags engine.Flags
	// FlagConflicts are managed options of daemon.json that dockerd also has as a flag:
	// dockerd does not start with both.
	FlagConflicts []*engine.FlagConflict
	// File is daemon.json as it is on disk.
	File daemonfile.File
	// Loaded has the digests of the options that the running dockerd read from
	// daemon.json. An unknown part is nil.
	Loaded state.Loaded
	// NextDataRoot is the data root that dockerd would use after a restart, without the
	// directory that userns-remap appends; "" means unknown.
	NextDataRoot string
	// Engine is what dockerd runs with; nil if docker.service is not active.
	Engine *engine.Info
	// RunningContainers are the names of the running containers.
	RunningContainers []string
	// BootAndMount identifies the boot of the kernel and the mount flags of the store. A
	// proof holds only while it stays the same.
	BootAndMount string
	// Proofs are the proofs through Docker that succeeded, by state.ProofKey and
	// state.PastProofKey; nil if this user may not read them.
	Proofs map[string]bool
	// FailedProofs are the proofs through Docker that failed at the last try, by
	// state.ProofKey; nil if this user may not read them.
	FailedProofs map[string]bool
	// Store is the directory that holds the releases.
	Store string
	// IDs are the accounts and subordinate ids. They are read only if the configuration
	// manages userns-remap.
	IDs subid.Identities
	// Data describes what dockerd keeps in its data root. Observe leaves it nil:
	// ObserveData fills it in for a plan that may switch userns-remap.
	Data *DataRoot
	// RemapRoots is how many data roots dockerd has used with userns-remap. It is 0 if
	// the configuration does not manage userns-remap.
	RemapRoots int
	// WaitingImages are images that wait to be loaded into another data root; or nil.
	WaitingImages *images.Saved
	// FailedRecoveries are the recoveries that failed, the newest last.
	FailedRecoveries []state.FailedRecovery
	// Releases are the installed releases.
	Releases []release.Installed
	// Link is the symlink that selects the current release.
	Link release.LinkState
	// InUse says for each release, by name, whether processes run from it. It is true
	// if that is unknown.
	InUse map[string]bool
	// Before is the record of the host before this program changed it; nil if there is
	// none, or if BeforeUnreadable.
	Before *state.Before
	// BeforeUnreadable says that this user may not read that record.
	BeforeUnreadable bool
	// ClassicBuild says why `docker build` uses the classic builder, which runs its
	// steps under the default runtime; "" if nothing shows that it does.
	ClassicBuild string
}

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

// observeFiles fills in what it can read without asking systemd or dockerd.
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

// Docker asks systemd for docker.service. The error is a *blocked.Unreachable.
func (h *Host) Docker(ctx context.Context) (Unit, error) {
	unit, err := h.Units.Unit(ctx, DockerUnit)
	if err != nil {
		return Unit{}, blocked.SystemdSilent(err)
	}
	return unit, nil
}

// CheckUnit returns a *blocked.Unreachable if docker.service is missing, masked or was
// not loaded for another reason.
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

// CommandLine returns the command line of the running dockerd, or the one that unit would
// start, and its flags. The error is a *blocked.Refused if the command line cannot be read,
// a *blocked.Unreachable if its flags do not parse.
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

// FlagConflicts finds the managed options that dockerd also has as a flag.
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

// observeUse finds the releases that processes run from. If a process cannot be read,
// every release counts as used.
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

// ProcessesByRelease counts the processes that run from each release (seen, by name), and
// the processes that could not be read (denied). Both are zero if no release is installed.
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

// EngineAnswerWithin limits how long dockerd may take to answer. Usually it takes a few
// milliseconds; a dockerd that hangs counts as unreachable.
const EngineAnswerWithin = 15 * time.Second

// ObserveEngine fills in the fields of o that dockerd knows. It does not ask for info if
// the caller has it; nil means unknown. The error is a *blocked.Unreachable.
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
		return &blocked.Unreachable{Object: "dockerd", Err: errors.New("it runs rootless, which is not supported: its files and its user namespace are its own")}
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

// DaemonJSON returns the path of daemon.json for a dockerd with these flags.
func (h *Host) DaemonJSON(flags engine.Flags) string {
	if flags.Set["config-file"] != "" {
		return flags.ConfigFile
	}
	return h.Paths.DaemonJSON
}

// Socket returns the first unix socket that the flags of dockerd name, or
// Paths.Socket: with fd://, docker.socket listens there.
func (h *Host) Socket(flags engine.Flags) string {
	for _, host := range flags.Hosts {
		if path, ok := strings.CutPrefix(host, "unix://"); ok {
			return path
		}
	}
	return h.Paths.Socket
}

// HadUnrecordedVersion reports whether a version of this program that kept no record has
// changed this host.
func (o Observed) HadUnrecordedVersion() bool {
	return o.Before == nil && (len(o.Releases) > 0 || o.Link.Kind == release.LinkOurs)
}
