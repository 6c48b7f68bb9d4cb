// Package lab boots throwaway Debian hosts with a real systemd, dockerd and
// gVisor, so that everything this project does to a host is tested on one.
//
// A host is a systemd-nspawn container over a cached, pristine root file
// system. The package guarantees that a host starts from that pristine root
// whatever ran before, that it sees no network but its own loopback, and that
// Close leaves no process, mount, cgroup or directory of it. What a killed
// process left is removed at the next Boot. It never touches the machine's own
// Docker, systemd units, users or id ranges; what it does to the machine is to
// install missing tools with apt-get and to keep a cache, which may be deleted
// whenever no host runs.
package lab
