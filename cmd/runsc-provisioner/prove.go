package main

import (
	"context"
	"errors"
	"strings"

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
		Short: "Start a test container under each runtime, and check it from the host",
		Long: `prove tests each managed runtime, or only those that you name. It starts a sandbox
outside Docker, and then a container through Docker, from an image that it makes
itself (no registry, no network, no capabilities). It looks at both from the host:
they must be in a sandbox of the release that the runtime is registered with.

The container writes, deletes and renames files in its root file system. Where
writes must be kept, docker cp and docker diff must show these changes. Afterwards
prove removes the container and the image. It changes nothing else.

If builds run in a sandbox and you name no runtime, BuildKit then builds two images
from steps of this program. The host must see a step in a sandbox, and an image must
have exactly what a step wrote. They are removed as well.

It exits with 0 if everything passes, and with 1 if something does not.`,
		RunE: func(cmd *cobra.Command, names []string) error {
			if a.euid != 0 {
				return errNotRoot
			}
			in, err := a.config(cmd, settingFlags{}, false)
			if err != nil {
				return err
			}
			for _, name := range names {
				if _, managed := in.Config.Docker.Runtimes[name]; !managed {
					return &usageError{errors.New("runtime " + name + " is not in docker.runtimes"), "the configuration has: " + strings.Join(in.Config.RuntimeNames(), ", ")}
				}
			}
			report := newRunReport(a, format.value, true)
			err = a.prove(cmd.Context(), in.Config, names, limits, report)
			if format.value == "json" {
				return errors.Join(err, report.printJSON(provision.Result{}, err))
			}
			return err
		},
	}
	cmd.Flags().Var(&format, "format", "print the result in this `FORMAT`: "+format.Type())
	limits.add(cmd)
	return cmd
}

func (a *app) prove(ctx context.Context, c config.Config, names []string, limits timeLimits, report *runReport) error {
	host, done, err := a.host(ctx)
	if err != nil {
		return err
	}
	defer done()
	unlock, err := a.lock(ctx, host, limits.lock)
	if err != nil {
		return err
	}
	defer unlock()
	host.Report = report.event
	return host.ProveRuntimes(ctx, c, names)
}
