// Command pinger runs the race given as JSON on standard input, asks dockerd
// for a ping every 5 ms while a side of it runs, and prints the result as JSON.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"runsc-provisioner/test/bench/ping"
	"runsc-provisioner/test/bench/race"
)

const (
	socket = "/run/docker.sock"
	every  = 5 * time.Millisecond
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "pinger: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var wanted race.Race
	if err := json.NewDecoder(os.Stdin).Decode(&wanted); err != nil {
		return fmt.Errorf("read race: %w", err)
	}
	result, err := race.Run(ctx, wanted, ping.Watch(socket, every))
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}
