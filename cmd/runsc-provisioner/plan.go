package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/steps"
)

// schemaVersion is the version of all JSON output. It grows when a field changes
// its meaning or is removed.
const schemaVersion = 1

func newPlan(a *app) *cobra.Command {
	var (
		settings settingFlags
		format   = formatFlag{value: "text", allowed: []string{"text", "json"}}
		opts     optionFlags
		detailed bool
		remove   plan.Uninstall
		remover  bool
	)
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what apply would change, step by step, with a diff of daemon.json",
		Long: `plan shows the steps that apply would take, what it would hold until you allow it,
and a diff of daemon.json. It changes nothing. It takes the flags of apply, and does
not save them.

Run it as root to see everything: some files are for root only.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			plan, err := a.planOf(cmd, &settings, &opts, remover, remove)
			if err != nil {
				return err
			}
			if remover && format.value == "text" && plan.Empty() && len(plan.Held) == 0 && plan.Unfinished == nil {
				a.printNothingInstalled(plan.Warnings)
				return nil
			}
			if err := a.printPlanAs(format.value, plan); err != nil {
				return err
			}
			if code := detailedCode(plan); detailed && code != exitDone {
				return exitError(code)
			}
			return nil
		},
	}
	settings.add(cmd)
	cmd.Flags().BoolVar(&remover, "uninstall", false, "show what uninstall would do, instead")
	addAssumeUnset(cmd.Flags(), &remove)
	cmd.Flags().Var(&format, "format", "print the result in this `FORMAT`: "+format.Type())
	cmd.Flags().BoolVar(&detailed, "detailed-exitcode", false, "exit with 2 if apply would change something, and with 4 if all of that is held or waits, or is unknown; without it, a plan exits with 0")
	opts.add(cmd)
	return cmd
}

// planOf is the plan of a command line: that of apply or, with remover, that of uninstall.
func (a *app) planOf(cmd *cobra.Command, settings *settingFlags, opts *optionFlags, remover bool, remove plan.Uninstall) (plan.Plan, error) {
	if remover {
		if flag := settingWithUninstall(cmd); flag != "" {
			return plan.Plan{}, &usageError{fmt.Errorf("--%s is for apply, and does not go with --uninstall", flag), "remove one of the two"}
		}
		remove.Purge = opts.Purge
		opts.Uninstall = &remove
		p, err := a.planUninstall(cmd.Context(), opts.options())
		p.Warnings = append(a.unseen(), p.Warnings...)
		return p, err
	}
	if remove.AssumeUnset {
		return plan.Plan{}, &usageError{errors.New("--assume-unset goes with --uninstall"), "write --uninstall --assume-unset"}
	}
	in, err := a.config(cmd, *settings, opts.giveUp)
	if err != nil {
		return plan.Plan{}, err
	}
	if err := opts.check(in.Config); err != nil {
		return plan.Plan{}, err
	}
	opts.Named = settings.named(cmd)
	p, err := a.plan(cmd.Context(), in.Config, opts.options())
	if err != nil {
		return plan.Plan{}, a.besideJournal(err)
	}
	p.Held = append(checkup.HeldByConfig(in), p.Held...)
	p.Warnings = slices.Concat(in.Warnings(), pinned(in, opts.Upgrade), a.unseen(), p.Warnings)
	return p, nil
}

// settingWithUninstall is a flag of cmd that sets a part of the configuration; "" if none was given.
func settingWithUninstall(cmd *cobra.Command) (name string) {
	only := &cobra.Command{}
	(&settingFlags{}).add(only)
	only.Flags().VisitAll(func(flag *pflag.Flag) {
		if cmd.Flags().Changed(flag.Name) {
			name = flag.Name
		}
	})
	return name
}

// detailedCode is the exit code of --detailed-exitcode.
func detailedCode(p plan.Plan) int {
	switch {
	case p.Unfinished.Refuses():
		return exitHeld
	case !p.Empty(), p.Unfinished.Settles():
		return exitChanges
	case len(p.Held) > 0, p.Unfinished != nil:
		return exitHeld
	default:
		return exitDone
	}
}

func (a *app) plan(ctx context.Context, c config.Config, opts plan.Options) (plan.Plan, error) {
	host, done, err := a.host(ctx)
	if err != nil {
		return plan.Plan{}, err
	}
	defer done()
	return host.Plan(ctx, c, opts)
}

func (to *console) printPlanAs(format string, p plan.Plan) error {
	if format == "json" {
		return printJSON(to.stdout, struct {
			SchemaVersion int       `json:"schema_version"`
			Plan          plan.Plan `json:"plan"`
		}{schemaVersion, p})
	}
	to.printPlan(p)
	to.printDiff(p.Diff())
	return nil
}

// printPlan lists the steps, what is held, and the warnings.
func (to *console) printPlan(plan plan.Plan) {
	to.printUnfinished(plan.Unfinished)
	switch {
	case plan.Empty() && plan.Unfinished.Unseen():
		to.printf("nothing to do, as far as this user may see\n")
	case plan.Empty() && plan.Unfinished != nil:
		to.printf("nothing else to do on the host as it is\n")
	case plan.Empty() && len(plan.Held) > 0:
		to.printf("nothing to do except what is held\n")
	case plan.Empty():
		to.printf("nothing to do: the host matches the configuration\n")
	default:
		to.printf("%s, disruption: %s\n", to.style(bold, plural(len(plan.Steps), "step")), plan.Disruption())
	}
	for i, step := range plan.Steps {
		to.printf("  %2d  %-8s %s\n", i+1, step.Kind().Action, printable(step.Object()))
	}
	if plan.Provisional && len(plan.Steps) > 1 {
		to.printf("  (the name in braces is known after the download)\n")
	}
	to.printSwitch(plan.Switch)
	to.printHidden(plan.Hidden)
	to.printHeld(plan.Held)
	to.printNotes(plan.Warnings)
}

func (to *console) printNotes(notes []string) {
	for _, note := range notes {
		to.printf("%s %s\n", to.style(yellow, "note:"), printable(note))
	}
}

// printUnfinished says what apply does before the steps.
func (to *console) printUnfinished(u *plan.Unfinished) {
	if u == nil {
		return
	}
	label := "first:"
	if u.Unseen() {
		label = "note:"
	}
	to.printf("%s %s\n", to.style(yellow, label), printable(u.First))
}

// printHidden lists what a switch of userns-remap hides.
func (to *console) printHidden(all []plan.Hidden) {
	if len(all) == 0 {
		return
	}
	to.printf("%s until userns-remap is switched back, and not deleted:\n", to.style(yellow, "hidden"))
	for i, hidden := range all {
		if i == maxHidden {
			to.printf("      … and %d more (--format json lists them)\n", len(all)-maxHidden)
			break
		}
		size := "size unknown"
		if hidden.Bytes >= 0 {
			size = humanize.IBytes(uint64(hidden.Bytes))
		}
		if hidden.Kind == "network" {
			size = ""
		}
		to.printf("      %s\n", strings.TrimRight(fmt.Sprintf("%-9s  %s  %s  %s", hidden.Kind, printable(hidden.Name), size, printable(hidden.Note)), " "))
	}
}

// maxHidden is how many hidden things are listed.
const maxHidden = 60

// maxNames is how many of the containers that a restart stops are named.
const maxNames = 20

func (to *console) printHeld(all []steps.Held) {
	for _, held := range all {
		to.printf("%s %s: %s\n", to.style(yellow, "held:"), printable(held.What), printable(held.Why))
		for i, name := range held.Containers {
			if i == maxNames {
				to.printf("      … and %d more\n", len(held.Containers)-maxNames)
				break
			}
			to.printf("      %s\n", printable(name))
		}
	}
}

func (to *console) printDiff(diff string) {
	if diff == "" {
		return
	}
	to.printRaw("\n")
	for line := range strings.Lines(diff) {
		text := strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(text, "+++"), strings.HasPrefix(text, "---"):
			to.printRaw(to.style(bold, text) + "\n")
		case strings.HasPrefix(text, "+"):
			to.printRaw(to.style(green, text) + "\n")
		case strings.HasPrefix(text, "-"):
			to.printRaw(to.style(red, text) + "\n")
		default:
			to.printRaw(text + "\n")
		}
	}
	to.printRaw("\n")
}
