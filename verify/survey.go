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
	maxClaims    = 1024    // claimed sandboxes that are kept; all are counted
	maxStrangers = 16384   // members of one container that run from no release
	batchSize    = 256     // processes handed to a goroutine at a time
)

// FS reads a /proc. The zero FS reads the host's own. It remembers digests of
// deleted executables from one Look to the next and must not be copied.
type FS struct {
	Proc string // the mount to read; "" is /proc

	// Cgroup is where the cgroup hierarchies are mounted. "" is /sys/fs/cgroup
	// for the host's own /proc; for another Proc it makes LookAt do what Look
	// does.
	Cgroup string
	// Whole makes Look also report processes that belong to none of the
	// containers it was asked about: Claims and Others. It then reads more of
	// every process.
	Whole bool

	digests digests
	onLook  func(pid int) // for tests: called during every look at a process
}

// A Survey is what one pass over /proc found.
type Survey struct {
	// Evidence has one entry for each container asked about, in the same order.
	Evidence []Evidence
	// Sandboxes run from a release's files and name their container.
	Sandboxes []Sandbox
	// Claims call themselves sandboxes but run from no known file: they are
	// forged or belong to another gVisor. At most 1024 are kept; ClaimCount
	// counts all. Only set if FS.Whole is.
	Claims     []Sandbox
	ClaimCount int
	// InUse counts the processes that execute a file of a release, by release:
	// shims, gofers and sandboxes alike. If Denied is not 0, or Look returned
	// an error, a release missing here may still be in use.
	InUse map[string]int
	// Others are the containers that were not asked about, found by their
	// cgroups and sorted by ID. At most 1024 are kept. Only set if FS.Whole is.
	Others []Other
	// Denied counts the processes whose executable could not be read.
	Denied    int
	Processes int // all that were seen, without kernel threads
}

// A Sandbox is a process with the argv[0] of a gVisor sandbox.
type Sandbox struct {
	PID         int
	StartTime   uint64 // clock ticks since boot
	ContainerID string // the last argument, unchecked
	Root        string // the value of its flag --root, unchecked: where runsc keeps its state
	File        File   // the file it executes; zero in Survey.Claims
}

// A pass is one Look in progress.
type pass struct {
	ctx      context.Context
	fs       *FS
	root     string
	proc     procDir
	releases []Release
	whole    bool
	ownIDs   map[string]bool // IDs in the cgroup of process 1: set if this host is itself a container
	buf      []byte
	digested uint64 // bytes
	// strangers counts a container's processes that run from no release.
	strangers map[*Evidence]int
}

// Look passes over all processes once and gathers the evidence for each
// container. A process that it cannot read is marked in its Evidence or counted
// in Denied. An error means that /proc itself could not be read or that ctx
// ended.
func (fs *FS) Look(ctx context.Context, containers []Container, releases []Release) (Survey, error) {
	p, err := fs.begin(ctx, releases)
	if err != nil {
		return Survey{}, err
	}
	defer p.proc.close()
	p.whole = fs.Whole
	p.ownIDs = p.idsAroundHost()
	homes := p.cgroupsOf(containers)
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

// pidsIn lists the processes in a /proc, a few hundred at a time. The kernel
// takes as long to list them as to say what they execute, so both happen in
// parallel.
func pidsIn(ctx context.Context, root string, batches chan<- []int) error {
	dir, err := os.Open(root)
	if err != nil {
		return err
	}
	defer dir.Close()
	for count := 0; count <= maxProcesses; {
		names, err := dir.Readdirnames(batchSize)
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

// scan reads the minimum about every process that list names. It mostly waits
// for the kernel, so it runs in as many goroutines as there are processors. It
// returns the processes that matter, the number seen, and the number of
// executables that could not be read.
func (p *pass) scan(list func(chan<- []int) error, homes cgroupOwners) (entries []entry, seen, denied int, err error) {
	batches := make(chan []int, 4*runtime.GOMAXPROCS(0))
	scans := make([]scanner, runtime.GOMAXPROCS(0))
	files := filesOf(p.releases)
	var wg sync.WaitGroup
	for i := range scans {
		scans[i] = newScanner(p, files, homes)
		wg.Go(func() {
			for pids := range batches {
				scans[i].scanAll(pids)
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
