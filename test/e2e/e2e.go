// Package e2e runs the program on throwaway hosts with a real systemd, D-Bus,
// dockerd and gVisor. Everything is in its tests.
package e2e
