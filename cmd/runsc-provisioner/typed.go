package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// joinValues turns `--default-runtime runsc` into `--default-runtime=runsc`. A flag with an
// optional value takes only a value after "=", but people leave it out.
func joinValues(root *cobra.Command, args []string) []string {
	cmd, _, err := root.Find(args)
	if err != nil || cmd == root {
		return args
	}
	var joined []string
	for i := 0; i < len(args); i++ {
		word := args[i]
		joined = append(joined, word)
		name, isFlag := strings.CutPrefix(word, "--")
		if name == "" && isFlag { // no flags after "--"
			return append(joined, args[i+1:]...)
		}
		if !isFlag || i+1 == len(args) {
			continue
		}
		switch flag := cmd.Flag(name); {
		case flag == nil:
		case takesValue(flag):
			i++
			joined = append(joined, args[i])
		case mayTakeValue(flag) && !strings.HasPrefix(args[i+1], "-"):
			i++
			joined[len(joined)-1] += "=" + args[i]
		}
	}
	return joined
}

// takesValue reports whether the next word is the flag's value.
func takesValue(flag *pflag.Flag) bool { return flag.NoOptDefVal == "" }

// mayTakeValue reports whether the flag has an optional value.
func mayTakeValue(flag *pflag.Flag) bool {
	return flag.NoOptDefVal != "" && flag.Value.Type() != "bool"
}

// shellWord reports whether word means itself in a shell.
func shellWord(word string) bool {
	return word != "" && !strings.ContainsFunc(word, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-=./:,@%+", r)
	})
}

// commandLine is the text to type for a command with args, or "" if a word needs quotes.
func commandLine(cmd *cobra.Command, args ...string) string {
	line := cmd.CommandPath()
	if changesHost(cmd) || cmd.Name() == "verify" {
		line = "sudo " + line
	}
	for _, word := range args {
		if !shellWord(word) {
			return ""
		}
		line += " " + word
	}
	return line
}
