package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"runsc-provisioner/test/bench/race"
	"runsc-provisioner/test/lab"
	"runsc-provisioner/test/realbuild"
)

// stepRunner is the program with which BuildKit runs steps, once builds are in a sandbox.
const stepRunner = "/usr/local/lib/gvisor/builds/runc"

// buildRows measures docker build by BuildKit of Dockerfiles like those of people: steps in gVisor beside steps on the host's
// kernel. It is the same dockerd: only the program that BuildKit calls in place of runc is exchanged before each build.
func buildRows(ctx context.Context, p pace, built programs) (rows []row, err error) {
	o, err := realbuild.Options(ctx, lab.Options{
		Suite: "trixie", Name: "bench-builds", Binary: built.product,
		Binds: []lab.Bind{{Source: built.timer, Target: timerInHost, ReadOnly: true}},
	})
	if err != nil {
		return nil, err
	}
	host, err := lab.Boot(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	setup := realbuild.Setup() + `
runsc-provisioner apply --builds --allow-restart
cp ` + stepRunner + ` /root/this
printf '#!/bin/sh\nexec runc "$@"\n' >/root/peer
chmod +x /root/peer
`
	if _, err := succeed(ctx, host, lab.Command{Argv: []string{"sh", "-euc", setup}}); err != nil {
		return nil, err
	}
	for _, name := range []string{"apt", "go", "many"} {
		build := []string{"sh", "-c", fmt.Sprintf("cd %s && DOCKER_BUILDKIT=1 docker build --progress=plain --no-cache -t built -f %s.Dockerfile . 2>&1", realbuild.Context, name)}
		side := func(name string) race.Entrant {
			return race.Entrant{Argv: build, Want: "naming to docker.io/library/built", Before: []string{"cp", "/root/" + name, stepRunner}}
		}
		fmt.Fprintf(os.Stderr, "  %s\n", name)
		result, err := raceInHost(ctx, host, []string{timerInHost}, compare(p, "", side(this), side(peer)))
		if err != nil {
			return nil, err
		}
		rows = append(rows, row{"docker build of realbuild's " + name + ": steps in gVisor, beside runc", milliseconds, result.Walls(this), result.Walls(peer), aim{}})
	}
	return rows, nil
}
