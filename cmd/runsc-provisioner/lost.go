package main

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/spf13/cobra"

	"runsc-provisioner/provision"
)

// output is standard output, which drops what could not be written, and
// stops nothing.
type output struct {
	w    io.Writer
	lost error // the first error; nothing is written after it
}

func (o *output) Write(p []byte) (int, error) {
	if o.lost == nil {
		_, o.lost = o.w.Write(p)
	}
	return len(p), nil
}

// works is true of the commands that do something: the code says how that
// ended, also where what they print is lost. All others are there for what they
// print.
func works(cmd *cobra.Command) bool {
	switch cmd.Name() {
	case "apply", "prove", "daemon":
		return true
	}
	return false
}

// heard is the exit code of cmd, which would be code had all that it printed
// arrived.
func (a *app) heard(cmd *cobra.Command, code int, lost error) int {
	if lost == nil {
		return code
	}
	word, after := "error", code
	switch {
	case works(cmd):
		word = "note"
	case looks(cmd):
		// What was found was not heard, and may have been bad.
		after = pluginCodes[provision.Unsure]
	default:
		after = exitFailed
	}
	// The reader of a pipe closes it when it has read enough.
	if !errors.Is(lost, syscall.EPIPE) {
		fmt.Fprintf(a.stderr, "%s: the output could not be written: %s\n", word, printable(lost.Error()))
	}
	return after
}
