package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"runsc-provisioner/test/bench/race"
	"runsc-provisioner/test/lab"
)

const (
	crowdInHost = "/usr/local/lib/runsc-provisioner-bench/crowd"
	scanInHost  = "/usr/local/lib/runsc-provisioner-bench/scan"

	fewProcesses, someProcesses, manyProcesses = 1000, 5000, 20_000
	// ofAll is how many containers run for a `verify` of all.
	ofAll = 25
	// mostScan and mostVerify are ratios to the peer, mostGrowth to the smaller
	// crowd.
	mostScan, mostVerify, mostGrowth = 0.12, 0.5, 1.2
)

// verifyRows measures looks at hosts with more and more processes, compared
// with the commands that users grep with, and `verify` compared with `docker
// inspect` of each container.
func verifyRows(ctx context.Context, p pace, built programs) (rows []row, err error) {
	host, err := lab.Boot(ctx, lab.Options{
		Suite:  "trixie",
		Name:   "bench-verify",
		Binary: built.product,
		Binds: []lab.Bind{
			{Source: built.timer, Target: timerInHost, ReadOnly: true},
			{Source: built.crowd, Target: crowdInHost, ReadOnly: true},
			{Source: built.scan, Target: scanInHost, ReadOnly: true},
		},
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	sh := func(script string) (string, error) {
		said, err := succeed(ctx, host, lab.Command{Argv: []string{"sh", "-c", script}})
		return strings.TrimSpace(said), err
	}
	if _, err := sh("runsc-provisioner apply --default-runtime && docker run -d --name c0 " + lab.Image + " sleep 90000"); err != nil {
		return nil, err
	}
	release, err := sh("dirname $(readlink -f " + runscInHost + ")")
	if err != nil {
		return nil, err
	}
	one, err := sh("docker inspect -f '{{.Id}} {{.State.Pid}}' c0")
	if err != nil {
		return nil, err
	}
	scan := []string{scanInHost, release}
	lookAt := append([]string{scanInHost, release}, strings.Fields(one)...)
	const all, whole, alone, ps, pgrep = "all", "whole", "alone", "ps", "pgrep"
	walls := map[int]race.Result{}
	for _, count := range []int{fewProcesses, someProcesses, manyProcesses} {
		_, err := sh(fmt.Sprintf("rm -f /run/crowd; systemd-run -q --unit=crowd -p TasksMax=infinity %s %d /run/crowd; for i in $(seq 600); do test -e /run/crowd && exit 0; sleep 0.1; done; exit 1", crowdInHost, count))
		if err != nil {
			return nil, fmt.Errorf("make %d processes: %w", count, err)
		}
		entrants := []race.Entrant{{Name: all, Argv: scan, Want: "1 sandboxes"}, {Name: alone, Argv: lookAt, Want: "complete"}}
		if count == someProcesses {
			entrants = append(entrants,
				race.Entrant{Name: whole, Argv: append(slices.Clip(scan), whole), Want: "1 sandboxes"},
				race.Entrant{Name: ps, Argv: []string{"sh", "-c", "ps -ef | grep runsc-sandbox"}, Want: "runsc-sandbox"},
				race.Entrant{Name: pgrep, Argv: []string{"pgrep", "-f", "runsc-sandbox"}, Want: strings.Fields(one)[1]})
		}
		if walls[count], err = raceInHost(ctx, host, []string{timerInHost}, race.Race{Warmup: p.warmup, Runs: p.runs, Entrants: entrants}); err != nil {
			return nil, err
		}
		if _, err := sh("systemctl stop crowd"); err != nil {
			return nil, err
		}
	}
	some := walls[someProcesses]
	perProcess := func(count int) []float64 {
		times := walls[count].Walls(all)
		for i := range times {
			times[i] *= fewProcesses / float64(count)
		}
		return times
	}
	rows = []row{
		{fmt.Sprintf("look at %d processes, beside ps -ef | grep: wall", someProcesses), milliseconds, some.Walls(all), some.Walls(ps), aim{ofRatio, mostScan}},
		{fmt.Sprintf("look at %d processes, beside pgrep -f: wall", someProcesses), milliseconds, some.Walls(all), some.Walls(pgrep), aim{ofRatio, mostScan}},
		{fmt.Sprintf("look at %d processes, for claims too, beside pgrep -f: wall", someProcesses), milliseconds, some.Walls(whole), some.Walls(pgrep), aim{}},
		{fmt.Sprintf("look at each 1000 of %d processes, beside 1000 of 1000: wall", manyProcesses), milliseconds, perProcess(manyProcesses), perProcess(fewProcesses), aim{ofRatio, mostGrowth}},
		{fmt.Sprintf("look at one container among %d processes, beside %d: wall", manyProcesses, fewProcesses), milliseconds,
			walls[manyProcesses].Walls(alone), walls[fewProcesses].Walls(alone), aim{ofRatio, mostGrowth}},
	}
	if _, err := sh(fmt.Sprintf("for i in $(seq 1 %d); do docker run -d --name c$i %s sleep 90000 >/dev/null || exit 1; done", ofAll-1, lab.Image)); err != nil {
		return nil, err
	}
	result, err := raceInHost(ctx, host, []string{timerInHost}, compare(p, "",
		race.Entrant{Argv: []string{"runsc-provisioner", "verify"}, Want: "\nok\n"},
		race.Entrant{Argv: []string{"sh", "-c", "for c in $(docker ps -q); do docker inspect $c; done; ps -ef | grep runsc-sandbox"}, Want: "runsc-sandbox"},
	))
	if err != nil {
		return nil, err
	}
	return append(rows, row{fmt.Sprintf("verify of %d containers, beside docker inspect of each and ps: wall", ofAll), milliseconds, result.Walls(this), result.Walls(peer), aim{ofRatio, mostVerify}}), nil
}
