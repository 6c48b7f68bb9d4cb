// Package soak keeps the daemon busy with random drift on a real host, for as
// long as one likes, and looks at what is left of both in the end.
package soak
