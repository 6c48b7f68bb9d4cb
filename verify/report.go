package verify

import (
	"cmp"
	"slices"
)

// maxOrphans limits how many are kept: any user may run a release's files any
// number of times.
const maxOrphans = 1024

// A Report holds the verdicts on a host's containers and the processes that
// belong to none of them.
type Report struct {
	// State is the worst of Verdicts. It is at best Unknown if a process of the
	// host could not be read, because an orphan may hide there.
	State    State
	Verdicts []Verdict // sorted by the container's name
	// Unasked is true when dockerd could not be asked for its containers. Some
	// may still run, as with live-restore. Unowned then holds the sandboxes,
	// which do not count as orphans.
	Unasked bool
	Unowned []Sandbox
	// Orphans run from a release and belong to no container in running. At most
	// 1024 are kept; OrphanCount counts all.
	Orphans     []Sandbox
	OrphanCount int
	// Claims are named like sandboxes, run from no known file, and are no
	// container's first process. At most 1024 are kept; ClaimCount counts all,
	// including the containers' own.
	Claims     []Sandbox
	ClaimCount int
	Others     []Other // belong to no container in running
	Denied     int     // processes whose executable could not be read
}

// Count returns the number of containers in a sandbox, outside one, and
// unknown.
func (r Report) Count() (sandboxed, outside, unknown int) {
	for _, verdict := range r.Verdicts {
		switch verdict.State {
		case Sandboxed:
			sandboxed++
		case NotSandboxed:
			outside++
		default:
			unknown++
		}
	}
	return sandboxed, outside, unknown
}

// NewUnaskedReport returns the report on a host where dockerd does not say what
// it runs. It is pure.
func NewUnaskedReport(s Survey) Report {
	report := NewReport(nil, s, nil)
	report.Unasked = true
	report.Unowned, report.Orphans, report.OrphanCount = report.Orphans, nil, 0
	if len(report.Unowned) > 0 || len(report.Others) > 0 {
		report.State = max(report.State, Unknown)
	}
	return report
}

// NewReport combines verdicts with what the survey of the whole host showed.
// running are the containers that dockerd names, listed both before and after
// the survey, so that a container that started or ended meanwhile does not
// count as lost. It is pure.
func NewReport(verdicts []Verdict, s Survey, running []Container) Report {
	verdicts = slices.Clone(verdicts)
	slices.SortStableFunc(verdicts, byName)
	report := Report{
		Verdicts:   verdicts,
		ClaimCount: s.ClaimCount,
		Denied:     s.Denied,
	}
	for _, v := range verdicts {
		report.State = max(report.State, v.State)
	}
	if s.Denied > 0 {
		report.State = max(report.State, Unknown)
	}
	// An ID alone does not own a sandbox: a restarted container has the same ID
	// as the sandbox that it lost.
	type owner struct {
		id  string
		pid int
	}
	owners := make(map[owner]bool, len(running))
	pids := make(map[int]bool, len(running))
	unread := map[string]bool{} // their PID is not known, so any sandbox with the ID may be theirs
	for _, c := range running {
		if c.Unread != nil {
			unread[c.ID] = true
			continue
		}
		owners[owner{c.ID, c.PID}] = true
		pids[c.PID] = true
	}
	for _, box := range s.Sandboxes {
		if owners[owner{box.ContainerID, box.PID}] || unread[box.ContainerID] {
			continue
		}
		if report.OrphanCount++; report.OrphanCount <= maxOrphans {
			report.Orphans = append(report.Orphans, box)
		}
	}
	ids := make(map[string]bool, len(running))
	for _, c := range running {
		ids[c.ID] = true
	}
	for _, other := range s.Others {
		if other.Borrowed || !ids[other.ID] {
			report.Others = append(report.Others, other)
		}
	}
	for _, box := range s.Claims {
		if !pids[box.PID] {
			report.Claims = append(report.Claims, box)
		}
	}
	return report
}

func byName(a, b Verdict) int {
	return cmp.Or(cmp.Compare(a.Container.Name, b.Container.Name), cmp.Compare(a.Container.ID, b.Container.ID))
}
