package race

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// Main is the main function of a program called name: it runs the race given as
// JSON on standard input with watch, and prints the Result as JSON. If that
// fails, it exits.
func Main(name string, watch Watch) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, watch); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, watch Watch) error {
	var wanted Race
	if err := json.NewDecoder(os.Stdin).Decode(&wanted); err != nil {
		return fmt.Errorf("read race: %w", err)
	}
	result, err := Run(ctx, wanted, watch)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}
