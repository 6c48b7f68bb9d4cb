package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/release"
)

// noArguments refuses words that are neither a command nor a flag, and says what to type.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if cmd.HasSubCommands() {
		err := fmt.Errorf("unknown command %q of %s", args[0], cmd.CommandPath())
		return &usageError{err, commandHint(cmd, args[0])}
	}
	err := fmt.Errorf("%s takes no argument %q", cmd.CommandPath(), args[0])
	return &usageError{err, argumentHint(cmd, args)}
}

// argumentHint says what to type instead of the words args.
func argumentHint(cmd *cobra.Command, args []string) string {
	word := args[0]
	if hint := commandArgumentHint(cmd, word); hint != "" && len(args) == 1 {
		return hint
	}
	// A dash that a web page or a text editor has made longer.
	if name := strings.TrimLeft(word, "—–-"); name != word {
		word = name
	}
	name, value, hasValue := strings.Cut(word, "=")
	if flag := cmd.Flag(strings.ReplaceAll(name, "_", "-")); flag != nil {
		typed := "--" + flag.Name
		switch {
		case hasValue:
			typed += "=" + value
		case len(args) > 1 && flag.Value.Type() != "bool":
			typed += "=" + args[1]
		case takesValue(flag):
			typed += "=" + strings.ToUpper(flag.Name)
		}
		return "write the flag with two dashes: " + typed
	}
	on, isSwitch := switchWord(word)
	if flag := lastSwitch(cmd); flag != "" && isSwitch && on {
		return "a switch takes no value: write only --" + flag
	} else if flag != "" && isSwitch {
		return "a switch is off unless you write it: leave out --" + flag
	}
	return helpHint(cmd)
}

// commandArgumentHint is the hint for a word after one of the commands.
func commandArgumentHint(cmd *cobra.Command, word string) string {
	exactly := func(args ...string) string {
		if line := commandLine(cmd, args...); line != "" {
			return "perhaps you mean: " + line
		}
		return ""
	}
	switch cmd.Name() {
	case "apply", "plan":
		spec := config.Default().Spec()
		spec.Version = word
		nightly := spec
		nightly.Channel = release.ChannelNightly
		switch {
		case word == config.DefaultRuntimeName || word == config.RuncRuntime:
			return exactly("--default-runtime=" + word)
		case spec.Validate() == nil:
			return exactly("--release=" + word)
		case nightly.Validate() == nil:
			return exactly("--channel=nightly", "--release="+word)
		case word == release.ChannelNightly || word == release.ChannelMaster:
			return exactly("--channel=" + word)
		}
	case "verify":
		return exactly("--explain", word)
	case "daemon":
		return unitHint(word)
	}
	return ""
}

func helpHint(cmd *cobra.Command) string {
	if cmd.HasSubCommands() {
		return cmd.CommandPath() + " --help lists the commands"
	}
	return cmd.CommandPath() + " --help lists the flags"
}

// lastSwitch is the last switch of the command line: only a word after it can be meant for it.
func lastSwitch(cmd *cobra.Command) string {
	last := ""
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		if flag.Value.Type() == "bool" {
			last = flag.Name
		}
	})
	return last
}

// switchWord reports whether word means on or off.
func switchWord(word string) (on, ok bool) {
	if value, isRemap := config.RemapWord(word); isRemap {
		return value != config.RemapDisabled, true
	}
	on, err := strconv.ParseBool(word)
	return on, err == nil
}

// fewArguments is cobra.MaximumNArgs(1) with a hint.
func fewArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return oneArgument(cmd, args)
}

// oneArgument is for commands that need one argument.
func oneArgument(cmd *cobra.Command, args []string) error {
	if len(args) == 1 {
		return nil
	}
	err := fmt.Errorf("%s takes one argument, got %d", cmd.CommandPath(), len(args))
	return &usageError{err, "usage: " + cmd.UseLine()}
}

// flagError turns an error of pflag into a usage error with a hint.
func flagError(cmd *cobra.Command, err error) error {
	usage := &usageError{err, helpHint(cmd)}
	var (
		unknown *pflag.NotExistError
		missing *pflag.ValueRequiredError
		invalid *pflag.InvalidValueError
	)
	switch {
	case errors.As(err, &unknown):
		name := unknown.GetSpecifiedName()
		if letters := unknown.GetSpecifiedShortnames(); letters != "" {
			name = letters
			usage.error = errors.New("unknown flag: -" + letters)
		}
		usage.hint = cmp.Or(unknownFlagHint(cmd, name), usage.hint)
	case errors.As(err, &missing):
		value, about := pflag.UnquoteUsage(missing.GetFlag())
		usage.error = fmt.Errorf("--%s needs a value", missing.GetFlag().Name)
		usage.hint = fmt.Sprintf("--%s=%s: %s", missing.GetFlag().Name, value, about)
	case errors.As(err, &invalid):
		name := invalid.GetFlag().Name
		switch invalid.GetFlag().Value.Type() {
		case "duration":
			usage.error = fmt.Errorf("--%s: %q is not a duration", name, invalid.GetValue())
			usage.hint = "write a number with a unit, such as 90s, 5m or 1h30m"
		case "bool":
			usage.error = fmt.Errorf("--%s: %q is not true or false", name, invalid.GetValue())
			usage.hint = "a switch takes no value: write only --" + name
		default:
			usage.error = fmt.Errorf("--%s: %q: %w", name, invalid.GetValue(), errors.Unwrap(invalid))
		}
	}
	return usage
}

// withFlag lists the commands that have the flag.
func withFlag(root *cobra.Command, name string) []string {
	var names []string
	for _, cmd := range root.Commands() {
		if cmd.Flags().Lookup(name) != nil && cmd.IsAvailableCommand() {
			names = append(names, cmd.Name())
		}
	}
	slices.Sort(names)
	return names
}
