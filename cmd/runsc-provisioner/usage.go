package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpWidth is the width of help that goes to no terminal: into a pipe to a pager, or into a file.
const helpWidth = 80

// printUsage prints how to call cmd: its commands and its flags. Their texts are wrapped below
// themselves, at the width of the terminal or at helpWidth.
func (to *console) printUsage(cmd *cobra.Command) error {
	width := cmp.Or(columnsOf(to.columns), helpWidth)
	var b strings.Builder
	b.WriteString("Usage:\n")
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "  %s COMMAND\n", cmd.CommandPath())
	} else {
		fmt.Fprintf(&b, "  %s\n", cmd.UseLine())
	}
	if cmd.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", cmd.Example)
	}
	var commands [][2]string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			commands = append(commands, [2]string{"  " + sub.Name(), sub.Short})
		}
	}
	writePairs(&b, "Commands", commands, width)
	writePairs(&b, "Flags", flagPairs(cmd.LocalFlags()), width)
	writePairs(&b, "Flags of every command", flagPairs(cmd.InheritedFlags()), width)
	if cmd.HasAvailableSubCommands() {
		more := fmt.Sprintf("\n%s COMMAND --help shows the flags of a command.\n", cmd.CommandPath())
		b.WriteString(wrapLines(more, width))
	}
	_, err := fmt.Fprint(cmd.OutOrStdout(), b.String())
	return err
}

// flagPairs are the flags and what they do.
func flagPairs(flags *pflag.FlagSet) [][2]string {
	var pairs [][2]string
	flags.VisitAll(func(flag *pflag.Flag) {
		if flag.Hidden {
			return
		}
		value, about := pflag.UnquoteUsage(flag)
		name := "      --" + flag.Name
		if flag.Shorthand != "" {
			name = "  -" + flag.Shorthand + ", --" + flag.Name
		}
		switch {
		case flag.Value.Type() == "bool":
		case mayTakeValue(flag):
			name += "[=" + value + "]"
		default:
			name += " " + value
		}
		if flag.Name == "help" {
			about = "show this help"
		}
		if value := defaultOf(flag); value != "" {
			about += " (default " + value + ")"
		}
		pairs = append(pairs, [2]string{name, about})
	})
	return pairs
}

// defaultOf is the value that a flag has if it is left out, or "".
func defaultOf(flag *pflag.Flag) string {
	switch value := flag.DefValue; flag.Value.Type() {
	case "bool":
		return ""
	case "duration":
		return strings.TrimSuffix(strings.TrimSuffix(value, "0s"), "0m")
	default:
		return strings.Trim(value, "[]")
	}
}

// writePairs writes names and texts side by side, below a title.
func writePairs(b *strings.Builder, title string, pairs [][2]string, width int) {
	if len(pairs) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s:\n", title)
	longest := 0
	for _, pair := range pairs {
		longest = max(longest, len(pair[0]))
	}
	for _, pair := range pairs {
		fmt.Fprintf(b, "%s\n", wrapLine(fmt.Sprintf("%-*s   %s", longest, pair[0], pair[1]), longest+3, width))
	}
}

// printHelp prints what cmd is for, and its usage.
func (to *console) printHelp(cmd *cobra.Command, _ []string) {
	text := cmd.Long
	if text == "" {
		text = cmd.Short
	}
	to.printRaw(fill(strings.TrimSpace(text), cmp.Or(columnsOf(to.columns), helpWidth)) + "\n\n")
	_ = cmd.Usage() // output keeps its error
}
