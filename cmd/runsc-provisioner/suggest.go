package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"runsc-provisioner/provision/config"
)

// The hints for words that other programs use.
const (
	uninstallHint = "sudo runsc-provisioner uninstall takes everything out of Docker again; " +
		"to run only new containers outside gVisor: sudo runsc-provisioner apply --default-runtime=off"
	rollbackHint = "apply undoes a change that fails, by itself. " +
		"To go back to the previous release: sudo runsc-provisioner rollback; " +
		"to an earlier one: sudo runsc-provisioner apply --release=YYYYMMDD.N --allow-downgrade; " +
		"to the default runtime from before: sudo runsc-provisioner apply --default-runtime=off; " +
		"to a Docker without gVisor: sudo runsc-provisioner uninstall"
	planHint = "runsc-provisioner plan shows what apply would change, and changes nothing; " +
		"it takes the same flags"
)

// commandWords are words that are no command here, by the hint for all of them.
func commandWords(parent string) (hintToWords map[string]string) {
	const show = "runsc-provisioner config show lists every value and its source"
	if parent == "config" {
		return map[string]string{
			"runsc-provisioner config check checks the files": "validate verify lint test",
			show: "list get print dump cat view",
			"sudo systemctl reload runsc-provisioner":                                    "reload",
			"change config.toml with an editor, then run runsc-provisioner config check": "edit set unset init",
		}
	}
	return map[string]string{
		uninstallHint: "remove rm purge delete clean unregister",
		rollbackHint:  "revert undo restore downgrade back",
		planHint:      "dry-run dryrun diff preview simulate",

		"runsc-provisioner config check checks the configuration; verify checks the host": "check validate",

		show + "; runsc-provisioner status shows the host":                           "show info get settings",
		"sudo runsc-provisioner apply installs gVisor and registers it with Docker":  "install setup init register up run",
		"sudo runsc-provisioner apply --upgrade looks for a newer release":           "upgrade update",
		"runsc-provisioner lock prints the pin of the installed release":             "pin freeze",
		"sudo runsc-provisioner verify shows which containers are in a sandbox":      "ps ls list containers audit",
		"sudo runsc-provisioner prove starts a test container under each runtime":    "test",
		"runsc-provisioner doctor looks for what is wrong; debug-bundle collects it": "debug bundle support report",
		"the daemon writes to the journal: journalctl -u runsc-provisioner":          "log logs journal",
	}
}

// unitHint is the hint for a word that systemctl knows.
func unitHint(word string) string {
	switch word {
	case "enable", "disable":
		return fmt.Sprintf("systemd runs the daemon: sudo systemctl %s --now runsc-provisioner", word)
	case "start", "stop", "restart", "reload":
		return fmt.Sprintf("systemd runs the daemon: sudo systemctl %s runsc-provisioner", word)
	case "status":
		return "runsc-provisioner status shows what the daemon knows"
	}
	return ""
}

// commandHint is the hint for a word that is no command of parent.
func commandHint(parent *cobra.Command, word string) string {
	for hint, words := range commandWords(parent.Name()) {
		if slices.Contains(strings.Fields(words), strings.ToLower(word)) {
			return hint
		}
	}
	if hint := unitHint(word); hint != "" {
		return hint
	}
	parent.SuggestionsMinimumDistance = 2
	if near := parent.SuggestionsFor(word); len(near) > 0 {
		return "did you mean " + parent.CommandPath() + " " + strings.Join(near, " or ") + "?"
	}
	return helpHint(parent)
}

// runscFlags are flags that people pass to runsc.
const runscFlags = "platform network debug-log strace overlay overlay2 dcache net-raw host-uds host-fifo " +
	"file-access oci-seccomp nvproxy ignore-cgroups directfs systemd-cgroup log-packets gso"

// flagHint is the hint for a flag that other programs have; "" for any other name.
func flagHint(cmd *cobra.Command, name string) string {
	has := func(flag string) bool { return cmd.Flags().Lookup(flag) != nil }
	switch name {
	case "dry-run", "dryrun", "n", "noop", "check", "diff", "what-if", "simulate":
		if changesHost(cmd) || cmd.Name() == "daemon" {
			return planHint
		}
		return cmd.Name() + " never changes anything: leave it out"
	case "uninstall", "remove", "delete":
		return uninstallHint
	case "rollback", "undo", "revert", "downgrade":
		return rollbackHint
	case "V":
		return "runsc-provisioner version prints the version"
	case "config":
		return "write --config-dir=DIRECTORY"
	case "no-color":
		return "set NO_COLOR=1 in the environment"
	case "q", "quiet":
		return "send the output to /dev/null; the exit code says how it went"
	case "json", "output", "o":
		if has("format") {
			return "write --format=json"
		}
	case "debug":
		if has("runtime-arg") {
			return "write --verbose for a log of this program, or --runtime-arg=--debug for one of runsc"
		}
		return "write --verbose for a log of this program"
	}
	if !has("default-runtime") {
		return ""
	}
	switch name {
	case "force", "f", "yes", "y", "assume-yes", "auto-approve", "confirm", "restart":
		return "the program asks no questions: --allow-restart and --allow-hidden-data allow what is held"
	case "version":
		return "to choose a release of gVisor: --release=YYYYMMDD.N; " +
			"for the version of this program: runsc-provisioner version"
	case "latest":
		return "write --release=latest"
	case "nightly", "master":
		return "write --channel=" + name
	case "mirror", "server":
		return "write --url=URL"
	case "runtime":
		return "write --default-runtime=NAME for the default runtime, " +
			"or --runtime-arg=ARGUMENT for an argument of runsc"
	case "default":
		return "write --default-runtime=NAME"
	case "userns":
		return "write --userns-remap"
	case "no-save":
		return "write --once"
	}
	return ""
}

// unknownFlagHint says what to write instead of an unknown flag; "" if nothing is like it. One
// letter is a short flag.
func unknownFlagHint(cmd *cobra.Command, name string) string {
	if flag := cmd.Flag(name); flag != nil { // written with one dash
		return "write it with two dashes: --" + name
	}
	if hint := flagHint(cmd, name); hint != "" {
		return hint
	}
	if near := nearestFlag(cmd, name); near != "" {
		return "did you mean --" + near + "?"
	}
	if with := withFlag(cmd.Root(), name); len(with) > 0 && cmd == cmd.Root() {
		return fmt.Sprintf("--%s is a flag of %s: write it after the command", name, strings.Join(with, ", "))
	} else if len(with) > 0 {
		return fmt.Sprintf("--%s is a flag of %s", name, strings.Join(with, ", "))
	}
	if slices.Contains(strings.Fields(runscFlags), name) && cmd.Flags().Lookup("runtime-arg") != nil {
		return "to pass it to runsc: --runtime-arg=--" + name + "=VALUE"
	}
	if key := configKey(name); key != "" {
		return "no flag sets it: set " + key + " in config.toml (runsc-provisioner config show lists every key)"
	}
	return ""
}

// configKey is the dotted key of the configuration that is called name, or "".
func configKey(name string) string {
	values, err := (config.Layered{Config: config.Default()}).Values()
	if err != nil {
		return ""
	}
	name = strings.ReplaceAll(name, "-", "_")
	for _, v := range values {
		if v[0] == name || strings.HasSuffix(v[0], "."+name) {
			return v[0]
		}
	}
	return ""
}

// nearestFlag is the flag that differs least from name, or "" if each differs much.
func nearestFlag(cmd *cobra.Command, name string) string {
	best, least := "", len(name)/3+1
	visit := func(flag *pflag.Flag) {
		if d := distance(name, flag.Name); d < least && !flag.Hidden {
			best, least = flag.Name, d
		}
	}
	cmd.Flags().VisitAll(visit)
	cmd.InheritedFlags().VisitAll(visit)
	if best == "" && len(name) >= 4 {
		visit = func(flag *pflag.Flag) {
			if best == "" && !flag.Hidden && strings.HasPrefix(flag.Name, name) {
				best = flag.Name
			}
		}
		cmd.Flags().VisitAll(visit)
	}
	return best
}

// distance is the number of letters to change, add or remove to get from a to b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
