package verify

// maxOrphans is how many are kept: anybody may run a release's files, as often as
// he likes.
const maxOrphans = 1024

// A Report is what is to be said of a host.
type Report struct {
	// State is the worst of Verdicts, and at best Unknown while some process
	// of the host could not be read: an orphan may hide there.
	State    State
	Verdicts []Verdict
	// Unasked says that dockerd named no containers because nobody could ask
	// it: some may run all the same, as with live-restore. Unowned are the
	// sandboxes then, which are no orphans for that.
	Unasked bool
	Unowned []Sandbox
	// Orphans run from a release and are not of a container in running. At most
	// 1024 are kept; OrphanCount is of all.
	Orphans     []Sandbox
	OrphanCount int
	// Claims are named like sandboxes, run from no known file, and are no
	// container's first process. At most 1024 are kept; ClaimCount is of all,
	// containers' own included.
	Claims     []Sandbox
	ClaimCount int
	Others     []Other // not of a container in running
	Denied     int     // processes whose executable may not be known
}

// Count gives how many containers are in a sandbox, outside, and unknown.
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

// NewUnaskedReport is of a host whose dockerd does not say what it runs. It is
// pure.
func NewUnaskedReport(s Survey) Report {
	report := NewReport(nil, s, nil)
	report.Unasked = true
	report.Unowned, report.Orphans, report.OrphanCount = report.Orphans, nil, 0
	if len(report.Unowned) > 0 || len(report.Others) > 0 {
		report.State = max(report.State, Unknown)
	}
	return report
}

// NewReport puts verdicts beside what the whole host showed. running are the
// containers dockerd names, listed both before and after the survey, so that
// one which came or went meanwhile is not taken for lost. It is pure.
func NewReport(verdicts []Verdict, s Survey, running []Container) Report {
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
	// An ID alone does not own a sandbox: a container that was started again
	// has the ID of the one it lost.
	type owner struct {
		id  string
		pid int
	}
	owners := make(map[owner]bool, len(running))
	pids := make(map[int]bool, len(running))
	unread := map[string]bool{} // any process may be theirs
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
