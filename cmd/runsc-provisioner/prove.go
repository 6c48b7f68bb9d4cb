package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"runsc-provisioner/provision"
	"runsc-provisioner/provision/config"
)

func newProve(a *app) *cobra.Command {
	var (
		format = formatFlag{value: "text", allowed: []string{"text", "json"}}
		limits timeLimits
	)
	cmd := &cobra.Command{
		Use:   "prove [RUNTIME…]",
		Short: "Start a container of its own under each runtime, and look at it from the host",
		Long: `prove starts, for each managed runtime or those named, a sandbox outside Docker and
then a container through Docker, from an image made on the spot (no registry, no
network, no capabilities). It looks at both from the host: they must be in a
sandbox of the release that the runtime is registered with. The container writes,
deletes and renames files in its root file system; where that must be kept,
docker cp and diff must show it. Container and image are gone afterwards, and
nothing else is changed.

It exits with 0 when every one is, and with 1 when one is not.`,
		RunE: func(cmd *cobra.Command, names []string) error {
			if a.euid != 0 {
				return errNotRoot
			}
			in, err := a.config(cmd, wantedFlags{}, false)
			if err != nil {
				return err
			}
			for _, name := range names {
				if _, managed := in.Config.Docker.Runtimes[name]; !managed {
					return &usageError{errors.New("runtime " + name + " is not one of those in docker.runtimes")}
				}
			}
			show := newTelling(a, format.value, true)
			err = a.prove(cmd.Context(), in.Config, names, limits, show)
			if format.value == "json" {
				return errors.Join(err, show.report(provision.Result{}, err))
			}
			return err
		},
	}
	cmd.Flags().Var(&format, "format", "how to print it")
	limits.add(cmd)
	return cmd
}

func (a *app) prove(ctx context.Context, c config.Config, names []string, limits timeLimits, show *telling) error {
	host, done, err := a.host(ctx)
	if err != nil {
		return err
	}
	defer done()
	unlock, err := host.Lock(ctx, limits.lock)
	if err != nil {
		return err
	}
	defer unlock()
	host.Report = show.event
	return host.ProveRuntimes(ctx, c, names)
}
