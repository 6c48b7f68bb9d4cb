// Package race runs programs in turn and measures each whole process.
//
// It guarantees that all runs of a race are taken in one go, A B A B …, so that
// what slows the machine down meets every entrant alike; that a run which does
// not do what it should ends the race; and that preparing and clearing away is
// not measured. It never judges what it measured.
//
// What else happens while an entrant runs can be watched.
package race

import (
	"cmp"
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
	// Before is a program that brings about the state that a run starts from,
	// each time, and is not measured. None where it is empty.
	Before []string
	// Turns are arguments of which a run gets one after the other, added to Argv
	// and in turn, so that each finds something to do.
	Turns []string
	// Rests, where set, is the name of another entrant: in place of running a
	// program, nothing is done for as long as the last run of that one took.
	Rests string
}

// Sample is one run.
type Sample struct {
	Wall time.Duration
	// Peak is the resident memory, in bytes, of the process or the child of it
	// that had the most: wait4(2) gives no sum.
	Peak int64
	// Seen is what was watched meanwhile; zero where nothing was.
	Seen Answers
}

// Answers are those of a server that was asked something, time and again,
// while an entrant ran.
type Answers struct {
	Asked   int
	Failed  int           // attempts that got no answer, or another one
	Longest time.Duration // from when something was to be asked to the answer
	Why     string        // the last attempt failed; for people
}

// Watch begins to watch something. The function that it returns ends that.
type Watch func() (end func() Answers)

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

// Longest gives the longest answers during the runs of an entrant, in seconds.
func (r Result) Longest(entrant string) []float64 {
	var longest []float64
	for _, s := range r.Samples[entrant] {
		longest = append(longest, s.Seen.Longest.Seconds())
	}
	return longest
}

// Seen sums up the answers during all runs of an entrant.
func (r Result) Seen(entrant string) Answers {
	var all Answers
	for _, s := range r.Samples[entrant] {
		all.Asked += s.Seen.Asked
		all.Failed += s.Seen.Failed
		all.Longest = max(all.Longest, s.Seen.Longest)
		all.Why = cmp.Or(s.Seen.Why, all.Why)
	}
	return all
}

// Hidden reports whether the memory of an entrant may be less than what was
// seen of it, because it is not above the Floor.
func (r Result) Hidden(entrant string) bool {
	return slices.ContainsFunc(r.Samples[entrant], func(s Sample) bool { return s.Peak <= r.Floor })
}
