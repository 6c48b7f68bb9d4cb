// Package provision changes a host so that its containers run in gVisor. It and package
// transaction, which it calls, are the only code that changes one. It observes the host
// (package host), compares it with the configuration in a pure function (package plan),
// carries out a short list of steps, and observes again until nothing is left to do.
//
// It guarantees the following. daemon.json keeps every byte that is not the value of a
// key named in the configuration. Nothing is registered with dockerd before a sandbox of
// it was seen to run on this host. Docker is restarted only for what a reload cannot do
// and, if that stops containers, only with consent. What Docker or others could notice is
// one transaction (package transaction): an error leaves the old daemon.json, and so does a
// kill at any instant, because the next run finishes or reverts the change. Docker is
// started only if it is down because of a change of this program.
package provision

import (
	"context"
	"net/http"
	"time"

	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/proof"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/provision/transaction"
)

// Provisioner changes a host. Besides the fields of Host, it needs Jobs and Self.
type Provisioner struct {
	host.Host
	Jobs transaction.Jobs
	// Service is needed for Uninstall only.
	Service ServiceJobs
	// HTTP fetches releases; nil is the default client of package release.
	HTTP *http.Client
	// Limits bound what is fetched; the zero value is for real networks.
	Limits release.Limits
	// Now is the clock that the age of releases and indexes goes by; nil is time.Now.
	Now func() time.Time
	// ConfirmWithin and RestartWithin are those of transaction.Docker.
	ConfirmWithin, RestartWithin time.Duration
	// ProveInDocker replaces the proof through dockerd in tests with a fake dockerd; nil is
	// the real proof.
	ProveInDocker func(context.Context, steps.ProveInDocker) (result string, err error)
	// ProveOutside carries out the proof outside Docker if this process lacks the
	// privileges to start a sandbox; nil is Prover().Prove.
	ProveOutside func(context.Context, steps.Prove) (result string, err error)
	// TakeFetched returns a release from an earlier Fetch for Converge to install. Its
	// error holds back the installation. It may release the lock while it runs. With nil,
	// Converge fetches the release itself and keeps the lock.
	TakeFetched func(ctx context.Context, s steps.InstallRelease, have []release.Installed) (*Fetched, error)
	// WaitForWriters waits until no program is writing daemon.json. It is called after
	// another program has changed the file, before the next observation; nil does not wait.
	WaitForWriters func(ctx context.Context, path string) error
	// BeforeObserve is called before each observation by Converge; may be nil.
	BeforeObserve func()
	// RecoveryOptions says what ConvergeBy may do to Docker to settle a change of a killed
	// run, as for a plan; nil allows a reload.
	RecoveryOptions func() (plan.Options, error)
	// Report receives each event as it happens; may be nil.
	Report func(Event)
	// known is dockerd's last answer; nil before the first Converge.
	known *known
	// mended says what Lock has moved away, until it is reported.
	mended []string
	// onInstalled receives the name of each release that was missing from the store, and
	// whether the daemon took it by itself; may be nil.
	onInstalled func(name string, auto bool)
	// onObtained receives each release that was fetched, or that the source had and was
	// installed, with those that were installed before; may be nil.
	onObtained func(steps.InstallRelease, release.Installed, []release.Installed) error
	// onNoLink receives why the link could not be made; may be nil.
	onNoLink func(error)
}

// store is the host's store, with the limits of pr for fetching.
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

// Prover starts proofs with this program's own binary.
func (pr *Provisioner) Prover() proof.Runner { return proof.Runner{Host: &pr.Host, Self: pr.Self} }
