// Command fakerunsc is a fake runsc that the proof can see: its `run` becomes
// a process that looks like a sandbox to the host, and contains nothing.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
)

// label is set by the linker.
var label string

// sandbox is argv[0] of what `run` becomes.
const sandbox = "runsc-sandbox"

func main() {
	if err := run(os.Args); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(128)
	}
}

func run(args []string) error {
	if err := checkEnvironment(os.Environ()); err != nil {
		return err
	}
	if args[0] == sandbox {
		fmt.Println("4.19.0-gvisor")
		_, err := io.Copy(io.Discard, os.Stdin)
		return err
	}
	// Like runsc, it reads its command line before it does anything.
	if slices.Contains(args, "--no-such-flag") {
		return errors.New("flag provided but not defined: -no-such-flag\nUsage: runsc <flags> <subcommand> <subcommand args>\n" + strings.Repeat("  -flag\n", 60))
	}
	for flag, rejectedBy := range map[string]string{"-removed": "release-20260914.0", "-removed-too": "release-20260914.0", "-added": "release-20260907.0"} {
		if slices.Contains(args, "-"+flag) && label == rejectedBy {
			return errors.New("flag provided but not defined: " + flag)
		}
	}
	switch {
	case slices.Contains(args, "--version"):
		fmt.Printf("runsc version %s\nspec: 1.2.1\n", label)
		return nil
	case slices.Contains(args, "run"):
		return syscall.Exec("/proc/self/exe", []string{sandbox, "boot", args[len(args)-1]}, os.Environ())
	case slices.Contains(args, "delete"):
		return nil
	default:
		return fmt.Errorf("fake runsc: not known: %q", args[1:])
	}
}

// checkEnvironment refuses all but what a clean environment has.
func checkEnvironment(environment []string) error {
	for _, variable := range environment {
		name, _, _ := strings.Cut(variable, "=")
		if name != "PATH" && name != "LANG" {
			return fmt.Errorf("fake runsc: the environment has %s", name)
		}
	}
	return nil
}
