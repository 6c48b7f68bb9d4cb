package host

import (
	"runsc-provisioner/provision/buildkit"
	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/dataroot"
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
	Flags commandline.Flags
	// SnapRuns is true if Docker also runs as a snap. Its containers are not in Observed.
	SnapRuns bool
	// FlagConflicts are managed options of daemon.json that dockerd also has as a flag,
	// and OptionHosts: dockerd does not start with both.
	FlagConflicts []*commandline.FlagConflict
	// File is daemon.json as it is on disk.
	File daemonfile.File
	// Loaded has the digests of the options that the running dockerd read from
	// daemon.json. An unknown part is nil.
	Loaded state.Loaded
	// AuthorizationGone are the authorization plugins of daemon.json that dockerd would not
	// find now: a reload would end it.
	AuthorizationGone []string
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
	// Rejected are the arguments that runsc of an installed release rejected, by
	// state.RejectionKey; nil if this user may not read them.
	Rejected map[string]bool
	// Store is the directory that holds the releases.
	Store string
	// IDs are the accounts and subordinate ids. They are read only if the configuration
	// manages userns-remap.
	IDs subid.Identities
	// Data describes what dockerd keeps in its data root. Observe leaves it nil:
	// ObserveData fills it in for a plan that may switch userns-remap.
	Data *dataroot.Contents
	// RemapRoots is how many data roots dockerd has used with userns-remap. It is 0 if
	// the configuration does not manage userns-remap.
	RemapRoots int
	// WaitingImages are images that wait to be loaded into another data root; or nil.
	WaitingImages *images.Saved
	// Journal is the open journal of a run; nil if there is none.
	Journal *state.OpenJournal
	// FailedRecoveries are the recoveries that failed, the newest last.
	FailedRecoveries []state.FailedRecovery
	// Releases are the installed releases.
	Releases []release.Installed
	// Withdrawn is what this host went back from, the oldest first.
	Withdrawn []release.Withdrawn
	// Link is the symlink that selects the current release.
	Link release.LinkState
	// EarlierStores are the stores that are no longer configured, EarlierReleases the
	// releases there, and EarlierLinks our links at paths that are no longer configured.
	EarlierStores   []string
	EarlierReleases []release.Installed
	EarlierLinks    []release.LinkState
	// EarlierInUse is InUse for EarlierReleases, by directory.
	EarlierInUse map[string]bool
	// CannotWrite says why a place cannot be written to: Store, the directory of Link, and
	// the directories of earlier stores and links; no entry if nothing keeps root from it.
	CannotWrite map[string]string
	// ServiceCannotWrite says which of the configured places the daemon's unit keeps it from
	// writing to, and what to do; "" if none.
	ServiceCannotWrite string
	// InUse says for each release, by name, whether processes run from it. It is true
	// if that is unknown.
	InUse map[string]bool
	// Before is the record of the host before this program changed it; nil if there is
	// none, or if BeforeUnreadable.
	Before *state.Before
	// BeforeUnreadable says that this user may not read that record.
	BeforeUnreadable bool
	// Refusals are why a run that a person started must not change this host: records that
	// cannot be used, and files that other users may change. The daemon goes on without
	// them, and reports them.
	Refusals []error // each a *blocked.Refused, or a *durable.UnsafeError
	// Defects are records that the next run moves away.
	Defects []state.Defect
	// Untrusted are records that the daemon moved away, because other users could have
	// written them, and that are still there.
	Untrusted []string
	// ClassicBuild says why `docker build` uses the classic builder, which runs its
	// steps under the default runtime; "" if nothing shows that it does.
	ClassicBuild string
	// BuildKit decides about the steps of other builds; nil if neither the configuration nor the
	// host has them in gVisor.
	BuildKit *buildkit.Seen
}

// HadUnrecordedVersion reports whether a version of this program that kept no record has
// changed this host.
func (o Observed) HadUnrecordedVersion() bool {
	return o.Before == nil && (len(o.Releases) > 0 || o.Link.Kind == release.LinkOurs)
}
