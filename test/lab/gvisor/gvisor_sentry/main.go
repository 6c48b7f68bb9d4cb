// Command gvisor_sentry is the sidecar in which runsc boots a sandbox. The
// public module carries its commands but not its main package, so the lab has
// this one; it does what runsc itself does for the same two commands and adds
// nothing.
package main

import (
	"gvisor.dev/gvisor/runsc/cli"
	"gvisor.dev/gvisor/runsc/cmd/sentry/sentrycmd"
	"gvisor.dev/gvisor/runsc/cmd/util"
	"gvisor.dev/gvisor/runsc/gvisorbinaries"
)

func main() {
	const group = "internal use only"
	cli.Run(&gvisorbinaries.GvisorSentry, map[util.SubCommand]string{
		new(sentrycmd.Boot):   group,
		new(sentrycmd.Umount): group,
	}, nil)
}
