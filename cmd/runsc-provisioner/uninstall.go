package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"runsc-provisioner/provision"
	"runsc-provisioner/provision/plan"
)

func newUninstall(a *app) *cobra.Command {
	var (
		format = formatFlag{value: "text", allowed: []string{"text", "json"}}
		opts   plan.Options
		remove plan.Uninstall
		limits timeLimits
	)
	cmd := &cobra.Command{
		Use:   "uninstall",
		Short: "Take gVisor out of Docker again: what was there before comes back",
		Long: `uninstall puts Docker back to what it was before this program: daemon.json gets the
values that were recorded before the first change, and dockerd takes and confirms
them. Edits that other programs made since stay. The daemon is stopped and disabled,
and the link to runsc is removed. Releases and settings stay, so that apply works
again without a download; --purge removes them too.

Nothing is changed (exit 4) while containers run under a runtime of this program.
Stopped ones that would not start any more are named. If userns-remap or builds are
on, Docker must restart, which --allow-restart allows if containers run.

plan --uninstall shows the steps. To undo one thing only, use apply: the flags
--default-runtime=off, --userns-remap=off, --builds=off and --names=off.

The program itself stays: remove its package, or run make uninstall.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.euid != 0 {
				return errNotRoot
			}
			report := newRunReport(a, format.value, true)
			opts.Uninstall = &remove
			result, err := a.uninstall(cmd.Context(), opts, limits, report)
			if err != nil {
				return report.failed(result, err)
			}
			return report.finishUninstall(result)
		},
	}
	flags := cmd.Flags()
	flags.Var(&format, "format", "print the result in this `FORMAT`: "+format.Type())
	flags.BoolVar(&remove.Purge, "purge", false, "also remove the releases, the records, the saved flags, and the user and ids of userns-remap")
	flags.BoolVar(&opts.AllowRestart, "allow-restart", false, "allow a restart of Docker, if one is needed, although it stops running containers")
	flags.BoolVar(&opts.AllowHiddenData, "allow-hidden-data", false, "allow userns-remap to be switched off, although Docker then does not see its present images, containers and volumes")
	addAssumeUnset(flags, &remove)
	limits.add(cmd)
	flags.DurationVar(&limits.restart, "restart-timeout", 2*time.Minute, "wait at most this `DURATION` for Docker to restart; then put everything back")
	return cmd
}

func addAssumeUnset(flags *pflag.FlagSet, remove *plan.Uninstall) {
	flags.BoolVar(&remove.AssumeUnset, "assume-unset", false, "take settings for unset before this program, if no record says what they were")
}

// uninstall holds the lock. A broken configuration does not keep it: what was accepted last counts.
func (a *app) uninstall(ctx context.Context, opts plan.Options, limits timeLimits, report *runReport) (provision.Result, error) {
	in, problem, fatal := a.inEffect()
	host, done, err := a.lockedHost(ctx, limits.lock)
	if err != nil {
		return provision.Result{}, err
	}
	defer done()
	host.RestartWithin = limits.restart
	host.Report = report.event
	report.notes = unusableConfig(problem, fatal)
	return host.Uninstall(ctx, in.Config, opts)
}

// unusableConfig says that the configuration does not describe the host.
func unusableConfig(problem, fatal error) []string {
	switch {
	case fatal != nil:
		return []string{"the configuration cannot be read, so only the records and daemon.json say what is of this program: " + fatal.Error()}
	case problem != nil:
		return []string{problem.Error()}
	}
	return nil
}

// planUninstall is plan for uninstall.
func (a *app) planUninstall(ctx context.Context, opts plan.Options) (plan.Plan, error) {
	in, problem, fatal := a.inEffect()
	host, done, err := a.host(ctx)
	if err != nil {
		return plan.Plan{}, err
	}
	defer done()
	p, err := host.PlanUninstall(ctx, in.Config, opts)
	p.Warnings = append(unusableConfig(problem, fatal), p.Warnings...)
	return p, err
}

// finishUninstall prints the summary. If something is held, all is, and the exit code is 4.
func (t *runReport) finishUninstall(result provision.Result) error {
	t.app.eachOutput((*output).keepAll)
	held := len(result.Last.Held) > 0
	switch {
	case t.json:
		if err := t.printJSON(result, nil); err != nil {
			return err
		}
	case held:
		t.app.printf("%s\n", heldSummary(result))
		t.app.printHeld(result.Last.Held)
		t.app.printNotes(append(t.notes, result.Last.Warnings...))
	case !result.Changed:
		t.app.printNothingInstalled(append(t.notes, result.Last.Warnings...))
	default:
		t.app.printNotes(append(t.notes, result.Last.Warnings...))
		t.app.printf("done in %s: %s\n", durationText(time.Since(t.started)), endOfUninstall(result))
	}
	if held {
		return exitError(exitHeld)
	}
	return nil
}

// printNothingInstalled prints the result of a run that finds nothing to do.
func (to *console) printNothingInstalled(notes []string) {
	to.printf("nothing to do: Docker has nothing of this program\n")
	to.printNotes(notes)
}

// heldSummary says what a run did before a part was held.
func heldSummary(result provision.Result) string {
	if result.Changed {
		return endOfUninstall(result) + "; the rest waits"
	}
	return "nothing was changed"
}

// endOfUninstall says how Docker is after an uninstall.
func endOfUninstall(result provision.Result) string {
	if result.Observed.Engine == nil {
		return "Docker is not running, and starts as before this program"
	}
	return "Docker runs as before this program"
}
