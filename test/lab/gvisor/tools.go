//go:build tools

// Package gvisor pins the gVisor module that the lab builds its releases
// from. It is a module of its own so that gVisor's dependencies stay out of
// the product's go.mod; it never becomes part of the product.
package gvisor

import (
	_ "gvisor.dev/gvisor/runsc/cli/maincli" // what gvisor.dev/gvisor/runsc, a main package, imports
	_ "gvisor.dev/gvisor/shim/v1/cli"       // what gvisor.dev/gvisor/shim imports
)
