// Command next_runsc is a stand-in for a runsc of 2027. It is the runsc that the
// lab pins, without the flags that gVisor has announced to remove: it rejects
// them as runsc rejects a flag that it never had, because the same flag package
// reads its command line first. Everything else is left to the real runsc.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"

	"gvisor.dev/gvisor/runsc/cli/maincli"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/version"
)

// version.Version is set by the linker, which needs a reference to it.
var _ = version.Version()

// removed are flags that runsc says it will remove by 2027-01
// (runsc/config/flags_graveyard.go, RegisterDeprecatedFlags).
var removed = map[string]bool{"vfs2": true, "fuse": true, "lisafs": true, "buffer-pooling": true, "cgroupfs": true}

func main() {
	// On an error, Parse prints it with the usage and exits with 2, as in runsc.
	_ = nextFlags().Parse(os.Args[1:])
	maincli.Main()
}

// nextFlags are the flags of runsc without the removed ones.
func nextFlags() *flag.FlagSet {
	today := flag.NewFlagSet("today", flag.ContinueOnError)
	config.RegisterFlags(today)
	flag.CommandLine.VisitAll(func(f *flag.Flag) { today.Var(f.Value, f.Name, f.Usage) })

	next := flag.NewFlagSet("runsc", flag.ExitOnError)
	next.Usage = func() {
		fmt.Fprint(next.Output(), "Usage: runsc <flags> <subcommand> <subcommand args>\n\n")
	}
	for _, name := range []string{"help", "h", "version"} { // runsc/cli adds them
		next.Bool(name, false, "")
	}
	today.VisitAll(func(f *flag.Flag) {
		switch {
		case removed[f.Name]:
		case f.Name == "sidecar-usage-policy":
			next.Var(withoutLegacy{f.Value}, f.Name, f.Usage)
		default:
			next.Var(f.Value, f.Name, f.Usage)
		}
	})
	return next
}

// withoutLegacy is a flag that no longer takes the values LEGACY_….
type withoutLegacy struct{ flag.Value }

func (v withoutLegacy) Set(value string) error {
	if strings.HasPrefix(strings.ToUpper(value), "LEGACY_") {
		return fmt.Errorf("invalid value %q; must be DEFAULT, or STRICT", value)
	}
	return v.Value.Set(value)
}
