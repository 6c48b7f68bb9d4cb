package main

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"runsc-provisioner/provision/buildkit"
	"runsc-provisioner/test/pages"
)

var (
	proseSpan = regexp.MustCompile("`([^`]+)`")
	// ownCommand matches a command line of this program, up to the end of the shell's command.
	ownCommand = regexp.MustCompile(`(?:^|[ (]|/bin/)runsc-provisioner ((?:[^|>&;\n'"]|'[^']*'|"[^"]*")*)`)
	// shortCommand is one without the program's name, as in apply --once.
	shortCommand = regexp.MustCompile(`^(?:apply|plan|verify|status|prove|rollback|config|bundle|doctor|daemon) [-a-z].*`)
	ownFlag      = regexp.MustCompile(`^--([a-z-]+)(=.*)?$`)
)

// Every command of this program that README.md and docs name in passing, or show in a block that is
// not run, has a name and flags that exist.
func TestPages_NameRealCommandsAndFlags(t *testing.T) {
	checked := 0
	for _, pattern := range []string{"../../README.md", "../../docs/*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			page, err := pages.Read(file)
			if err != nil {
				t.Fatal(err)
			}
			var texts []string
			for _, span := range proseSpan.FindAllStringSubmatch(strings.Join(page.Prose, "\n"), -1) {
				text := strings.ReplaceAll(span[1], "\n", " ")
				if shortCommand.MatchString(text) {
					text = "runsc-provisioner " + text
				}
				texts = append(texts, text)
			}
			for _, b := range page.Blocks {
				if b.Lang == "sh" || b.Lang == "make" {
					texts = append(texts, b.Text...)
				}
			}
			for _, text := range texts {
				for _, found := range ownCommand.FindAllStringSubmatch(text, -1) {
					checked++
					if why := unlikeCommand(strings.Fields(found[1])); why != "" {
						t.Errorf("%s: %s: %s", filepath.Base(file), text, why)
					}
				}
			}
		}
	}
	if checked < 50 {
		t.Errorf("found %d commands, want more", checked)
	}
}

// unlikeCommand says what is wrong with the words of a command line; "" if nothing is.
func unlikeCommand(words []string) string {
	if len(words) == 0 || words[0] == "#" || words[0] == buildkit.Arg {
		return ""
	}
	root := newRoot(hostApp())
	cmd := root
	if !strings.HasPrefix(words[0], "-") {
		found, _, err := root.Find(words[:1])
		if err != nil || found == root {
			return "no such command"
		}
		cmd = found
		if sub := subcommand(cmd, words); sub != nil {
			cmd = sub
		}
	}
	cmd.InitDefaultHelpFlag()
	for _, word := range words {
		flag := ownFlag.FindStringSubmatch(word)
		if flag != nil && cmd.Flags().Lookup(flag[1]) == nil && cmd.InheritedFlags().Lookup(flag[1]) == nil {
			return cmd.Name() + " has no flag --" + flag[1]
		}
	}
	return ""
}

// subcommand is the command below cmd that the second word names, or nil.
func subcommand(cmd *cobra.Command, words []string) *cobra.Command {
	for _, sub := range cmd.Commands() {
		if len(words) > 1 && sub.Name() == words[1] {
			return sub
		}
	}
	return nil
}
