package main

import (
	"errors"

	"github.com/spf13/cobra"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
)

// errNotInstalled says that there is nothing to pin.
var errNotInstalled = errors.New("no release that the configuration asks for is installed")

func newLock(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "lock",
		Short: "Print the pin of the installed release",
		Long: `lock prints a file for config.d that pins the installed release: its name, its
trust and the digests of what it was installed from. A host with that file installs
exactly this release, whatever a server offers, or nothing. lock changes nothing.`,
		Example: "  runsc-provisioner lock | sudo tee /etc/runsc-provisioner/config.d/40-pin.toml",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, err := a.config(cmd, settingFlags{}, false)
			if err != nil {
				return err
			}
			store := (&host.Host{Paths: a.paths, Owner: a.owner}).Store()
			installed, err := store.List(cmd.Context())
			if err != nil {
				return err
			}
			found, ok := plan.NewestSatisfying(installed, in.Config.Spec())
			if !ok || !found.State.Intact() {
				return errNotInstalled
			}
			text, err := config.Pin(found.Manifest)
			if err != nil {
				return err
			}
			a.printf("%s", text)
			return nil
		},
	}
}
