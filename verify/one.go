package verify

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	defaultCgroup = "/sys/fs/cgroup"
	maxGroups     = 4096 // cgroups below that of one container
	maxProcsText  = 1 << 20
)

// LookAt gathers the evidence for containers without a pass over all processes:
// the kernel lists the processes of a cgroup and the children of a process. The
// cost does not depend on how many other processes run. Of the Survey, only
// Evidence, Denied and Processes are set. Where the kernel's lists are missing,
// it does what Look does.
func (fs *FS) LookAt(ctx context.Context, containers []Container, releases []Release) (Survey, error) {
	cgroup, err := fs.cgroup()
	if err != nil {
		return fs.Look(ctx, containers, releases)
	}
	p, err := fs.begin(ctx, releases)
	if err != nil {
		return Survey{}, err
	}
	defer p.proc.close()
	seen := map[int]bool{}
	var pids []int
	homes := p.cgroupsOf(containers)
	for i, c := range containers {
		family, err := p.pidsOfContainer(c, homes.groups[i], cgroup)
		if err != nil {
			return fs.Look(ctx, containers, releases)
		}
		for _, pid := range family {
			if !seen[pid] {
				seen[pid] = true
				pids = append(pids, pid)
			}
		}
	}
	entries, looked, denied, err := p.scan(func(batches chan<- []int) error {
		for part := range slices.Chunk(pids, batchSize) {
			batches <- part
		}
		return nil
	}, homes)
	if err != nil {
		return Survey{}, err
	}
	for i := range entries {
		if entries[i].exe.Deleted {
			if err := p.identifyDeleted(&entries[i], &Survey{}); err != nil {
				return Survey{}, err
			}
		}
	}
	survey := Survey{Denied: denied, Processes: looked}
	survey.Evidence, err = p.evidence(containers, homes, entries)
	return survey, err
}

// cgroup returns where the hierarchies are mounted that show the same pids in
// cgroup.procs as fs.Proc.
func (fs *FS) cgroup() (string, error) {
	switch {
	case fs.Cgroup != "":
		return fs.Cgroup, nil
	case fs.Proc == "" || fs.Proc == defaultProc:
		return defaultCgroup, nil
	default:
		return "", errors.New("cgroup hierarchies of another /proc are unknown")
	}
}

// pidsOfContainer lists the pids that may belong to a container, from its first process
// and its own cgroups.
func (p *pass) pidsOfContainer(c Container, groups []Cgroup, cgroup string) ([]int, error) {
	if c.PID <= 0 {
		return nil, nil
	}
	var pids []int
	for _, group := range groups {
		more, err := procsBelow(filepath.Join(hierarchy(cgroup, group), filepath.Clean(group.Path)))
		if err != nil {
			return nil, err
		}
		pids = append(pids, more...)
	}
	if len(groups) > 0 {
		return pids, nil
	}
	dir, err := p.proc.open(strconv.Itoa(c.PID))
	if gapOf(err) == Gone {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer dir.close()
	// The cgroup is shared. List its descendants, and the children of its
	// parent, because one of those is the gofer.
	pids, err = p.descendants(c.PID)
	if err != nil {
		return nil, err
	}
	st, err := p.stat(dir)
	if gapOf(err) == Gone {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if st.parent > 1 {
		siblings, err := p.children(st.parent)
		if err != nil {
			return nil, err
		}
		pids = append(pids, siblings...)
	}
	return append(pids, c.PID), nil
}

// hierarchy returns where the hierarchy of a line in /proc/PID/cgroup is
// mounted.
func hierarchy(root string, group Cgroup) string {
	if group.Hierarchy != 0 {
		return filepath.Join(root, strings.TrimPrefix(group.Controllers, "name="))
	}
	unified := filepath.Join(root, "unified") // on a host with v1 and v2
	if _, err := os.Stat(filepath.Join(unified, "cgroup.procs")); err == nil {
		return unified
	}
	return root
}

// procsBelow lists the processes of a cgroup and of all cgroups below it.
func procsBelow(dir string) ([]int, error) {
	var pids []int
	groups := []string{dir}
	for n := 0; len(groups) > 0; n++ {
		if n == maxGroups {
			return nil, fmt.Errorf("more than %d cgroups below %s", maxGroups, dir)
		}
		group := groups[0]
		groups = groups[1:]
		more, err := pidsOf(filepath.Join(group, "cgroup.procs"))
		if err != nil {
			return nil, err
		}
		pids = append(pids, more...)
		entries, err := os.ReadDir(group)
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			if entry.IsDir() {
				groups = append(groups, filepath.Join(group, entry.Name()))
			}
		}
	}
	return pids, nil
}

// pidsOf reads a file that lists pids. A process of another pid namespace is
// listed as 0, which is an error.
func pidsOf(path string) ([]int, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(text) > maxProcsText {
		return nil, fmt.Errorf("%s has more than %d bytes", path, maxProcsText)
	}
	return parsePIDs(text)
}

func parsePIDs(text []byte) ([]int, error) {
	var pids []int
	for field := range strings.FieldsSeq(string(text)) {
		pid, err := strconv.ParseUint(field, 10, 31)
		if err != nil {
			return nil, fmt.Errorf("parse pids: %w", err)
		}
		if pid == 0 {
			return nil, errors.New("parse pids: a process of another pid namespace")
		}
		pids = append(pids, int(pid))
	}
	return pids, nil
}

// descendants lists the children of a process, their children, and so on.
func (p *pass) descendants(pid int) ([]int, error) {
	var all []int
	next := []int{pid}
	for len(next) > 0 {
		if len(all) > maxProcesses {
			return nil, fmt.Errorf("process %d has more than %d descendants", pid, maxProcesses)
		}
		children, err := p.children(next[0])
		if err != nil {
			return nil, err
		}
		next = append(next[1:], children...)
		all = append(all, children...)
	}
	return all, nil
}

// children lists the children of a process. Each of its threads has a list of
// those that it started (proc_pid_task(5), CONFIG_PROC_CHILDREN).
func (p *pass) children(pid int) ([]int, error) {
	tasks := filepath.Join(p.root, strconv.Itoa(pid), "task")
	threads, err := os.ReadDir(tasks)
	if gapOf(err) == Gone {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, thread := range threads {
		path := filepath.Join(tasks, thread.Name(), "children")
		text, err := os.ReadFile(path)
		switch {
		case err == nil:
		case gapOf(err) == Gone:
			if _, err := os.Stat(filepath.Join(tasks, thread.Name())); err == nil {
				return nil, fmt.Errorf("%s: this kernel has no such list", path)
			}
			continue
		default:
			return nil, err
		}
		if len(text) > maxProcsText {
			return nil, fmt.Errorf("%s has more than %d bytes", path, maxProcsText)
		}
		more, err := parsePIDs(text)
		if err != nil {
			return nil, err
		}
		pids = append(pids, more...)
	}
	return pids, nil
}
