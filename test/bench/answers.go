package main

import (
	"context"
	"errors"
	"fmt"

	"runsc-provisioner/test/bench/race"
	"runsc-provisioner/test/lab"
)

const (
	pingerInHost = "/usr/local/lib/runsc-provisioner-bench/pinger"
	// withoutRemap is a copy of a correct daemon.json without a key that needs
	// a restart.
	withoutRemap = "/root/without-remap.json"
)

// pinging runs the pinger with priority over all others, so that it waits for
// dockerd and not for the processor. asOthers removes the priority from what it
// runs.
func pinging() []string  { return []string{"chrt", "--fifo", "1", pingerInHost} }
func asOthers() []string { return []string{"chrt", "--other", "0"} }

// answerRows measures the longest answer of dockerd to a ping every 5 ms while
// an apply changes dockerd's settings.
func answerRows(ctx context.Context, p pace, built programs) (rows []row, err error) {
	host, err := lab.Boot(ctx, lab.Options{
		Suite:  "trixie",
		Name:   "bench-answers",
		Binary: built.product,
		Binds:  []lab.Bind{{Source: built.pinger, Target: pingerInHost, ReadOnly: true}},
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	if _, err := succeed(ctx, host, lab.Command{Argv: []string{"runsc-provisioner", "apply", "--default-runtime"}}); err != nil {
		return nil, err
	}
	if rows, err = reloadRows(ctx, p, host); err != nil {
		return nil, err
	}
	restart, err := restartRow(ctx, p, host)
	return append(rows, restart), err
}

// reloadRows measures applies that register other arguments each time, compared
// with an equally long time without one, and with a mere signal to dockerd. No
// ping may fail.
func reloadRows(ctx context.Context, p pace, host *lab.Host) ([]row, error) {
	const signal = "signal"
	// The longest of a few dozen answers varies widely, and a run is short.
	p.runs *= 3
	three := compare(p, "",
		race.Entrant{
			Argv:  append(asOthers(), "runsc-provisioner", "apply", "--runtime-arg=--ignore-cgroups"),
			Turns: []string{"--runtime-arg=--debug=false", "--runtime-arg=--log-packets=false"},
			Want:  "✓ reload",
		},
		race.Entrant{Rests: this},
	)
	three.Entrants = append(three.Entrants, race.Entrant{
		// This takes as long as an apply.
		Name: signal, Argv: append(asOthers(), "sh", "-c", "sleep 0.03; systemctl reload docker.service; sleep 0.03"),
	})
	result, err := raceInHost(ctx, host, pinging(), three)
	if err != nil {
		return nil, err
	}
	for _, side := range []string{this, peer, signal} {
		if seen := result.Seen(side); seen.Failed > 0 {
			return nil, fmt.Errorf("a reload lets no ping fail, but %d of %d failed during %s: %s", seen.Failed, seen.Asked, side, seen.Why)
		}
	}
	return []row{
		answerRow("apply with a reload", result, peer, aim{ofRatio, 1.2}),
		answerRow("the same, beside systemctl reload alone", result, signal, aim{}),
	}, nil
}

// restartRow measures applies that switch userns-remap on, compared with a
// restart of a dockerd in the same state.
func restartRow(ctx context.Context, p pace, host *lab.Host) (row, error) {
	const prepare = `cp /etc/docker/daemon.json ` + withoutRemap + `
printf '[docker]\nuserns_remap = "default"\n' >/etc/runsc-provisioner/config.d/60-remap.toml`
	if _, err := succeed(ctx, host, lab.Command{Argv: []string{"sh", "-euc", prepare}}); err != nil {
		return row{}, err
	}
	// docker.service allows at most three starts per minute.
	before := []string{"sh", "-euc", `cp ` + withoutRemap + ` /etc/docker/daemon.json
systemctl reset-failed docker.service
systemctl restart docker.service
systemctl reset-failed docker.service
docker info >/dev/null`}
	result, err := raceInHost(ctx, host, pinging(), compare(p, "",
		race.Entrant{
			Before: before,
			Argv:   append(asOthers(), "runsc-provisioner", "apply", "--allow-restart", "--allow-hidden-data"),
			Want:   "✓ restart",
		},
		race.Entrant{Before: before, Argv: append(asOthers(), "systemctl", "restart", "docker.service")},
	))
	if err != nil {
		return row{}, err
	}
	return answerRow("apply with a restart", result, peer, aim{ofRatio, 1.1}), nil
}

func answerRow(work string, r race.Result, side string, aim aim) row {
	mine, theirs := r.Seen(this), r.Seen(side)
	return row{
		work: fmt.Sprintf("%s: longest answer to a ping (failed: %d of %d, peer %d of %d)", work, mine.Failed, mine.Asked, theirs.Failed, theirs.Asked),
		unit: milliseconds,
		this: r.Longest(this),
		peer: r.Longest(side),
		aim:  aim,
	}
}
