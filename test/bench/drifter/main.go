// Command drifter measures a daemon from inside its host, as another program
// would see it, and prints seconds as JSON.
//
//	drifter bytes N             from the close of a foreign write of daemon.json to our bytes in it
//	drifter fresh N             the same, with a new text each time, and then dockerd --validate of what we wrote
//	drifter effect N            from a foreign reload of dockerd to dockerd running with ours again
//	drifter footprint FOR PID…  the resources that idle processes use
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "drifter: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 2 {
		return errors.New("usage: drifter bytes N | fresh N | effect N | footprint FOR PID…")
	}
	var result any
	var err error
	switch args[0] {
	case "bytes", "fresh", "effect":
		var rounds int
		if rounds, err = strconv.Atoi(args[1]); err != nil {
			return err
		}
		switch args[0] {
		case "bytes":
			result, err = untilBytes(rounds, same, nil)
		case "fresh":
			result, err = untilFresh(rounds)
		default:
			result, err = untilEffect(rounds)
		}
	case "footprint":
		var window time.Duration
		if window, err = time.ParseDuration(args[1]); err != nil {
			return err
		}
		result, err = footprints(window, args[2:])
	default:
		err = fmt.Errorf("%q cannot be measured", args[0])
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}
