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
	var pairs []man.Pair
	for _, exit := range []struct {
		code  int
		about string
	}{
		{exitDone, "Done, or nothing to do."},
		{exitFailed, "Failed, and nothing was changed in Docker. Or interrupted: the message says which changes stay."},
		{exitChanges, "plan --detailed-exitcode: there is something to do."},
		{exitRolledBack, "Rolled back: daemon.json, the link, the release and dockerd's settings are as before."},
		{exitHeld, "Held: something waits until Docker runs, or until you allow it. The message names the flag."},
		{exitUsage, "Wrong command line."},
		{exitRefusedData, "The download is refused: wrong digest or signature, or an older release than allowed."},
		{exitOutOfReach, "Docker or systemd does not answer."},
		{exitNotUndone, "The rollback failed: Docker is down, or a part of the change stays. " +
			"The hint says what was put back."},
		{exitTryAgain, "Try again later: the network, the server, or another run."},
		{exitNotRoot, "Not root."},
		{exitRefused, "Refused, and Docker was not touched: an error in the configuration or daemon.json, " +
			"or a place that users other than root can write to."},
	} {
		pairs = append(pairs, man.Pair{Term: strconv.Itoa(exit.code), About: exit.about})
	}
	return pairs
}
