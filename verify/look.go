package verify

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// namespaceKinds are the links read of /proc/PID/ns.
var namespaceKinds = [...]string{"user", "mnt", "pid", "net", "ipc", "uts"}

// maxLooks limits how often a process is read that keeps changing.
const maxLooks = 3

// process reads one process. At the end it opens the pid again and reads the
// identity once more: if the process was replaced or has executed another
// program meanwhile, it is read again from the start.
func (p *pass) process(pid int) (Process, Gap, error) {
	reason := fmt.Errorf("it changed during each of %d looks", maxLooks)
	gap := Unsteady
	for range maxLooks {
		seen, err := p.readProcess(pid)
		if p.fs.onLook != nil {
			p.fs.onLook(pid)
		}
		if err == nil {
			var same bool
			if same, err = p.isUnchanged(seen); same {
				return seen, Complete, nil
			}
		}
		if err == nil {
			continue
		}
		// Gone may mean replaced: look the pid up again.
		if gap, reason = gapOf(err), err; gap != Gone {
			break
		}
	}
	return Process{}, gap, fmt.Errorf("look at process %d: %w", pid, reason)
}

func (p *pass) readProcess(pid int) (Process, error) {
	dir, err := p.proc.open(strconv.Itoa(pid))
	if err != nil {
		return Process{}, err
	}
	defer dir.close()

	st, err := p.stat(dir)
	if err != nil {
		return Process{}, err
	}
	alive, err := dir.openRunning()
	if err != nil {
		return Process{}, err
	}
	defer alive.close()
	seen := Process{PID: pid, Parent: st.parent, StartTime: st.startTime}
	if seen.Exe, err = alive.exe(""); err != nil {
		return Process{}, err
	}
	if seen.Argv, seen.ArgvCut, err = p.argv(alive); err != nil {
		return Process{}, err
	}
	if err := p.readConfinement(alive, &seen); err != nil {
		return Process{}, err
	}
	if seen.Exe.Deleted {
		seen.Exe.Digest, err = p.digest(alive, "exe", seen.Exe)
	}
	return seen, err
}

// readConfinement reads what confines the process.
func (p *pass) readConfinement(dir procDir, seen *Process) error {
	text, err := dir.read("status", p.buf)
	if err != nil {
		return err
	}
	st, err := parseStatus(text)
	if err != nil {
		return err
	}
	seen.Seccomp, seen.NoNewPrivs, seen.CapEff = st.seccomp, st.noNewPrivs, st.capEff
	if text, err = dir.read("cgroup", p.buf); err != nil {
		return err
	}
	if seen.Cgroups, err = parseCgroups(text); err != nil {
		return err
	}
	if text, err = dir.read("uid_map", p.buf); err != nil {
		return err
	}
	if seen.UIDMap, err = parseIDMap(text); err != nil {
		return err
	}
	if text, err = dir.read("mountinfo", p.buf); err != nil {
		return err
	}
	if seen.Root, err = parseRoot(text); err != nil {
		return err
	}
	seen.Namespaces, err = namespaces(dir)
	return err
}

// isUnchanged reports whether the pid of seen is still the same process, executing
// the same file with the same arguments.
func (p *pass) isUnchanged(seen Process) (bool, error) {
	dir, err := p.proc.open(strconv.Itoa(seen.PID))
	if err != nil {
		return false, err
	}
	defer dir.close()
	alive, err := dir.openRunning()
	if err != nil {
		return false, err
	}
	defer alive.close()
	exe, err := alive.exe("")
	if err != nil {
		return false, err
	}
	argv, _, err := p.argv(alive)
	if err != nil {
		return false, err
	}
	st, err := p.stat(dir)
	if err != nil {
		return false, err
	}
	same := st.startTime == seen.StartTime && exe.ID == seen.Exe.ID && slices.Equal(argv, seen.Argv)
	return same, nil
}

func (p *pass) stat(dir procDir) (stat, error) {
	text, err := dir.read("stat", p.buf)
	if err != nil {
		return stat{}, err
	}
	return parseStat(text)
}

// argv reads a command line, and reports whether it was longer than maxArgv.
func (p *pass) argv(dir procDir) ([]string, bool, error) {
	text, err := dir.read("cmdline", p.buf[:maxArgv])
	cut := errors.Is(err, errCut)
	if err != nil && !cut {
		return nil, false, err
	}
	return parseCmdline(text), cut, nil
}

func namespaces(dir procDir) (map[string]uint64, error) {
	found := make(map[string]uint64, len(namespaceKinds))
	for _, kind := range namespaceKinds {
		link, err := dir.link("ns/" + kind)
		if err != nil {
			return nil, err
		}
		if found[kind], err = parseNamespace(kind, link); err != nil {
			return nil, err
		}
	}
	return found, nil
}
