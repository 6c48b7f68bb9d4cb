// Package prepare refuses, before the first step, a plan whose files could not be replaced
// or whose text dockerd would not start from, and records the host as it was before this
// program changes it. It writes nothing but that record.
package prepare

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/room"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/provision/validate"
)

// Depth says how closely Check looks at a plan.
type Depth int

// The depths.
const (
	Look    Depth = iota // write nothing at all: the plan is only shown
	Probe                // put a temporary file beside each file that the plan replaces
	Install              // Probe for a plan that is only carried out up to the installation of its release
)

// Check refuses a plan whose files could not be replaced, or whose daemon.json dockerd
// would not start from. It changes nothing. validated is the key of a validation for the
// caller to record, or "". begun is a validation that may be of the same text, or nil. The
// error of a refused plan is *blocked.Refused.
func Check(ctx context.Context, h *host.Host, p plan.Plan, o host.Observed, depth Depth, begun *validate.Begun) (validated string, err error) {
	if os.Geteuid() != 0 && h.Owner == 0 {
		depth = Look
	}
	if err := checkPlaces(h, p, o); err != nil {
		return "", err
	}
	if err := checkIDsReplaceable(p, depth); err != nil {
		return "", err
	}
	if err := checkExecutable(h, p); err != nil {
		return "", err
	}
	text := p.LastText()
	if text == nil {
		return "", nil
	}
	doc, err := daemonjson.Parse(text)
	if err != nil {
		return "", &blocked.Refused{Object: o.File.Path, Err: err}
	}
	if err := plan.CheckDefaultRuntime(doc, o); err != nil {
		return "", err
	}
	if _, validated, err = begun.Document(ctx, h, doc, o); err != nil {
		return "", err
	}
	check := daemonfile.CheckReplaceable
	if depth == Look {
		check = daemonfile.LookReplaceable
	}
	err = check(o.File)
	if depth == Install && errors.Is(err, daemonfile.ErrDeclared) {
		return validated, nil // the next plan names the path of the release
	}
	return validated, withDeclaration(err, doc, p)
}

// Begin begins the validation of Check. It returns nil if there is none, or if the text is not
// valid, which Check reports.
func Begin(ctx context.Context, h *host.Host, p plan.Plan, o host.Observed) *validate.Begun {
	text := p.LastText()
	if text == nil {
		return nil
	}
	doc, err := daemonjson.Parse(text)
	if err != nil {
		return nil
	}
	return validate.Begin(ctx, h, doc, o)
}

// checkExecutable refuses a plan that starts programs from a file system on which none can
// start: runsc from the store, and a proof's process from the state directory.
func checkExecutable(h *host.Host, p plan.Plan) error {
	for _, step := range p.Steps {
		var dir, what string
		switch step.(type) {
		case steps.InstallRelease:
			dir, what = h.Paths.Store, "runsc"
		case steps.Prove:
			dir, what = h.Paths.State, "the process of a proof"
		default:
			continue
		}
		if at, seen, err := room.LookAbove(dir); err == nil && seen.NoExec {
			return blocked.Refuse(dir, "%s is on a file system that is mounted noexec, and %s starts from there: mount it without noexec (mount -o remount,exec, and /etc/fstab)", at, what)
		}
	}
	return nil
}

// checkIDsReplaceable refuses a plan if a file of subordinate ids could not be replaced.
func checkIDsReplaceable(p plan.Plan, depth Depth) error {
	for _, step := range p.Steps {
		s, ok := step.(steps.EditIDs)
		if !ok {
			continue
		}
		info, err := os.Lstat(s.Path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // the step makes it
		}
		if err != nil {
			return &blocked.Refused{Object: s.Path, Err: err}
		}
		if !info.Mode().IsRegular() {
			return blocked.Refuse(s.Path, "is %s, not a regular file: dockerd and useradd read such a file differently", durable.KindOf(info.Mode()))
		}
		if err := daemonfile.LookReplace(s.Path, s.Path); err != nil {
			return err
		}
		if depth == Look {
			continue
		}
		if err := daemonfile.CanReplace(s.Path, s.Path, durable.Plain(info.Mode().Perm())); err != nil {
			return err
		}
	}
	return nil
}
