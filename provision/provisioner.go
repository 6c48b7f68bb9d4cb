// Package provision makes a host run its containers in gVisor, and is the only code
// that changes one. The host is observed (package host), compared with what is wanted
// by a pure function (package plan), changed by a short list of steps that are data,
// and observed again until nothing is left to do.
//
// It guarantees that daemon.json keeps every byte that is not the value of a key named
// in the configuration, that nothing is registered with dockerd before a sandbox of it
// was seen to run on this host, and that an error leaves the daemon.json that was
// there, also after a kill at any instant: a journal says what a run is about to do,
// and the next run finishes or reverts it. It restarts Docker only for what a reload
// cannot do and, where containers would be stopped, only with consent. It starts
// Docker only where Docker is down because of a change of its own.
package provision

import (
	"context"
	"errors"
	"net/http"
	"time"

	"runsc-provisioner/provision/await"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/proof"
	"runsc-provisioner/provision/release"
)

// Jobs are what systemd is asked to do.
type Jobs interface {
	// Reload, Restart and Start wait for systemd's job. One whose outcome was
	// not seen is an ErrOutcomeUnknown.
	Reload(ctx context.Context, name string) error
	Restart(ctx context.Context, name string) error
	Start(ctx context.Context, name string) error
	ResetFailed(ctx context.Context, name string) error
}

// ErrOutcomeUnknown says that the connection to systemd went away before the
// answer came: the unit's state says what became of the job.
var ErrOutcomeUnknown = errors.New("outcome unknown")

// Provisioner changes a host. Beside Host's own, the fields Jobs and Self are
// needed.
type Provisioner struct {
	host.Host
	Jobs Jobs
	// Self is the path of this program's own static binary: the proof runs it
	// inside the sandbox, with ProofArg.
	Self string
	// HTTP fetches releases; nil is the default client of package release.
	HTTP *http.Client
	// Limits bound what is fetched; the zero value is for real networks.
	Limits release.Limits
	// ConfirmWithin bounds the wait for dockerd to show a change; zero is 15 s.
	ConfirmWithin time.Duration
	// RestartWithin bounds a restart of Docker; zero is 2 min. docker.service
	// has no limit of its own.
	RestartWithin time.Duration
	// InDocker stands for the proof through dockerd where dockerd is a fake; nil
	// is the real one.
	ProveInDocker func(context.Context, plan.ProveInDocker) (seen string, err error)
	// Outside carries out the proof outside Docker where this process has not
	// the privileges to start a sandbox; nil is Prover().Prove.
	ProveOutside func(context.Context, plan.Prove) (seen string, err error)
	// Fetched gives what Converge installs, by way of Fetch; its error holds that
	// back. It may let others have the lock meanwhile. nil has it fetched while they
	// wait.
	TakeFetched func(ctx context.Context, s plan.InstallRelease, have []release.Installed) (*Fetched, error)
	// Settle waits until no program is writing daemon.json, before it is looked at
	// again because another program has changed it; nil does not wait.
	WaitForWriters func(ctx context.Context, path string) error
	// BeforeLook is called before each look that Converge takes; nil is not.
	BeforeObserve func()
	// Consent says what ConvergeBy may do to Docker to settle what a killed run has
	// left: no more than a plan may. nil consents to a reload.
	RecoveryOptions func() (plan.Options, error)
	// Report is told what is being done, as it is done; nil tells nobody.
	Report func(Event)
	// brought is told of each release that was not in the store before; nil is not.
	onInstalled func(name string)
}

// dockerd is the dockerd that is waited for to show a change.
func (pr *Provisioner) dockerd() await.Dockerd {
	return await.Dockerd{Host: &pr.Host, Timeout: pr.confirmWithin()}
}

// store is the host's, where fetching has the limits of pr.
func (pr *Provisioner) store() release.Store {
	store := pr.Host.Store()
	store.Limits = pr.Limits
	return store
}

func (pr *Provisioner) report(e Event) {
	if pr.Report != nil {
		pr.Report(e)
	}
}

func (pr *Provisioner) confirmWithin() time.Duration {
	if pr.ConfirmWithin == 0 {
		return defaultConfirmWithin
	}
	return pr.ConfirmWithin
}

func (pr *Provisioner) restartWithin() time.Duration {
	if pr.RestartWithin == 0 {
		return defaultRestartWithin
	}
	return pr.RestartWithin
}

// dockerSocket starts DockerUnit when it is connected to, and fails with it
// when that was started too often.
const dockerSocket = "docker.socket"

// runner proves with this program's own binary.
func (pr *Provisioner) Prover() proof.Runner { return proof.Runner{Host: &pr.Host, Self: pr.Self} }
