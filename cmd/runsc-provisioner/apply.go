package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"runsc-provisioner/provision"
)

func newApply(a *app) *cobra.Command {
	var (
		wanted      wantedFlags
		format      = formatFlag{value: "text", allowed: []string{"text", "json"}}
		once        bool
		upgrade     bool
		noProgress  bool
		lockTimeout time.Duration
	)
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Make the host as wanted: install gVisor, register it with Docker, confirm",
		Long: `apply makes the host as its configuration and flags say. It installs the gVisor
release, proves outside Docker that a sandbox of it starts here, edits
daemon.json, reloads dockerd (no container is stopped) and confirms in dockerd
that the change is in effect. When nothing is left to do it changes nothing and
needs no network.

Flags are saved to config.d/50-apply.toml, so that the next apply, and verify,
want the same; --once does not save them.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.euid != 0 {
				return errNotRoot
			}
			layered, err := a.config(cmd, wanted)
			if err != nil {
				return err
			}
			show := newTelling(a, format.value, noProgress)
			result, err := a.apply(cmd.Context(), layered.Config, provision.Options{Upgrade: upgrade}, lockTimeout, show)
			if err != nil {
				return show.failed(result, err)
			}
			if !once {
				if err := a.save(wanted.overrides(cmd), show); err != nil {
					return err
				}
			}
			return show.end(result)
		},
	}
	wanted.add(cmd)
	flags := cmd.Flags()
	flags.Var(&format, "format", "how to print it")
	flags.BoolVar(&once, "once", false, "do not save the flags to config.d/50-apply.toml")
	flags.BoolVar(&upgrade, "upgrade", false, "ask the channel for a newer release, although an installed one will do")
	flags.BoolVar(&noProgress, "no-progress", false, "no progress bar")
	flags.DurationVar(&lockTimeout, "lock-timeout", time.Minute, "how long to wait for another run")
	return cmd
}

func (a *app) apply(ctx context.Context, c provision.Config, opts provision.Options, lockTimeout time.Duration, show *telling) (provision.Result, error) {
	host, done, err := a.host(ctx)
	if err != nil {
		return provision.Result{}, err
	}
	defer done()
	unlock, err := host.Lock(ctx, lockTimeout)
	if err != nil {
		return provision.Result{}, err
	}
	defer unlock()
	host.Report = show.event
	return host.Converge(ctx, c, opts)
}

func (a *app) save(o provision.Overrides, show *telling) error {
	changed, err := o.Save(a.paths.Config)
	if err != nil {
		return fmt.Errorf("the host is as wanted, but the flags were not saved: %w", err)
	}
	if changed {
		show.saved(provision.SavedPath(a.paths.Config))
	}
	return nil
}
