package proof

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// insideView is what a process in a sandbox sees of its kernel.
type insideView struct {
	kernel string // its release
	log    string // the first line of its log
	// unreadable is why the process may not read the log; "" if it may. gVisor lets every
	// process read it, unless a seccomp profile forbids the call: runsc installs Docker's
	// inside the sandbox with --oci-seccomp. Linux lets only privileged processes read it.
	unreadable string
}

// lookInside asks the kernel of this process.
func lookInside() (insideView, error) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return insideView{}, err
	}
	view := insideView{kernel: unix.ByteSliceToString(name.Release[:])}
	log := make([]byte, 256<<10)
	if n, err := unix.Klogctl(unix.SYSLOG_ACTION_READ_ALL, log); err != nil {
		view.unreadable = err.Error()
	} else {
		first, _, _ := strings.Cut(string(log[:n]), "\n")
		view.log = first[:min(len(first), 100)]
	}
	return view, nil
}

// String is the line that Init prints; parseInsideView reads it.
func (v insideView) String() string { return v.kernel + "\t" + v.log + "\t" + v.unreadable }

func parseInsideView(line string) (v insideView) {
	fields := append(strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", 3), "", "")
	return insideView{fields[0], fields[1], fields[2]}
}

// describe returns the kernel in a few words. A log that was read and is not gVisor's is an
// error: it begins with gVisor's name. A log that cannot be read proves nothing, either way,
// and the host's evidence decides.
func (v insideView) describe() (string, error) {
	switch {
	case v.unreadable != "":
		return v.kernel + " (its log: " + v.unreadable + ")", nil
	case !strings.Contains(v.log, "gVisor"):
		return "", fmt.Errorf("the kernel inside, %q, is not gVisor: its log begins with %q", v.kernel, v.log)
	}
	return v.kernel, nil
}
