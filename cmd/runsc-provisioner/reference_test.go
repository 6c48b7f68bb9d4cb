package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"runsc-provisioner/provision/config"
)

// A page has what is made from the code between these two lines.
const (
	madeBegin = "<!-- begin: made from the code by make golden -->\n"
	madeEnd   = "<!-- end -->\n"
)

// TestReference compares the pages that are made from the code with the code. -update writes them again.
func TestReference(t *testing.T) {
	for path, want := range map[string]string{
		"../../docs/configuration.md": keysText(),
		"../../docs/commands.md":      commandsText(newRoot(hostApp()), ""),
	} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		before, rest, hasBegin := strings.Cut(string(text), madeBegin)
		got, after, hasEnd := strings.Cut(rest, madeEnd)
		if !hasBegin || !hasEnd {
			t.Fatalf("%s: has no part that is made from the code", path)
		}
		if got == want {
			continue
		}
		if !*update {
			t.Errorf("%s differs from the code: run make golden", path)
			continue
		}
		if err := os.WriteFile(path, []byte(before+madeBegin+want+madeEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// keysText lists every section and key of config.toml.
func keysText() string {
	var b strings.Builder
	for _, section := range config.Reference() {
		fmt.Fprintf(&b, "\n### [%s]\n\n%s\n\n", section.Name, wrapLine(cell(section.About), 0, 110))
		b.WriteString("| key | type | default | |\n|---|---|---|---|\n")
		for _, key := range section.Keys {
			value := "unset"
			if key.Default != "" {
				value = "`" + key.Default + "`"
			}
			name := strings.TrimPrefix(key.Key, section.Name+".")
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, key.Type, value, cell(key.About))
		}
	}
	return b.String() + "\n"
}

// cell is text for a cell of a table: values in quotes become code.
func cell(text string) string {
	return strings.ReplaceAll(quotedValue.ReplaceAllString(text, "`$0`"), "|", `\|`)
}

var quotedValue = regexp.MustCompile(`"[^"]*"`)

// commandsText lists cmd and the commands below it, with their flags.
func commandsText(cmd *cobra.Command, parent string) string {
	var b strings.Builder
	name := strings.TrimSpace(parent + " " + cmd.Name())
	if parent != "" {
		title := strings.TrimPrefix(name, "runsc-provisioner ")
		about := cmd.Long
		if about == "" {
			about = cmd.Short
		}
		fmt.Fprintf(&b, "\n## %s\n\n```text\n%s\n\n  %s\n```\n", title, strings.TrimSpace(about), cmd.UseLine())
		if cmd.HasExample() {
			fmt.Fprintf(&b, "\n```text\n%s\n```\n", strings.Trim(cmd.Example, "\n"))
		}
		writeFlags(&b, cmd.LocalNonPersistentFlags())
	}
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "help" {
			b.WriteString(commandsText(sub, name))
		}
	}
	if parent == "" {
		b.WriteString("\n## Flags of every command\n")
		writeFlags(&b, cmd.PersistentFlags())
		b.WriteString("\n")
	}
	return b.String()
}

func writeFlags(b *strings.Builder, flags *pflag.FlagSet) {
	var rows []string
	flags.VisitAll(func(flag *pflag.Flag) {
		if flag.Hidden || flag.Name == "help" {
			return
		}
		value, about := pflag.UnquoteUsage(flag)
		name := "--" + flag.Name
		switch {
		case flag.Value.Type() == "bool":
		case mayTakeValue(flag):
			name += "[=" + value + "]"
		default:
			name += " " + value
		}
		if value := defaultOf(flag); value != "" {
			about += " (default " + value + ")"
		}
		rows = append(rows, fmt.Sprintf("| `%s` | %s |\n", name, strings.ReplaceAll(about, "|", `\|`)))
	})
	if len(rows) > 0 {
		b.WriteString("\n| flag | |\n|---|---|\n" + strings.Join(rows, ""))
	}
}

// docs/exit-codes.md has a row for each code, and no other.
func TestExitCodesAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/exit-codes.md")
	if err != nil {
		t.Fatal(err)
	}
	const most = "plan, apply, prove, rollback, uninstall, config, lock, bundle"
	sections := map[string][]int{
		most: {exitDone, exitFailed, exitChanges, exitRolledBack, exitHeld,
			exitUsage, exitRefusedData, exitOutOfReach, exitNotUndone, exitTryAgain, exitNotRoot, exitRefused},
		"verify, doctor": {0, 1, 2, 3},
		"status":         {exitDone, exitFailed, exitHeld, exitOutOfReach, exitNotRoot, exitRefused},
	}
	for title, want := range sections {
		_, section, _ := strings.Cut(string(text), "\n## "+title+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		var got []int
		for _, row := range regexp.MustCompile(`(?m)^\| (\d+) \|`).FindAllStringSubmatch(section, -1) {
			code, err := strconv.Atoi(row[1])
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, code)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: the page has %v, the program %v", title, got, want)
		}
	}
	source, err := os.ReadFile("remedy.go")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(regexp.MustCompile(`(?m)^\texit\w+ += \d+`).FindAll(source, -1)); n != len(sections[most]) {
		t.Errorf("remedy.go has %d codes, this test %d", n, len(sections[most]))
	}
}
