package main

import (
	"context"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/difference"
	"runsc-provisioner/provision/doctor"
	"runsc-provisioner/provision/host"
)

func newDoctor(a *app) *cobra.Command {
	format := formatFlag{value: "table", allowed: []string{"table", "json"}}
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what stops gVisor, Docker or this program from working here",
		Long: `doctor checks the kernel, cgroups, KVM, subordinate ids, units, daemon.json,
Docker's API, disk space, proxy and clock. Each check is independent. doctor
changes nothing, and waits at most 5 seconds for each answer. It also lists what
works differently for the containers that run in a sandbox.

Exit codes are those of verify: 0 ok, 1 warning, 2 critical, 3 unknown.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			found, done := a.doctor(cmd.Context())
			defer done()
			worst := checkup.Healthy
			for _, item := range found.Items {
				worst = max(worst, item.Health)
			}
			if err := a.printDoctor(format.value, worst, found); err != nil {
				return err
			}
			if code := pluginCodes[worst]; code != 0 {
				return exitError(code)
			}
			return nil
		},
	}
	cmd.Flags().Var(&format, "format", "print the result in this `FORMAT`: "+format.Type())
	return cmd
}

// doctor returns what was found, and a function that closes the connection.
func (a *app) doctor(ctx context.Context) (doctor.Diagnosis, func()) {
	in, confErr, _ := a.inEffect()
	if confErr == nil && in.Missing != "" {
		confErr = &config.MissingError{Text: in.Missing}
	}
	host, done := a.hostEvenWithoutSystemd(ctx)
	return doctor.Run(ctx, host, in.Config, confErr, os.Getenv), done
}

// configOrDefault is the configuration in effect, or else the default one, with
// the error in it.
func (a *app) configOrDefault() (config.Config, error) {
	in, err, _ := a.inEffect()
	return in.Config, err
}

// hostEvenWithoutSystemd is host, even if systemd is out of reach or does not answer.
func (a *app) hostEvenWithoutSystemd(ctx context.Context) (*host.Host, func()) {
	var units unitsCloser
	err := host.Ask(ctx, host.AnswerWithin, func(ctx context.Context) (err error) {
		units, err = a.systemd(ctx)
		return err
	})
	if err == nil {
		return a.hostWith(units), units.Close
	}
	return a.hostWith(noUnits{err}), func() {}
}

func (to *console) printDoctor(format string, worst checkup.Health, found doctor.Diagnosis) error {
	items := found.Items
	if format == "json" {
		return printJSON(to.stdout, struct {
			SchemaVersion int               `json:"schema_version"`
			Status        checkup.Health    `json:"status"`
			Items         []checkup.Item    `json:"items"`
			Differences   []difference.Item `json:"differences,omitempty"`
			Unseen        []string          `json:"differences_unseen,omitempty"`
		}{schemaVersion, worst, items, found.Differences, found.Unseen})
	}
	table := to.newTable()
	table.row("WHAT", "STATUS", "SEEN")
	for _, item := range items {
		// errors.Join puts each of its errors on a line of its own.
		table.row(printable(item.Name), item.Health.String(), printable(strings.ReplaceAll(item.Seen, "\n", ": ")))
	}
	if err := table.flush(); err != nil {
		return err
	}
	to.printf("\n%s\n", worst)
	for _, item := range items {
		if item.Health != checkup.Healthy && item.Remedy != "" {
			to.printf("  %s: %s\n", printable(item.Name), printable(item.Remedy))
		}
	}
	if len(found.Differences) > 0 {
		to.printf("\n%s from runc, for containers that run in a sandbox (no fault, docs/what-changes.md):\n", to.style(yellow, "differs"))
	}
	to.printDifferences(found.Differences)
	to.printUnseen(found.Unseen)
	return nil
}
