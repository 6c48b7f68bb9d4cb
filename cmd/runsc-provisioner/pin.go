package main

import (
	"errors"

	"github.com/spf13/cobra"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/release"
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
			_, found, err := a.installed(cmd)
			if err != nil {
				return err
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

// installed is the newest release that the configuration asks for, and the store that has it.
func (a *app) installed(cmd *cobra.Command) (release.Store, release.Installed, error) {
	in, err := a.config(cmd, settingFlags{}, false)
	if err != nil {
		return release.Store{}, release.Installed{}, err
	}
	store := (&host.Host{Paths: a.paths, Owner: a.owner}).Store()
	all, err := store.List(cmd.Context())
	if err != nil {
		return release.Store{}, release.Installed{}, err
	}
	found, ok := release.NewestSatisfying(all, in.Config.Spec())
	if !ok || !found.State.Intact() {
		return release.Store{}, release.Installed{}, errNotInstalled
	}
	return store, found, nil
}
