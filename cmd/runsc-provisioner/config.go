package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/redact"
)

func newConfig(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check or show the configuration",
		Long: `config reads config.toml, then config.d/*.toml in the order of their names; a later
file overrides an earlier one. It changes nothing. To change a setting, edit
config.toml, or give apply a flag, which it saves to config.d/50-apply.toml.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newConfigCheck(a), newConfigShow(a))
	return cmd
}

func newConfigCheck(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Check that the configuration is valid",
		Long: `check reads the configuration files, and the keys that release.keyring names. It
exits with 0 if they are valid, and with 78 after it has named the first error with
its file and line.`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			layered, err := config.Load(a.paths.Config)
			if err != nil {
				return err
			}
			if err := layered.CheckKeyring(); err != nil {
				return err
			}
			a.printf("%s is valid\n", a.paths.Config)
			return nil
		},
	}
}

func newConfigShow(a *app) *cobra.Command {
	format := formatFlag{value: "text", allowed: []string{"text", "json"}}
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show every value and where it comes from",
		Long: `show lists every key with its value, and the file that sets it; "built in" is the
default. It also lists settings that are in effect but missing from the files. The
user and password in a URL, and the values of arguments that runsc does not have,
are hidden.`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			layered, err := config.Load(a.paths.Config)
			if err != nil {
				return err
			}
			layered.Config = withoutSecrets(layered.Config)
			missing, err := a.missingValues()
			if err != nil {
				return err
			}
			if format.value == "json" {
				return printJSON(a.stdout, struct {
					SchemaVersion int               `json:"schema_version"`
					Config        config.Config     `json:"config"`
					Sources       map[string]string `json:"sources"`
					// Missing are values in effect, in TOML, that the files no longer have.
					Missing map[string]string `json:"missing,omitempty"`
				}{schemaVersion, layered.Config, layered.Sources, valuesByKey(missing)})
			}
			return a.printConfig(layered, missing)
		},
	}
	cmd.Flags().Var(&format, "format", "print the result in this `FORMAT`: "+format.Type())
	return cmd
}

// missingValues are the settings in effect that the files no longer have. Written
// back, they would be complete.
func (a *app) missingValues() ([][3]string, error) {
	in, _, fatal := a.inEffect()
	if fatal != nil || in.Lost == nil {
		return nil, nil // without a record to compare with, nothing is missing
	}
	in.Config = withoutSecrets(in.Config)
	all, err := in.Values()
	return slices.DeleteFunc(all, func(v [3]string) bool {
		return !slices.ContainsFunc(in.Lost.Keys, func(key string) bool { return v[0] == key || strings.HasPrefix(v[0], key+".") })
	}), err
}

// withoutSecrets is c with the arguments of its runtimes as the plan shows them.
func withoutSecrets(c config.Config) config.Config {
	c.Docker.Runtimes = maps.Clone(c.Docker.Runtimes)
	for name, runtime := range c.Docker.Runtimes {
		runtime.Args = redact.RuntimeArguments(runtime.Args)
		c.Docker.Runtimes[name] = runtime
	}
	return c
}

func valuesByKey(values [][3]string) map[string]string {
	text := map[string]string{}
	for _, v := range values {
		text[v[0]] = v[1]
	}
	return text
}

func (to *console) printConfig(layered config.Layered, missing [][3]string) error {
	values, err := layered.Values()
	if err != nil {
		return err
	}
	for _, v := range missing {
		values = append(values, [3]string{v[0], v[1], "missing, but in effect: was in " + v[2]})
	}
	table := to.newTable()
	for _, v := range values {
		table.row(printable(v[0]), "= "+printable(v[1]), "# "+printable(v[2]))
	}
	return table.flush()
}
