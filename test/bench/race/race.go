// Package race measures programs as whole processes, and guarantees that their
// runs alternate, A B A B …, so that anything that slows the machine affects
// all entrants alike.
//
// A run that does not do its work ends the race. Preparation and cleanup are
// not measured. The package never judges its results.
//
// A Watch can observe something else while an entrant runs.
package race

import (
	"cmp"
	"slices"
	"time"
)

// Race says which programs to run, and how often.
type Race struct {
	Warmup int // uncounted runs of each
	Runs   int // counted runs of each
	// Scratch is a directory in which each run gets a new working directory,
	// which is removed afterwards. If it is empty, all runs work in the root
	// directory.
	Scratch  string
	Entrants []Entrant
}

// Entrant is one program.
type Entrant struct {
	Name string
	Argv []string // the program by its absolute path, or found in PATH
	Env  []string // added to PATH, HOME and LANG; nothing else is passed on
	// Want must be in the output of every run.
	Want string
	// Before is a program that prepares each run and is not measured. None if
	// it is empty.
	Before []string
	// Turns are arguments; each run gets the next one, added to Argv, so that
	// each finds something to do.
	Turns []string
	// Rests, if set, is the name of another entrant. Instead of running a
	// program, this one sleeps as long as the last run of that entrant took.
	Rests string
}

// Sample is one run.
type Sample struct {
	Wall time.Duration
	// Peak is the resident memory, in bytes, of the process or, if larger, of
	// its largest child: wait4(2) gives no sum.
	Peak int64
	// Seen is what the Watch saw meanwhile; zero without one.
	Seen Answers
}

// Answers sums up the answers of a server that got requests while an entrant
// ran.
type Answers struct {
	Asked   int
	Failed  int           // attempts that got no answer, or a wrong one
	Longest time.Duration // from the scheduled time of a request to its answer
	Why     string        // why the last attempt failed; for readers
}

// Watch begins to watch something. The returned function ends it.
type Watch func() (end func() Answers)

// Result is the outcome of a race.
type Result struct {
	Samples map[string][]Sample // by entrant, in the order of the runs
	// Floor is the peak memory of the process that ran the race, in bytes.
	// Until a new process executes its program, the kernel counts the memory
	// that it shares with its parent, so no Peak is lower.
	Floor int64
}

// Peaks returns the peak memory of an entrant's runs, in bytes.
func (r Result) Peaks(entrant string) []float64 {
	var peaks []float64
	for _, s := range r.Samples[entrant] {
		peaks = append(peaks, float64(s.Peak))
	}
	return peaks
}

// Walls returns how long an entrant's runs took, in seconds.
func (r Result) Walls(entrant string) []float64 {
	var walls []float64
	for _, s := range r.Samples[entrant] {
		walls = append(walls, s.Wall.Seconds())
	}
	return walls
}

// Longest returns the longest answers during an entrant's runs, in seconds.
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

// Hidden reports whether the real memory of an entrant may be lower than
// measured, because it is not above the Floor.
func (r Result) Hidden(entrant string) bool {
	return slices.ContainsFunc(r.Samples[entrant], func(s Sample) bool { return s.Peak <= r.Floor })
}
