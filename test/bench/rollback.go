package main

import (
	"context"
	"errors"

	"runsc-provisioner/test/bench/race"
	"runsc-provisioner/test/lab"
)

// rollbackRows measures the way back to the previous release, until dockerd has it, beside the reload that it takes.
func rollbackRows(ctx context.Context, p pace, built programs) (rows []row, err error) {
	host, err := lab.Boot(ctx, lab.Options{
		Suite:  "trixie",
		Name:   "bench-rollback",
		Binary: built.product,
		Binds:  []lab.Bind{{Source: built.timer, Target: timerInHost, ReadOnly: true}},
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	const older, newer = "20260907.0", version
	if _, err := succeed(ctx, host, lab.Command{Argv: []string{"runsc-provisioner", "apply", "--default-runtime", "--release=" + older}}); err != nil {
		return nil, err
	}
	before := []string{"runsc-provisioner", "apply", "--release=" + newer}
	result, err := raceInHost(ctx, host, []string{timerInHost}, compare(p, "",
		race.Entrant{Before: before, Argv: []string{"runsc-provisioner", "rollback"}, Want: "Docker runs gVisor " + older},
		race.Entrant{Before: before, Argv: []string{"systemctl", "reload", "docker.service"}},
	))
	if err != nil {
		return nil, err
	}
	return wallAndMemory("rollback, beside systemctl reload docker", result, aim{}, aim{})
}
