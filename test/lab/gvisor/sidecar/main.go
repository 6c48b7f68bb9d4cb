// Command sidecar is a stand-in for the sidecars that gVisor's bundles have and
// its public module lacks. As gvisor-sentry-prewarmer it executes its first
// argument with the others as the argument list, which is the prewarmer's
// contract with runsc (runsc/sandbox, createSandboxProcess), and warms nothing.
// As runsc-fd-parking it waits for the end of its standard input: the real one
// outlives its sandbox. Under every other name it says that it is a stand-in and
// fails: the lab starts none of them.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// name is the sidecar that this program stands in for. It is set by the linker.
var name string

func main() {
	if name == "runsc-fd-parking" {
		_, _ = io.Copy(io.Discard, os.Stdin)
		return
	}
	if name != "gvisor-sentry-prewarmer" || len(os.Args) < 3 {
		fmt.Fprintf(os.Stderr, "%s: a stand-in of the lab for %s, which does nothing\n", filepath.Base(os.Args[0]), name)
		os.Exit(1)
	}
	err := syscall.Exec(os.Args[1], os.Args[2:], os.Environ())
	fmt.Fprintf(os.Stderr, "%s: execute %s: %v\n", name, os.Args[1], err)
	os.Exit(1)
}
