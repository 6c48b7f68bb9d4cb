package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"runsc-provisioner/test/bench/race"
	"runsc-provisioner/test/lab"
)

const (
	timerInHost = "/usr/local/lib/runsc-provisioner-bench/timer"
	askerInHost = "/usr/local/lib/runsc-provisioner-bench/asker"
	runscInHost = "/usr/local/bin/runsc"
	// dockerSocket is where dockerd answers in a host of the lab.
	dockerSocket = "/run/docker.sock"
	// peerConfig is a separate daemon.json for the peer, which would overwrite
	// ours.
	peerConfig = "/etc/docker/peer.json"
)

// applyRows measures apply in a host where it has nothing to do. Its peers are
// gVisor's own `runsc install` on a daemon.json that it would not change, the one
// question that dockerd has to be asked, and both.
func applyRows(ctx context.Context, p pace, built programs) (rows []row, err error) {
	host, err := lab.Boot(ctx, lab.Options{
		Suite:  "trixie",
		Name:   "bench",
		Binary: built.product,
		Binds: []lab.Bind{
			{Source: built.timer, Target: timerInHost, ReadOnly: true},
			{Source: built.asker, Target: askerInHost, ReadOnly: true},
		},
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, host.Close()) }()

	apply := []string{"runsc-provisioner", "apply", "--default-runtime"}
	// Otherwise it would fetch sidecars from the network, or write existing
	// files again.
	install := []string{
		runscInHost, "install", "--download-sidecars=NEVER", "--require-sidecars=NEVER", "--clobber=false",
		"--config_file=" + peerConfig, "--", "--ignore-cgroups",
	}
	for _, argv := range [][]string{apply, install} {
		if _, err := succeed(ctx, host, lab.Command{Argv: argv}); err != nil {
			return nil, err
		}
	}
	const question, both, bare = "GET /info by curl", "runsc install, then docker info", "GET /info by a bare program"
	four := compare(p, "",
		race.Entrant{Argv: apply, Want: "nothing to do"},
		race.Entrant{Argv: install, Want: "Not overwriting runtime"},
	)
	four.Entrants = append(four.Entrants,
		// The least that a user can do to see what dockerd runs with.
		race.Entrant{Name: question, Argv: []string{"curl", "-fsS", "--unix-socket", dockerSocket, "http://docker/info"}, Want: `"DefaultRuntime"`},
		// It reads only daemon.json. What dockerd runs with is the other half of apply.
		race.Entrant{Name: both, Argv: append([]string{"sh", "-euc", `"$@" && exec docker info`, "sh"}, install...), Want: "Default Runtime"},
		race.Entrant{Name: bare, Argv: []string{askerInHost}, Want: `"DefaultRuntime"`},
	)
	result, err := raceInHost(ctx, host, []string{timerInHost}, four)
	if err != nil {
		return nil, err
	}
	const work = "apply with nothing to do"
	rows, err = wallAndMemory(work, result, aim{ofRatio, 1}, aim{ofRatio, 1})
	for _, beside := range []struct {
		side string
		aim  aim
	}{{question, aim{ofRatio, 1.3}}, {bare, aim{}}, {both, aim{ofRatio, 1}}} {
		rows = append(rows, row{work + ", beside " + beside.side, milliseconds, result.Walls(this), result.Walls(beside.side), beside.aim})
	}
	return rows, err
}

// raceInHost runs r in the host with the timer or the pinger, so that entering
// the host is not measured.
func raceInHost(ctx context.Context, host *lab.Host, measure []string, r race.Race) (race.Result, error) {
	wanted, err := json.Marshal(r)
	if err != nil {
		return race.Result{}, err
	}
	said, err := succeed(ctx, host, lab.Command{Argv: measure, Stdin: bytes.NewReader(wanted)})
	if err != nil {
		return race.Result{}, err
	}
	return parseResult(said)
}

func parseResult(text string) (race.Result, error) {
	var result race.Result
	if err := json.Unmarshal([]byte(text), &result); err != nil {
		return race.Result{}, fmt.Errorf("read the result: %w", err)
	}
	return result, nil
}

// succeed runs a program that must exit with 0 and returns its output.
func succeed(ctx context.Context, host *lab.Host, c lab.Command) (string, error) {
	result, err := host.RunWith(ctx, c)
	if err != nil {
		return "", err
	}
	if result.Code != 0 {
		return "", fmt.Errorf("%s: %s", strings.Join(c.Argv, " "), result)
	}
	return result.Stdout, nil
}
