package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"runsc-provisioner/provision/audit"
	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/contest"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/process"
	"runsc-provisioner/provision/status"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/verify"
)

// LookOnce returns the status of a host without a running daemon, from one look that
// changes nothing. If the record of the accepted configuration may not be read, the
// error is fs.ErrPermission; others are those of Observe.
func LookOnce(ctx context.Context, h *host.Host, now time.Time) (status.Status, error) {
	if damage := h.ConfigFiles().Accepted().Damage; errors.Is(damage, fs.ErrPermission) {
		return status.Status{}, damage // without the record, the status would be wrong
	}
	config, err := keep(h, keptConfig{})
	if err != nil {
		return status.Status{}, err
	}
	c := config.Config
	configured := *h
	configured.Paths = h.Paths.Configured(c)
	h = &configured
	s := status.Status{SchemaVersion: status.SchemaVersion, LastLook: now, Wanted: status.WantedOf(c), ConfigKept: config.whyKept, AcceptedUnread: config.recordDamage, Held: []steps.Held{}, Contested: []contest.Contest{}}
	o, err := h.Observe(ctx, c)
	var reach *blocked.Unreachable
	if errors.As(err, &reach) && !errors.Is(err, fs.ErrPermission) {
		s.Docker, s.Host = "not known", checkup.AddJournalItem(nil, h.State().Journal().Open())
		s.Sum(err.Error())
		return s, nil
	}
	if err != nil {
		return status.Status{}, err
	}
	out := outcome{observed: o, unit: o.Unit, config: config}
	s.Docker, s.Release = dockerInWords(&out), out.installed()
	if s.Host, err = checkup.Items(c, o); err != nil {
		return status.Status{}, err
	}
	report, err := audit.Report(ctx, h, c, o)
	if err != nil {
		return status.Status{}, err
	}
	waiting := ""
	if o.Engine != nil {
		s.Containers = countReport(report, c)
		down, _, err := h.NotStarted(ctx, o, c.RuntimeNames())
		if err != nil {
			return status.Status{}, err
		}
		s.Containers.NotStarted = down[:min(len(down), maxNotStarted)]
	} else {
		waiting = fmt.Sprintf("%s is %s", host.DockerUnit, o.Unit.ActiveState)
	}
	if rejecting := plan.NewGoal(c, o).Rejecting(); rejecting != nil {
		s.Held = append(s.Held, rejecting.Held())
	}
	s.Sum(waiting)
	drifts, err := checkup.Drifts(c, o)
	if err != nil {
		return s, err
	}
	s.AtMostItsTable(drifts)
	return s, nil
}

// countReport counts the containers of a report.
func countReport(report verify.Report, c config.Config) status.Containers {
	all := containers{judged: map[string]finding{}, sawAll: true}
	_, managed := c.Docker.Runtimes[c.Docker.DefaultRuntime]
	for _, verdict := range report.Verdicts {
		all.judged[verdict.Container.ID] = finding{verdict: verdict, stray: managed && verdict.State == verify.NotSandboxed}
	}
	return all.count()
}

// Runs reports whether the daemon that published s still runs.
func Runs(s status.Status) bool { return s.PIDStart != 0 && process.Start(s.PID) == s.PIDStart }

// Suspended reports whether the daemon that published s runs, and may do nothing.
func Suspended(s status.Status) bool { return Runs(s) && process.Suspended(s.PID) }
