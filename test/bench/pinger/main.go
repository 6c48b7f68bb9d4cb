// Command pinger runs the race given as JSON on standard input, pings dockerd
// every 5 ms while an entrant runs, and prints the result as JSON.
package main

import (
	"time"

	"runsc-provisioner/test/bench/ping"
	"runsc-provisioner/test/bench/race"
)

const (
	socket = "/run/docker.sock"
	every  = 5 * time.Millisecond
)

func main() { race.Main("pinger", ping.Watch(socket, every)) }
