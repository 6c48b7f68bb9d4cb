package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/release"
)

// addCompletions gives each flag and argument the values that a shell offers.
func (a *app) addCompletions(root *cobra.Command) {
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	words := func(words ...string) cobra.CompletionFunc {
		return cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
	}
	listed := func(list func() []string) cobra.CompletionFunc {
		return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return list(), cobra.ShellCompDirectiveNoFileComp
		}
	}
	directory := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return nil, cobra.ShellCompDirectiveFilterDirs
	}
	values := map[string]cobra.CompletionFunc{
		"bundle":          cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault),
		"channel":         words("release\tabout weekly", "nightly\tevery day", "master\tevery commit"),
		"config-dir":      directory,
		"default-runtime": listed(a.defaultRuntimes),
		"builds":          listed(a.defaultRuntimes),
		"expect":          words("default\tas configured", "all", "some\tat least one"),
		"fail-on":         words("weakening", "ways-around"),
		"max-age":         words("30d", "90d", "180d"),
		"min-release":     listed(a.installedReleases),
		"names":           words("maintain\tthe service keeps them", "off"),
		"proc":            directory,
		"release":         listed(func() []string { return append([]string{"latest"}, a.installedReleases()...) }),
		"require-sandbox": words("label="),
		"rootfs":          words("docker\tDocker keeps what containers write", "sandbox\tlost when they stop"),
		"runtime-arg":     words("--platform=kvm", "--platform=systrap", "--network=none", "--debug"),
		"userns-remap":    words("default\tthe user dockremap", "off"),
	}
	for _, cmd := range append(root.Commands(), root) {
		a.addFlagCompletions(cmd, values)
		for _, sub := range cmd.Commands() {
			a.addFlagCompletions(sub, values)
		}
	}
	if prove, _, err := root.Find([]string{"prove"}); err == nil {
		prove.ValidArgsFunction = listed(a.runtimeNames)
	}
	for _, words := range [][]string{{"debug-bundle"}, {"bundle", "create"}} {
		if bundle, _, err := root.Find(words); err == nil {
			bundle.ValidArgsFunction = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault)
		}
	}
	for _, name := range []string{"apply", "plan"} {
		if cmd, _, err := root.Find([]string{name}); err == nil {
			cmd.ValidArgsFunction = a.valueAfterFlag
		}
	}
	root.InitDefaultCompletionCmd()
	if completion, _, err := root.Find([]string{"completion"}); err == nil {
		describeCompletion(completion)
	}
}

// valueAfterFlag completes `--default-runtime VALUE`, which joinValues joins.
func (a *app) valueAfterFlag(
	cmd *cobra.Command, args []string, _ string,
) (words []string, _ cobra.ShellCompDirective) {
	bare := func(name string) bool {
		flag := cmd.Flags().Lookup(name)
		return len(args) == 0 && flag.Changed && flag.Value.String() == flag.NoOptDefVal
	}
	if bare("default-runtime") || bare("builds") {
		words = a.defaultRuntimes()
	}
	if bare("userns-remap") {
		words = append(words, config.RemapDefault, config.RemapDisabled)
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}

// describeCompletion says for each shell how to load its script, on Linux.
func describeCompletion(completion *cobra.Command) {
	completion.Short = "Print a script that lets a shell complete commands, flags and their values"
	completion.Long = "completion prints a script for a shell. The help of each shell says where to put it."
	completion.Args = noArguments
	completion.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	for _, shell := range completion.Commands() {
		shell.Args = noArguments
		if flag := shell.Flags().Lookup("no-descriptions"); flag != nil {
			flag.Usage = "complete without descriptions"
		}
		shell.Short = "Print the script for " + shell.Name()
		switch line := completion.CommandPath() + " " + shell.Name(); shell.Name() {
		case "bash":
			shell.Long = "bash needs the package bash-completion. For this shell only:\n\n" +
				"  source <(" + line + ")\n\nFor every new shell:\n\n" +
				"  " + line + " |\n    sudo tee /etc/bash_completion.d/runsc-provisioner"
		case "zsh":
			shell.Long = "For every new shell, if ~/.zshrc has \"autoload -U compinit; compinit\":\n\n" +
				"  " + line + " |\n    sudo tee /usr/local/share/zsh/site-functions/_runsc-provisioner"
		case "fish":
			shell.Long = "For every new shell:\n\n  " + line + " \\\n    > ~/.config/fish/completions/runsc-provisioner.fish"
		case "powershell":
			shell.Long = "For this shell only:\n\n  " + line + " | Out-String | Invoke-Expression"
		}
	}
}

// addFlagCompletions completes the values of the flags that cmd declares itself.
func (a *app) addFlagCompletions(cmd *cobra.Command, values map[string]cobra.CompletionFunc) {
	for name, complete := range values {
		if cmd.Flags().Lookup(name) != nil || cmd.PersistentFlags().Lookup(name) != nil {
			_ = cmd.RegisterFlagCompletionFunc(name, complete) // fails only for a flag that is missing or done
		}
	}
	if flag := cmd.Flags().Lookup("format"); flag != nil {
		formats := strings.Split(flag.Value.Type(), ", ")
		complete := cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp)
		_ = cmd.RegisterFlagCompletionFunc("format", complete)
	}
}

// runtimeNames are the runtimes of the configuration.
func (a *app) runtimeNames() []string {
	loaded, err := config.Load(a.paths.Config)
	if err != nil {
		return []string{config.DefaultRuntimeName}
	}
	return loaded.Config.RuntimeNames()
}

func (a *app) defaultRuntimes() []string {
	return append(a.runtimeNames(), config.RuncRuntime, config.Off)
}

// installedReleases are the names of the releases in the store, the newest first.
func (a *app) installedReleases() []string {
	// Without Suspect it reads no file that could take long.
	installed, err := release.Store{Dir: a.paths.Store}.List(context.Background())
	if err != nil {
		return nil
	}
	var names []string
	for _, r := range installed {
		names = append(names, r.Name)
	}
	slices.Sort(names)
	slices.Reverse(names)
	return names
}
