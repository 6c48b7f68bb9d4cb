package main

import (
	"errors"
	"syscall"

	"github.com/spf13/cobra"

	"runsc-provisioner/provision/checkup"
)

// changesHost reports whether cmd must not stop in its work because of its output: it holds
// the lock, and Docker may be half changed.
func changesHost(cmd *cobra.Command) bool {
	switch cmd.Name() {
	case "apply", "prove", "rollback", "uninstall":
		return true
	}
	return false
}

// doesWork reports whether cmd does some work. Its exit code then tells how the work
// ended, even if its output is lost. All other commands exist for their output.
func doesWork(cmd *cobra.Command) bool {
	return changesHost(cmd) || cmd.Name() == "daemon"
}

// codeAfterOutput is the exit code of cmd, given the code that it has when all of its output
// arrives.
func (a *app) codeAfterOutput(cmd *cobra.Command, code int, lost error) int {
	if lost == nil {
		return code
	}
	word, after := "error", code
	switch {
	case doesWork(cmd):
		word = "note"
	case usesPluginCodes(cmd):
		// The lost output may have held bad news.
		after = pluginCodes[checkup.Unsure]
	default:
		after = exitFailed
	}
	// The reader of a pipe closes it when it has read enough.
	if !errors.Is(lost, syscall.EPIPE) {
		a.complain("%s: write the output: %s\n", word, printable(lost.Error()))
	}
	return after
}
