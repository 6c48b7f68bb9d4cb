package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"runsc-provisioner/provision"
	"runsc-provisioner/provision/audit"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/plan"
)

func newRollback(a *app) *cobra.Command {
	var (
		format = formatFlag{value: "text", allowed: []string{"text", "json"}}
		limits timeLimits
	)
	cmd := &cobra.Command{
		Use:   "rollback",
		Short: "Return to the previous release, at once and without a network",
		Long: `rollback makes Docker run the previous gVisor release again: the newest one in the
store that is older than the one in use. New containers run in it; running ones keep
theirs until they end.

The newer release stays installed as long as something runs from it. It is not used
again until you ask for it: apply --release=RELEASE, or apply --upgrade. The daemon
does not take it again by itself. A newer one than that is taken as ever.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.euid != 0 {
				return errNotRoot
			}
			in, err := a.config(cmd, settingFlags{}, false)
			if err != nil {
				return err
			}
			report := newRunReport(a, format.value, true)
			result, err := a.rollback(cmd.Context(), in, limits, report)
			if err != nil {
				return report.failed(result, err)
			}
			return report.finish(result)
		},
	}
	cmd.Flags().Var(&format, "format", "print the result in this `FORMAT`: "+format.Type())
	limits.add(cmd)
	return cmd
}

// rollback returns to the previous release. It holds the lock.
func (a *app) rollback(ctx context.Context, in config.InEffect, limits timeLimits, report *runReport) (provision.Result, error) {
	host, done, err := a.lockedHost(ctx, limits.lock)
	if err != nil {
		return provision.Result{}, err
	}
	defer done()
	host.Report = report.event
	from, to, result, err := host.Rollback(ctx, in.Config, plan.Options{})
	report.notes = in.Warnings()
	if err == nil && len(result.Last.Held) == 0 {
		report.notes = append(report.notes, fmt.Sprintf("Docker runs gVisor %s; %s is not used again until you ask for it: sudo runsc-provisioner apply --release=%s", to, from, from))
	}
	if err == nil {
		report.losing, report.losingErr = audit.LosingWrites(ctx, &host.Host, in.Config, result.Observed)
		report.addNotStarted(host.NotStarted(ctx, result.Observed, in.Config.RuntimeNames()))
	}
	return result, err
}
