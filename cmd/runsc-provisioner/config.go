package main

import (
	"text/tabwriter"

	"github.com/spf13/cobra"

	"runsc-provisioner/provision"
)

func newConfig(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check or show the configuration",
		Args:  usageArgs(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newConfigCheck(a), newConfigShow(a))
	return cmd
}

func newConfigCheck(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Say whether the configuration is understood",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			if _, err := provision.LoadConfig(a.paths.Config); err != nil {
				return err
			}
			a.printf("%s is understood\n", a.paths.Config)
			return nil
		},
	}
}

func newConfigShow(a *app) *cobra.Command {
	format := formatFlag{value: "text", allowed: []string{"text", "json"}}
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show every value and where it comes from",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			layered, err := provision.LoadConfig(a.paths.Config)
			if err != nil {
				return err
			}
			if format.value == "json" {
				return printJSON(a.stdout, struct {
					SchemaVersion int               `json:"schema_version"`
					Config        provision.Config  `json:"config"`
					Sources       map[string]string `json:"sources"`
				}{schemaVersion, layered.Config, layered.Sources})
			}
			return a.printConfig(layered)
		},
	}
	cmd.Flags().Var(&format, "format", "how to print it")
	return cmd
}

func (a *app) printConfig(layered provision.Layered) error {
	values, err := layered.Values()
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, v := range values {
		if _, err := table.Write([]byte(printable(v[0]) + "\t= " + printable(v[1]) + "\t# " + printable(v[2]) + "\n")); err != nil {
			return err
		}
	}
	return table.Flush()
}
