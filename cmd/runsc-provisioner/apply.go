package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"runsc-provisioner/provision"
	"runsc-provisioner/provision/audit"
	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/steps"
)

func newApply(a *app) *cobra.Command {
	var (
		settings   settingFlags
		format     = formatFlag{value: "text", allowed: []string{"text", "json"}}
		opts       optionFlags
		once       bool
		noProgress bool
		carried    string
		limits     timeLimits
	)
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Make the host match its configuration: install gVisor, register it, confirm",
		Long: `apply makes the host match its configuration and flags. It works in this order:

  1. install the gVisor release;
  2. prove, outside Docker, that a sandbox of it starts on this host;
  3. edit daemon.json and reload dockerd (no container is stopped);
  4. confirm in dockerd that the change is in effect;
  5. prove it with a container of dockerd, before it becomes the default.

If the host matches already, apply changes nothing and needs no network.

If a step fails, daemon.json, the link and dockerd are put back as they were. If
a run is killed, the next run finishes or reverts its change.

Some changes are held (exit 4) until you allow them. A restart that would stop
containers needs --allow-restart. A switch that would hide data needs
--allow-hidden-data. Settings that are in effect but missing from the
configuration stay in effect, until you put the files back or give --give-up.

apply saves its flags to config.d/50-apply.toml, so that the next apply, and
verify, use them too. --once does not save them.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.euid != 0 {
				return errNotRoot
			}
			systemd := a.connectAhead(cmd.Context())
			defer systemd.close()
			in, err := a.config(cmd, settings, opts.giveUp)
			if err != nil {
				return err
			}
			if err := opts.check(in.Config); err != nil {
				return err
			}
			if in.Config.Release.Source == release.SourceSystem && (carried != "" || cmd.Flags().Changed("url")) {
				return &config.Error{Key: "release.source", Reason: fmt.Sprintf("%q takes what a package installed, and asks no server and no bundle", release.SourceSystem)}
			}
			opts.Named = settings.named(cmd)
			if carried != "" {
				b, err := a.carry(carried, in.Config.Release.KeyURL)
				if err != nil {
					return err
				}
				defer b.Close()
				exact := in.Config.Spec().Exact()
				opts.Upgrade, opts.Named = opts.Upgrade || !exact, opts.Named || exact
			}
			report := newRunReport(a, format.value, noProgress)
			var saved config.Overrides
			if !once {
				saved = settings.overrides(cmd)
			}
			result, err := a.apply(cmd.Context(), systemd, in, opts.options(), limits, saved, once, report)
			if err != nil {
				return report.failed(result, err)
			}
			return report.finish(result)
		},
	}
	settings.add(cmd)
	flags := cmd.Flags()
	flags.Var(&format, "format", "print the result in this `FORMAT`: "+format.Type())
	flags.BoolVar(&once, "once", false, "use the flags for this run only: do not save them to config.d/50-apply.toml")
	opts.add(cmd)
	flags.StringVar(&carried, "bundle", "", "take the release from this `FILE`, made by bundle create on another host, and use no network; it is checked as a server would be")
	flags.BoolVar(&noProgress, "no-progress", false, "show no progress bar while files are downloaded or copied")
	limits.add(cmd)
	flags.DurationVar(&limits.restart, "restart-timeout", 2*time.Minute, "wait at most this `DURATION` for Docker to restart; then put everything back")
	return cmd
}

// apply makes the host match in and saves the overrides. It holds the lock, so
// that no other run changes the host or its configuration meanwhile.
func (a *app) apply(ctx context.Context, systemd *ahead, in config.InEffect, opts plan.Options, limits timeLimits, saved config.Overrides, once bool, report *runReport) (provision.Result, error) {
	units, err := systemd.wait()
	if err != nil {
		return provision.Result{}, err
	}
	host := a.provisioner(units)
	unlock, err := a.lock(ctx, host, limits.lock)
	if err != nil {
		return provision.Result{}, err
	}
	defer func() { _ = unlock() }()
	// A server may be slow. The daemon and other runs need not wait for it.
	host.TakeFetched = func(ctx context.Context, s steps.InstallRelease, have []release.Installed) (*provision.Fetched, error) {
		if err := unlock(); err != nil {
			return nil, err
		}
		fetched, err := host.Fetch(ctx, s, have)
		if err != nil {
			return nil, err
		}
		if unlock, err = a.lock(ctx, host, limits.lock); err != nil {
			unlock = func() error { return nil }
			return nil, errors.Join(err, fetched.Discard())
		}
		return fetched, nil
	}
	var saveErr error
	host.RestartWithin = limits.restart
	host.Report = func(e provision.Event) {
		// By now userns-remap is switched and proven. If this run gets no further,
		// the next run must go on, not undo it.
		if _, loads := e.Step.(steps.LoadImages); loads && e.Kind == provision.StepStarted {
			saveErr = a.save(saved, report)
		}
		report.event(e)
	}
	result, err := host.Converge(ctx, in.Config, opts)
	result.Last.Held = append(checkup.HeldByConfig(in), result.Last.Held...)
	report.notes = slices.Concat(in.Warnings(), pinned(in, opts.Upgrade))
	if err == nil {
		report.notes = append(report.notes, host.SettleNames(ctx, in.Config, result.Observed)...)
	}
	result.Last.Warnings = slices.Concat(report.notes, result.Last.Warnings)
	if err != nil || saveErr != nil {
		return result, errors.Join(withProxy(ctx, &host.Host, err), saveErr)
	}
	if result.Changed {
		report.losing, report.losingErr = audit.LosingWrites(ctx, &host.Host, in.Config, result.Observed)
		report.addNotStarted(host.NotStarted(ctx, result.Observed, in.Config.RuntimeNames()))
	}
	if err := a.save(saved, report); err != nil || once {
		return result, err
	}
	if err := host.ConfigFiles().AcceptInEffect(in, result.Observed.File.Doc, result.Last.HeldItems()...); err != nil {
		return result, fmt.Errorf("the changes were made, but the daemon was not told: %w", err)
	}
	return result, nil
}

func (a *app) save(o config.Overrides, report *runReport) error {
	changed, err := o.Save(a.paths.Config)
	if err != nil {
		return fmt.Errorf("the changes were made, but the flags were not saved: %w", err)
	}
	if changed {
		report.flagsSaved(config.SavedPath(a.paths.Config))
	}
	return nil
}
