// Package lab boots throwaway Debian hosts with a real systemd, dockerd and
// gVisor, and guarantees that each starts from the same pristine root and
// leaves nothing behind.
//
// A host is a systemd-nspawn container over a cached, pristine root file
// system. It has no network except its own loopback. Close leaves no process,
// mount, cgroup or directory of it, and the next Boot removes what a killed
// process left.
//
// The package never touches the machine's own Docker, systemd units, users or
// id ranges. On the machine it only installs missing tools with apt-get and
// keeps a cache, which may be deleted when no host runs.
package lab
