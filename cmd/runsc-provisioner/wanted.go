package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
)

// settingFlags are the flags that set a part of the configuration.
type settingFlags struct {
	release        string
	channel        string
	url            string
	defaultRuntime string
	usernsRemap    string
	runtimeArgs    []string
	rootfs         string
}

func (w *settingFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&w.release, "release", "", "the gVisor release: latest, YYYYMMDD, YYYYMMDD.N or, for nightly, YYYY-MM-DD")
	flags.StringVar(&w.channel, "channel", "", "where releases come from: release, nightly or master")
	flags.StringVar(&w.url, "url", "", "base https URL of the releases")
	flags.StringVar(&w.defaultRuntime, "default-runtime", "", "also make it the default runtime of new containers")
	flags.Lookup("default-runtime").NoOptDefVal = config.DefaultRuntimeName
	flags.StringVar(&w.usernsRemap, "userns-remap", "", "also take root away: give containers the ids of default, a user, or user:group; off switches it off")
	flags.Lookup("userns-remap").NoOptDefVal = "default"
	flags.StringArrayVar(&w.runtimeArgs, "runtime-arg", nil, "an argument for runsc, such as --runtime-arg=--platform=kvm; repeat it for more")
	flags.StringVar(&w.rootfs, "rootfs", "", "docker keeps what containers write, as runc does; sandbox, gVisor's own default, loses it when the sandbox ends")
}

// optionFlags are the flags that count for one run only.
type optionFlags struct {
	plan.Options
	giveUp bool
}

func (o *optionFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&o.Upgrade, "upgrade", false, "look for a newer release, even if an installed one is good enough")
	flags.BoolVar(&o.AllowRestart, "allow-restart", false, "allow a restart of Docker that stops running containers")
	flags.BoolVar(&o.AllowHiddenData, "allow-hidden-data", false, "allow a switch that hides existing images, containers and volumes until it is undone (userns-remap)")
	flags.BoolVar(&o.MigrateImages, "migrate-images", false, "copy the images when userns-remap is switched on; the originals stay")
	flags.BoolVar(&o.Purge, "purge", false, "with --userns-remap=off: also remove the account and the id ranges that we made")
	flags.BoolVar(&o.giveUp, "give-up", false, "give up settings that are in effect but missing from the configuration")
	flags.BoolVar(&o.NoProof, "no-proof", false, "do not prove that a sandbox starts before relying on it")
}

// check refuses options that have no effect with c.
func (o *optionFlags) check(c config.Config) error {
	switch remap := c.Docker.UsernsRemap; {
	case o.Purge && remap != config.RemapDisabled:
		return &usageError{errors.New("--purge removes what --userns-remap made, and goes with --userns-remap=off")}
	case o.MigrateImages && (remap == "" || remap == config.RemapDisabled):
		return &usageError{errors.New("--migrate-images goes with --userns-remap, when you switch that on")}
	}
	return nil
}

func (o *optionFlags) options() plan.Options { return o.Options }

// timeLimits are how long a run may wait.
type timeLimits struct{ lock, restart time.Duration }

func (l *timeLimits) add(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&l.lock, "lock-timeout", time.Minute, "how long to wait for another run")
}

// overrides are the flags that the user gave.
func (w *settingFlags) overrides(cmd *cobra.Command) config.Overrides {
	given := func(name string, value *string) *string {
		if cmd.Flags().Changed(name) {
			return value
		}
		return nil
	}
	return config.Overrides{
		Version:        given("release", &w.release),
		Channel:        given("channel", &w.channel),
		URL:            given("url", &w.url),
		DefaultRuntime: given("default-runtime", &w.defaultRuntime),
		UsernsRemap:    given("userns-remap", &w.usernsRemap),
		RuntimeArgs:    w.runtimeArgs,
		Rootfs:         given("rootfs", &w.rootfs),
	}
}

// config is the configuration in effect, with the flags of cmd on top. A file with
// an error is refused.
func (a *app) config(cmd *cobra.Command, settings settingFlags, giveUp bool) (config.InEffect, error) {
	host := a.hostForRecords()
	in, err := host.ConfigFiles().InEffect(host.ConfigFiles().Accepted(), settings.overrides(cmd), giveUp)
	if err == nil {
		err = in.FilesErr
	}
	return in, err
}

// inEffect is config for commands that only look. If it returns in, then err says
// what is wrong with in. If fatal is set, there is no configuration.
func (a *app) inEffect() (in config.InEffect, err, fatal error) {
	host := a.hostForRecords()
	in, err = host.ConfigFiles().InEffect(host.ConfigFiles().Accepted(), config.Overrides{}, false)
	var record *config.RecordError
	switch {
	case err == nil:
		return in, in.Err(), nil
	case errors.As(err, &record) && in.Sources != nil:
		return in, record, nil
	}
	return config.InEffect{Layered: config.Layered{Config: config.Default()}}, err, err
}

// hostForRecords is a host that can read configuration and record, without a
// connection to systemd.
func (a *app) hostForRecords() *host.Host { return &host.Host{Paths: a.paths} }

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if strings.HasSuffix(noun, "s") {
		noun += "e"
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
