//go:build !failpoint

// Package failpoint marks the instants at which a run may be killed. In a
// normal build Here does nothing and costs nothing; with the build tag
// failpoint a test can name one of them, by its number, to end the process
// there with SIGKILL.
package failpoint

// Here is an instant, told from others by what is about to happen or has just
// happened: "write daemon.json: before the rename".
func Here(string) {}
