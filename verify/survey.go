package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
)

const (
	defaultProc  = "/proc"
	maxProcesses = 1 << 22 // PID_MAX_LIMIT of a 64-bit kernel (linux/threads.h)
	maxClaims    = 1024    // sandboxes in name only that are kept; all are counted
	maxStrangers = 16384   // processes of one container that run from no release
	batch        = 256     // processes that are worth being handed to a goroutine
)

// FS reads a /proc. The zero FS reads the host's own. It remembers digests of
// deleted executables from one Look to the next and must not be copied.
type FS struct {
	Proc string // the mount to read; "" is /proc

	// Cgroup is where the cgroup hierarchies are mounted; "" is /sys/fs/cgroup
	// with the host's own /proc, and not used with another one.
	Cgroup string
	// Whole has Look also tell of what concerns nobody that it was asked about:
	// Claims and Others. It then reads more of every process.
	Whole bool

	digests digests
	between func(pid int) // for tests: runs inside every look at a process
}

// A Survey is what one pass over /proc saw.
type Survey struct {
	// Evidence is of the containers asked for, by their place.
	Evidence []Evidence
	// Sandboxes run from a release's files and say whose they are.
	Sandboxes []Sandbox
	// Claims call themselves sandboxes and run from no known file: forged,
	// or some other gVisor's. At most 1024 are kept; ClaimCount is of all. They
	// are looked for if FS.Whole is set.
	Claims     []Sandbox
	ClaimCount int
	// InUse counts the processes that execute a file of a release, shims,
	// gofers and sandboxes alike, by release. While Denied is not 0, or Look
	// gave an error, a release missing here may be in use all the same.
	InUse map[string]int
	// Others are the containers by cgroup that were not asked about, by ID, if
	// FS.Whole is set: at most 1024.
	Others []Other
	// Denied counts the processes whose executable may not be known.
	Denied    int
	Processes int // looked at, without kernel threads
}

// A Sandbox is a process whose argv[0] is that of a gVisor sandbox.
type Sandbox struct {
	PID         int
	StartTime   uint64 // clock ticks since boot
	ContainerID string // the last argument, as the process has it
	File        File   // what it executes; zero in Survey.Claims
}

// pass is one Look while it lasts.
type pass struct {
	ctx      context.Context
	fs       *FS
	root     string
	proc     procDir
	releases []Release
	whole    bool
	around   map[string]bool // IDs in the cgroup of the first process: this host is one of those
	buf      []byte
	digested uint64 // bytes
	// strangers counts those of a container that run from no release.
	strangers map[*Evidence]int
}

// Look passes over all processes once and gathers the evidence for each of
// the containers. What it may not read of one process is said in its Evidence
// or counted in Denied; an error means that /proc itself could not be read, or
// the end of ctx.
func (fs *FS) Look(ctx context.Context, containers []Container, releases []Release) (Survey, error) {
	p, err := fs.begin(ctx, releases)
	if err != nil {
		return Survey{}, err
	}
	defer p.proc.close()
	p.whole = fs.Whole
	p.around = p.outer()
	homes := p.homesOf(containers)
	entries, seen, denied, err := p.scan(func(batches chan<- []int) error { return pidsIn(ctx, p.root, batches) }, homes)
	if err != nil {
		return Survey{}, err
	}
	survey := Survey{InUse: map[string]int{}, Denied: denied, Processes: seen}
	if err := p.sandboxes(entries, &survey); err != nil {
		return Survey{}, err
	}
	byPID := func(a, b Sandbox) int { return cmp.Compare(a.PID, b.PID) }
	slices.SortFunc(survey.Sandboxes, byPID)
	slices.SortFunc(survey.Claims, byPID)
	survey.Others = p.otherContainers(entries)
	survey.Evidence, err = p.evidence(containers, homes, entries)
	return survey, err
}

// begin opens /proc for one Look.
func (fs *FS) begin(ctx context.Context, releases []Release) (*pass, error) {
	root := cmp.Or(fs.Proc, defaultProc)
	proc, err := openProc(root)
	if err != nil {
		return nil, err
	}
	return &pass{ctx: ctx, fs: fs, root: root, proc: proc, releases: releases, buf: make([]byte, maxText), strangers: map[*Evidence]int{}}, nil
}

// pidsIn lists the processes in a /proc, a few hundred at a time: the kernel
// takes as long to list them as to say what they execute, so both is done at
// once.
func pidsIn(ctx context.Context, root string, batches chan<- []int) error {
	dir, err := os.Open(root)
	if err != nil {
		return err
	}
	defer dir.Close()
	for count := 0; count <= maxProcesses; {
		names, err := dir.Readdirnames(batch)
		pids := make([]int, 0, len(names))
		for _, name := range names {
			if pid, err := strconv.ParseUint(name, 10, 31); err == nil && pid > 0 {
				pids = append(pids, int(pid))
			}
		}
		select {
		case batches <- pids:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		count += len(pids)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("list %s: %w", root, err)
		}
	}
	return fmt.Errorf("list %s: more than %d processes", root, maxProcesses)
}

// scan reads the little that is needed of every process that list names. It
// waits for the kernel far more than it computes, so it is spread over the
// processors. It gives those of which there is more to say, how many were seen,
// and how many executables may not be known.
func (p *pass) scan(list func(chan<- []int) error, homes homes) (entries []entry, seen, denied int, err error) {
	batches := make(chan []int, 4*runtime.GOMAXPROCS(0))
	scans := make([]scanner, runtime.GOMAXPROCS(0))
	files := filesOf(p.releases)
	var wg sync.WaitGroup
	for i := range scans {
		scans[i] = newScanner(p, files, homes)
		wg.Go(func() {
			for pids := range batches {
				scans[i].all(pids)
			}
		})
	}
	err = list(batches)
	close(batches)
	wg.Wait()
	if err != nil {
		return nil, 0, 0, err
	}
	for i := range scans {
		if scans[i].err != nil {
			return nil, 0, 0, scans[i].err
		}
		entries = append(entries, scans[i].entries...)
		denied += scans[i].denied
		seen += scans[i].others
	}
	return entries, seen + len(entries), denied, nil
}
