//go:build !failpoint

// Package failpoint marks the instants at which a test may kill a run, and
// guarantees that in a normal build Here does nothing and costs nothing.
//
// With the build tag failpoint a test chooses one instant, by number or name, and
// the process ends there with SIGKILL.
package failpoint

// Here marks an instant. Its name says what is about to happen or has just
// happened: "write daemon.json: before the rename".
func Here(string) {}
