package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"runsc-provisioner/provision"
)

// schemaVersion is that of all JSON output; it grows when a field changes its
// meaning or goes.
const schemaVersion = 1

func newPlan(a *app) *cobra.Command {
	var (
		wanted   wantedFlags
		format   = formatFlag{value: "text", allowed: []string{"text", "json"}}
		detailed bool
		upgrade  bool
	)
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what apply would change, step by step, with a diff of daemon.json",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			layered, err := a.config(cmd, wanted)
			if err != nil {
				return err
			}
			plan, err := a.plan(cmd.Context(), layered.Config, provision.Options{Upgrade: upgrade})
			if err != nil {
				return err
			}
			if err := a.printPlanAs(format.value, plan); err != nil {
				return err
			}
			if detailed && !plan.Empty() {
				return exitError(exitChanges)
			}
			return nil
		},
	}
	wanted.add(cmd)
	cmd.Flags().Var(&format, "format", "how to print it")
	cmd.Flags().BoolVar(&detailed, "detailed-exitcode", false, "exit 2 when there is something to do")
	cmd.Flags().BoolVar(&upgrade, "upgrade", false, "as for apply")
	return cmd
}

func (a *app) plan(ctx context.Context, c provision.Config, opts provision.Options) (provision.Plan, error) {
	host, done, err := a.host(ctx)
	if err != nil {
		return provision.Plan{}, err
	}
	defer done()
	observed, err := host.Observe(ctx)
	if err != nil {
		return provision.Plan{}, err
	}
	return provision.NewPlan(c, observed, opts)
}

func (a *app) printPlanAs(format string, plan provision.Plan) error {
	if format == "json" {
		return printJSON(a.stdout, struct {
			SchemaVersion int            `json:"schema_version"`
			Plan          provision.Plan `json:"plan"`
		}{schemaVersion, plan})
	}
	a.printPlan(plan)
	a.printDiff(plan.Diff())
	return nil
}

// printPlan lists the steps, what is held and what is worth knowing.
func (a *app) printPlan(plan provision.Plan) {
	if plan.Empty() {
		a.printf("nothing to do: the host is as wanted\n")
	} else {
		a.printf("%s, disruption: %s\n", a.style(bold, count(len(plan.Steps), "step")), plan.Disruption())
	}
	for i, step := range plan.Steps {
		a.printf("  %2d  %-8s %s\n", i+1, step.Action(), printable(step.Object()))
	}
	if plan.Provisional && len(plan.Steps) > 1 {
		a.printf("  (the name in braces is known once the release was fetched)\n")
	}
	for _, held := range plan.Held {
		a.printf("%s %s: %s\n", a.style(yellow, "held:"), printable(held.What), held.Why)
	}
	for _, warning := range plan.Warnings {
		a.printf("%s %s\n", a.style(yellow, "note:"), printable(warning))
	}
}

func (a *app) printDiff(diff string) {
	if diff == "" {
		return
	}
	a.printf("\n")
	for line := range strings.Lines(diff) {
		text := strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(text, "+++"), strings.HasPrefix(text, "---"):
			a.printf("%s\n", a.style(bold, text))
		case strings.HasPrefix(text, "+"):
			a.printf("%s\n", a.style(green, text))
		case strings.HasPrefix(text, "-"):
			a.printf("%s\n", a.style(red, text))
		default:
			a.printf("%s\n", text)
		}
	}
	a.printf("\n")
}
