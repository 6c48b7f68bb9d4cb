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
	builds         string
	names          string
	runtimeArgs    []string
	rootfs         string
}

func (w *settingFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&w.release, "release", "", "the gVisor `RELEASE` to install: latest, 20260914 (with its newest point release), 20260914.0 or, with --channel=nightly, 2026-09-14")
	flags.StringVar(&w.channel, "channel", "", "the `CHANNEL` that releases come from: release (about weekly), nightly (every day) or master (every commit)")
	flags.StringVar(&w.url, "url", "", "download releases from the https server at `URL`, such as a mirror, instead of gVisor's own")
	flags.StringVar(&w.defaultRuntime, "default-runtime", "", "start new containers with the runtime `NAME` unless they ask for another: runsc (gVisor; also without =NAME) or another runtime in the configuration; runc is Docker's own, outside gVisor; off puts back what was there before")
	flags.Lookup("default-runtime").NoOptDefVal = config.DefaultRuntimeName
	flags.StringVar(&w.usernsRemap, "userns-remap", "", "give root in a container the ids of an unprivileged user of the host: the user dockremap (also without =USER), another `USER` or USER:GROUP; off switches it off")
	flags.Lookup("userns-remap").NoOptDefVal = "default"
	flags.StringVar(&w.builds, "builds", "", "run the steps of docker build with the runtime `NAME` also if BuildKit builds: runsc (gVisor; also without =NAME) or another runtime in the configuration; runc is Docker's own; off puts that back. A change needs a restart of Docker")
	flags.Lookup("builds").NoOptDefVal = config.DefaultRuntimeName
	flags.StringVar(&w.names, "names", "", "on networks that users made (Compose), make names resolve in sandboxes: with the `MODE` maintain (also without =MODE) the service keeps them in the containers' /etc/hosts; off takes them out again")
	flags.Lookup("names").NoOptDefVal = config.NamesMaintain
	flags.StringArrayVar(&w.runtimeArgs, "runtime-arg", nil, "start runsc with the argument `ARGUMENT`, such as --runtime-arg=--platform=kvm; repeat it for more. They replace the arguments that it had")
	flags.StringVar(&w.rootfs, "rootfs", "", "what happens to the files that containers write: with the `KIND` docker, Docker keeps them, as it does with runc; with sandbox, gVisor's own default, they are lost when the container stops")
}

// named reports whether the user names a release, and not whichever is the latest.
func (w *settingFlags) named(cmd *cobra.Command) bool {
	return cmd.Flags().Changed("release") && w.release != config.Default().Release.Version
}

// optionFlags are the flags that count for one run only.
type optionFlags struct {
	plan.Options
	giveUp bool
}

func (o *optionFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&o.Upgrade, "upgrade", false, "ask the release server for a newer release; without it, an installed release that fits is used")
	flags.BoolVar(&o.AllowDowngrade, "allow-downgrade", false, "use a release that is older than the one in use, or than one that this host has seen under the same name; without it, the server is taken to offer an old copy")
	flags.BoolVar(&o.AllowRestart, "allow-restart", false, "allow a restart of Docker, if a change needs one, although it stops running containers")
	flags.BoolVar(&o.AllowHiddenData, "allow-hidden-data", false, "allow userns-remap to be switched, although Docker then does not see its present images, containers and volumes until it is switched back; nothing is deleted")
	flags.BoolVar(&o.MigrateImages, "migrate-images", false, "when userns-remap is switched on, copy the images so that Docker still sees them; the originals stay")
	flags.BoolVar(&o.Purge, "purge", false, purgeUsage(cmd))
	flags.BoolVar(&o.giveUp, "give-up", false, "stop managing settings that are in effect but missing from the configuration files; without it, they are kept")
	flags.BoolVar(&o.NoProof, "no-proof", false, "do not start a test sandbox before Docker uses the release")
}

// purgeUsage says what --purge does.
func purgeUsage(cmd *cobra.Command) string {
	const usage = "with --userns-remap=off: also remove the user dockremap and its ids, if this program made them"
	if cmd.Name() == "plan" {
		return usage + "; with --uninstall: as uninstall --purge"
	}
	return usage
}

// check refuses options that have no effect with c.
func (o *optionFlags) check(c config.Config) error {
	switch remap := c.Docker.UsernsRemap; {
	case o.Purge && remap != config.RemapDisabled:
		return &usageError{errors.New("--purge removes what --userns-remap made, and goes with --userns-remap=off"), "write --userns-remap=off --purge"}
	case o.MigrateImages && (remap == "" || remap == config.RemapDisabled):
		return &usageError{errors.New("--migrate-images goes with --userns-remap, when you switch that on"), "write --userns-remap --migrate-images"}
	}
	return nil
}

func (o *optionFlags) options() plan.Options { return o.Options }

// timeLimits are how long a run may wait.
type timeLimits struct{ lock, restart time.Duration }

func (l *timeLimits) add(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&l.lock, "lock-timeout", time.Minute, "wait at most this `DURATION` for another run of this program to end")
}

// overrides are the flags that the user gave.
func (w *settingFlags) overrides(cmd *cobra.Command) config.Overrides {
	given := func(name string, value *string) *string {
		if cmd.Flags().Changed(name) {
			return value
		}
		return nil
	}
	if value, isWord := config.RemapWord(w.usernsRemap); isWord {
		w.usernsRemap = value
	}
	return config.Overrides{
		Version:        given("release", &w.release),
		Channel:        given("channel", &w.channel),
		URL:            given("url", &w.url),
		DefaultRuntime: given("default-runtime", &w.defaultRuntime),
		UsernsRemap:    given("userns-remap", &w.usernsRemap),
		Builds:         given("builds", &w.builds),
		Names:          given("names", &w.names),
		RuntimeArgs:    w.runtimeArgs,
		Rootfs:         given("rootfs", &w.rootfs),
	}
}

// config is the configuration in effect, with the flags of cmd on top. A file with
// an error is refused.
func (a *app) config(cmd *cobra.Command, settings settingFlags, giveUp bool) (config.InEffect, error) {
	host := a.hostForRecords()
	in, err := host.ConfigFiles().InEffect(host.Accepted(), settings.overrides(cmd), giveUp)
	if err == nil {
		err = in.FilesErr
	}
	if err == nil {
		a.paths = a.paths.Configured(in.Config)
	}
	return in, err
}

// inEffect is config for commands that only look. If it returns in, then err says
// what is wrong with in. If fatal is set, there is no configuration.
func (a *app) inEffect() (in config.InEffect, err, fatal error) {
	in, err, fatal = a.readInEffect()
	a.paths = a.paths.Configured(in.Config)
	return in, err, fatal
}

func (a *app) readInEffect() (in config.InEffect, err, fatal error) {
	host := a.hostForRecords()
	in, err = host.ConfigFiles().InEffect(host.Accepted(), config.Overrides{}, false)
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
