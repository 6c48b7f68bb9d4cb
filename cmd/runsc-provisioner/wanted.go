package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"runsc-provisioner/provision"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
)

// wantedFlags are the parts of the configuration that a command line may set.
type wantedFlags struct {
	release        string
	channel        string
	url            string
	defaultRuntime string
	usernsRemap    string
	runtimeArgs    []string
	rootfs         string
}

func (w *wantedFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&w.release, "release", "", "the gVisor release: latest, YYYYMMDD, YYYYMMDD.N or, for nightly, YYYY-MM-DD")
	flags.StringVar(&w.channel, "channel", "", "where releases come from: release, nightly or master")
	flags.StringVar(&w.url, "url", "", "base https URL of the releases")
	flags.StringVar(&w.defaultRuntime, "default-runtime", "", "also make it what containers run in by default")
	flags.Lookup("default-runtime").NoOptDefVal = config.DefaultRuntimeName
	flags.StringVar(&w.usernsRemap, "userns-remap", "", "also take root away: map containers to ids of default, a user, or user:group; off switches it off")
	flags.Lookup("userns-remap").NoOptDefVal = "default"
	flags.StringArrayVar(&w.runtimeArgs, "runtime-arg", nil, "an argument for runsc, once for each, as in --runtime-arg=--platform=kvm")
	flags.StringVar(&w.rootfs, "rootfs", "", "docker keeps what containers write, as runc does; sandbox is gVisor's own default, in which it ends with the sandbox")
}

// optionFlags are those that hold for one run only.
type optionFlags struct {
	provision.Options
	giveUp bool
}

func (o *optionFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&o.Upgrade, "upgrade", false, "ask the channel for a newer release, although an installed one will do")
	flags.BoolVar(&o.AllowRestart, "allow-restart", false, "consent to a restart of Docker that stops running containers")
	flags.BoolVar(&o.AllowHiddenData, "allow-hidden-data", false, "consent to a data root in which the images, containers and volumes of now are not seen (userns-remap)")
	flags.BoolVar(&o.MigrateImages, "migrate-images", false, "bring the images along when userns-remap is switched on; nothing is deleted from where they are")
	flags.BoolVar(&o.Purge, "purge", false, "with --userns-remap=off: also remove the account and the id ranges that were made for it")
	flags.BoolVar(&o.giveUp, "give-up", false, "give up settings in effect that are missing from the configuration")
	flags.BoolVar(&o.NoProof, "no-proof", false, "do not prove that containers start in a sandbox before relying on it")
}

// fit refuses options that mean nothing to c.
func (o *optionFlags) fit(c config.Config) error {
	switch remap := c.Docker.UsernsRemap; {
	case o.Purge && remap != config.RemapDisabled:
		return &usageError{errors.New("--purge takes back what --userns-remap has made, and goes with --userns-remap=off")}
	case o.MigrateImages && (remap == "" || remap == config.RemapDisabled):
		return &usageError{errors.New("--migrate-images goes with --userns-remap, when that is switched on")}
	}
	return nil
}

func (o *optionFlags) options() provision.Options { return o.Options }

// timeLimits are how long a run may wait.
type timeLimits struct{ lock, restart time.Duration }

func (l *timeLimits) add(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&l.lock, "lock-timeout", time.Minute, "how long to wait for another run")
}

// overrides are the flags that were given.
func (w *wantedFlags) overrides(cmd *cobra.Command) config.Overrides {
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

// config is the configuration in effect, with the flags of cmd laid over it.
// Files that are not understood are refused.
func (a *app) config(cmd *cobra.Command, wanted wantedFlags, giveUp bool) (config.InEffect, error) {
	host := a.recordHost()
	in, err := host.ConfigFiles().InEffect(host.ConfigFiles().Accepted(), wanted.overrides(cmd), giveUp)
	if err == nil {
		err = in.Unread
	}
	return in, err
}

// inEffect is config for commands that only look: with in, err is what is wrong
// with it, and fatal that there is none.
func (a *app) inEffect() (in config.InEffect, err, fatal error) {
	host := a.recordHost()
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

// recordHost is a host that knows where configuration and record are, before
// systemd was asked for anything.
func (a *app) recordHost() *host.Host { return &host.Host{Paths: a.paths} }

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if strings.HasSuffix(noun, "s") {
		noun += "e"
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
