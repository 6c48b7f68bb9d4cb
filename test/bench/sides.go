package main

import (
	"fmt"

	"runsc-provisioner/test/bench/race"
)

// The two entrants of every race.
const (
	this = "this"
	peer = "peer"
)

// compare makes a race between two programs.
func compare(p pace, scratch string, thisSide, peerSide race.Entrant) race.Race {
	thisSide.Name, peerSide.Name = this, peer
	return race.Race{Warmup: p.warmup, Runs: p.runs, Scratch: scratch, Entrants: []race.Entrant{thisSide, peerSide}}
}

// wallAndMemory returns the two rows of a race.
func wallAndMemory(work string, r race.Result, wall, memory aim) ([]row, error) {
	for _, side := range []string{this, peer} {
		if r.Hidden(side) {
			return nil, fmt.Errorf("the memory of %s in %q is not above that of the timer, %s: it cannot be measured", side, work, megabytes.value(float64(r.Floor)))
		}
	}
	return []row{
		{work + ": wall", milliseconds, r.Walls(this), r.Walls(peer), wall},
		{work + ": peak memory", megabytes, r.Peaks(this), r.Peaks(peer), memory},
	}, nil
}
