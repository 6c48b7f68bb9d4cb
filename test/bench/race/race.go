// Package race runs programs in turn and measures each whole process.
//
// It guarantees that all runs of a race are taken in one go, A B A B …, so that
// what slows the machine down meets every entrant alike; that a run which does
// not do what it should ends the race; and that preparing and clearing away is
// not measured. It never judges what it measured.
package race

import (
	"slices"
	"time"
)

// Race says which programs are run, and how often.
type Race struct {
	Warmup int // runs of each that are not counted
	Runs   int // runs of each that are
	// Scratch is a directory in which each run gets a fresh one to work in,
	// removed afterwards. Empty: all runs work in the root directory.
	Scratch  string
	Entrants []Entrant
}

// Entrant is one program.
type Entrant struct {
	Name string
	Argv []string // the program by its absolute path, or found in PATH
	Env  []string // added to PATH, HOME and LANG; nothing else gets in
	// Want is in the output of every run that did its work.
	Want string
}

// Sample is one run.
type Sample struct {
	Wall time.Duration
	// Peak is the resident memory, in bytes, of the process or the child of it
	// that had the most: wait4(2) gives no sum.
	Peak int64
}

// Result is a race that was run.
type Result struct {
	Samples map[string][]Sample // by entrant, in the order of the runs
	// Floor is the peak memory of the process that ran the race, in bytes. The
	// kernel counts the memory that a new process shares with its parent until it
	// executes its program, so that no Peak is lower.
	Floor int64
}

// Peaks gives the peak memory of the runs of an entrant, in bytes.
func (r Result) Peaks(entrant string) []float64 {
	var peaks []float64
	for _, s := range r.Samples[entrant] {
		peaks = append(peaks, float64(s.Peak))
	}
	return peaks
}

// Walls gives what the runs of an entrant took, in seconds.
func (r Result) Walls(entrant string) []float64 {
	var walls []float64
	for _, s := range r.Samples[entrant] {
		walls = append(walls, s.Wall.Seconds())
	}
	return walls
}

// Hidden reports whether the memory of an entrant may be less than what was
// seen of it, because it is not above the Floor.
func (r Result) Hidden(entrant string) bool {
	return slices.ContainsFunc(r.Samples[entrant], func(s Sample) bool { return s.Peak <= r.Floor })
}
