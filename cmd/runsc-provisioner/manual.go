package main

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"runsc-provisioner/packaging/man"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
)

// manuals are the manual pages by file name. They say what --help says, and nothing calls this
// in the program itself: main_shipped.go writes what packages have beside it.
func manuals(b man.Build) map[string]string {
	root := newRoot(&app{paths: host.DefaultPaths()})
	daemon, _, _ := root.Find([]string{"daemon"}) // it is there: the service runs it
	return map[string]string{
		"runsc-provisioner.8":         man.Program(asPage(root), root.Short, flagsOnPage(root), exitCodes(), b),
		"runsc-provisioner.toml.5":    man.Configuration(config.Reference(), b),
		"runsc-provisioner.service.8": man.Service(daemon.Long, b),
	}
}

// asPage is cmd and the commands below it.
func asPage(cmd *cobra.Command) man.Command {
	page := man.Command{
		Path: cmd.CommandPath(), Usage: cmd.UseLine(), About: cmd.Long, Examples: cmd.Example,
	}
	if page.About == "" {
		page.About = cmd.Short + "."
	}
	if cmd.HasParent() {
		page.Flags = flagsOnPage(cmd)
	}
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			page.Commands = append(page.Commands, asPage(sub))
		}
	}
	return page
}

// flagsOnPage are the flags of cmd, as --help has them.
func flagsOnPage(cmd *cobra.Command) []man.Pair {
	cmd.InitDefaultHelpFlag()
	var pairs []man.Pair
	for _, pair := range flagPairs(cmd.LocalFlags()) {
		if cmd.HasParent() && strings.Contains(pair[0], "--help") {
			continue // it is on the page once
		}
		pairs = append(pairs, man.Pair{Term: strings.TrimSpace(pair[0]), About: pair[1] + "."})
	}
	return pairs
}

// exitCodes are the exit codes of every command but verify and doctor.
func exitCodes() []man.Pair {
	return []man.Pair{
		{Term: strconv.Itoa(exitDone), About: "Done, or nothing to do."},
		{Term: strconv.Itoa(exitFailed), About: "Failed, and nothing was changed in Docker. Or interrupted: the message says which changes stay."},
		{Term: strconv.Itoa(exitChanges), About: "plan --detailed-exitcode: there is something to do."},
		{Term: strconv.Itoa(exitRolledBack), About: "Rolled back: daemon.json, the link, the release and dockerd's settings are as before."},
		{Term: strconv.Itoa(exitHeld), About: "Held: something waits until Docker runs, or until you allow it. The message names the flag."},
		{Term: strconv.Itoa(exitUsage), About: "Wrong command line."},
		{Term: strconv.Itoa(exitRefusedData), About: "The download is refused: wrong digest or signature, or an older release than allowed."},
		{Term: strconv.Itoa(exitOutOfReach), About: "Docker or systemd does not answer."},
		{Term: strconv.Itoa(exitNotUndone), About: "The rollback failed: Docker is down, or a part of the change stays. The hint says what was put back."},
		{Term: strconv.Itoa(exitTryAgain), About: "Try again later: the network, the server, or another run."},
		{Term: strconv.Itoa(exitNotRoot), About: "Not root."},
		{Term: strconv.Itoa(exitRefused), About: "Refused, and Docker was not touched: an error in the configuration or daemon.json, or a place that users other than root can write to."},
	}
}
