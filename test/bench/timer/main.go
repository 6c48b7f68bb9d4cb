// Command timer runs the race given as JSON on standard input and prints its
// result as JSON. It is a program of its own because it has to be small: its
// memory is the least that can be seen of what it runs.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"runsc-provisioner/test/bench/race"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "timer: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var wanted race.Race
	if err := json.NewDecoder(os.Stdin).Decode(&wanted); err != nil {
		return fmt.Errorf("read race: %w", err)
	}
	result, err := race.Run(ctx, wanted, nil)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}
