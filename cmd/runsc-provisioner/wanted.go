package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"runsc-provisioner/provision"
)

// wantedFlags are the parts of the configuration that a command line may set.
type wantedFlags struct {
	release        string
	channel        string
	url            string
	defaultRuntime string
	runtimeArgs    []string
}

func (w *wantedFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&w.release, "release", "", "the gVisor release: latest, YYYYMMDD, YYYYMMDD.N or, for nightly, YYYY-MM-DD")
	flags.StringVar(&w.channel, "channel", "", "where releases come from: release, nightly or master")
	flags.StringVar(&w.url, "url", "", "base https URL of the releases")
	flags.StringVar(&w.defaultRuntime, "default-runtime", "", "also make it what containers run in by default")
	flags.Lookup("default-runtime").NoOptDefVal = provision.DefaultRuntimeName
	flags.StringArrayVar(&w.runtimeArgs, "runtime-arg", nil, "an argument for runsc, once for each, as in --runtime-arg=--platform=kvm")
}

// overrides are the flags that were given.
func (w *wantedFlags) overrides(cmd *cobra.Command) provision.Overrides {
	given := func(name string, value *string) *string {
		if cmd.Flags().Changed(name) {
			return value
		}
		return nil
	}
	return provision.Overrides{
		Version:        given("release", &w.release),
		Channel:        given("channel", &w.channel),
		URL:            given("url", &w.url),
		DefaultRuntime: given("default-runtime", &w.defaultRuntime),
		RuntimeArgs:    w.runtimeArgs,
	}
}

// config is the configuration of the host with the flags of cmd laid over it.
func (a *app) config(cmd *cobra.Command, wanted wantedFlags) (provision.Layered, error) {
	layered, err := provision.LoadConfig(a.paths.Config)
	if err != nil {
		return provision.Layered{}, err
	}
	return layered.Override(wanted.overrides(cmd))
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
