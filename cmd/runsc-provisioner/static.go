//go:build cgo && !race

// A static C library cannot load the modules that its resolver needs.
//go:debug netdns=go

package main

// The proof runs this program in a root without a loader and libraries, so it must be
// static. Packages net and os/user make it dynamic if cgo is on, as in a plain `go build`.
// This links it statically then; the build fails where the C library cannot be linked so.
// The linker's warnings are about lookups that this program does not make. The Makefile
// builds without cgo. Under -race cgo stays as it is: such a program starts no proof.

// #cgo LDFLAGS: -static
import "C"
