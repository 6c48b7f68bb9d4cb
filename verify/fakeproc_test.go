package verify

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// A fakeProc is a directory that looks like /proc to FS: the same names and
// texts, exe links to real files with real inodes, and, if a test needs it, a
// link to a real process. So no test depends on what else runs here.
type fakeProc struct {
	tb    testing.TB
	root  string
	added []fakeProcess
}

// A fakeProcess is a process in a fakeProc. An empty field makes no file, as
// for a kernel thread; see sandboxProcess and runcProcess.
type fakeProcess struct {
	pid, parent int
	start       uint64
	comm        string
	argv        []string
	exe         string
	cgroup      string
	status      string
	uidMap      string
	mountinfo   string
	namespaces  map[string]uint64
}

var hostNamespaces = map[string]uint64{
	"user": 4026531837, "mnt": 4026531841, "pid": 4026531836, "net": 4026531840, "ipc": 4026531839, "uts": 4026531838,
}

const (
	sandboxStatus = "Name:\tgvisor_sentry\nUmask:\t0022\nCapEff:\t000000000008001f\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n"
	plainStatus   = "Name:\tsleep\nUmask:\t0022\nCapEff:\t00000000a80425fb\nNoNewPrivs:\t0\nSeccomp:\t2\nSeccomp_filters:\t1\n"
	sandboxMounts = "43 65 0:42 / / ro,relatime - tmpfs runsc-root rw\n"
	overlayMounts = "684 459 0:78 / / rw,relatime - overlay overlay rw,lowerdir=/l\n685 684 0:81 / /proc rw - proc proc rw\n"
	identityMap   = "         0          0 4294967295\n"
	remapped      = "         0     100000      65536\n"
	dockerCgroup  = "0::/system.slice/docker-%s.scope\n"
	sharedCgroup  = "0::/system.slice/containerd.service\n"
	hybridCgroup  = "9:name=systemd:/docker/%[1]s\n4:memory:/docker/%[1]s\n0::/\n"
)

func newFakeProc(tb testing.TB) *fakeProc {
	tb.Helper()
	p := &fakeProc{tb: tb, root: tb.TempDir()}
	p.add(fakeProcess{pid: 1, comm: "systemd", argv: []string{"/sbin/init"}, exe: "/bin/sh", cgroup: "0::/init.scope\n", status: plainStatus, namespaces: hostNamespaces})
	p.add(fakeProcess{pid: 2, comm: "kthreadd", cgroup: "0::/\n"})
	p.write(filepath.Join(p.root, "uptime"), "1 1\n")
	return p
}

func (p *fakeProc) fs() *FS { return &FS{Proc: p.root, Whole: true} }

func (p *fakeProc) path(pid int, name string) string {
	return filepath.Join(p.root, strconv.Itoa(pid), name)
}

func (p *fakeProc) add(f fakeProcess) {
	p.tb.Helper()
	p.added = append(p.added, f)
	if err := os.Mkdir(p.path(f.pid, ""), 0o755); err != nil {
		p.tb.Fatal(err)
	}
	p.write(p.path(f.pid, "stat"), fakeStat(f))
	argv := ""
	for _, arg := range f.argv {
		argv += arg + "\x00"
	}
	p.write(p.path(f.pid, "cmdline"), argv)
	for name, text := range map[string]string{"cgroup": f.cgroup, "status": f.status, "uid_map": f.uidMap, "mountinfo": f.mountinfo} {
		if text != "" {
			p.write(p.path(f.pid, name), text)
		}
	}
	if f.exe != "" {
		p.link(f.exe, p.path(f.pid, "exe"))
	}
	if f.namespaces == nil {
		return
	}
	if err := os.Mkdir(p.path(f.pid, "ns"), 0o755); err != nil {
		p.tb.Fatal(err)
	}
	for kind, inode := range f.namespaces {
		p.link(fmt.Sprintf("%s:[%d]", kind, inode), p.path(f.pid, "ns/"+kind))
	}
}

func fakeStat(f fakeProcess) string {
	rest := strings.Repeat("0 ", 17)
	return fmt.Sprintf("%d (%s) S %d %s%d 0 0\n", f.pid, f.comm, f.parent, rest, f.start)
}

// adopt adds a link to a real process to the fake tree.
func (p *fakeProc) adopt(pid int) {
	p.link(fmt.Sprintf("/proc/%d", pid), p.path(pid, ""))
}

func (p *fakeProc) write(path, text string) {
	p.tb.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		p.tb.Fatal(err)
	}
}

func (p *fakeProc) link(target, path string) {
	p.tb.Helper()
	if err := os.Symlink(target, path); err != nil {
		p.tb.Fatal(err)
	}
}

// fakeRelease puts a release into a store, with files that only have the right
// names.
func fakeRelease(tb testing.TB, store, name string) Release {
	tb.Helper()
	r := Release{Name: name, Dir: filepath.Join(store, name), Store: store, Files: map[FileID]string{}, Digests: map[string]string{}, Sizes: map[int64]bool{}, Owner: os.Getuid()}
	for _, path := range []string{"runsc", "containerd-shim-runsc-v1", "gvisor-bin/gvisor_sentry"} {
		file := filepath.Join(r.Dir, path)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(name+path), 0o755); err != nil {
			tb.Fatal(err)
		}
		r.Files[fileID(tb, file)] = path
	}
	return r
}

func fileID(tb testing.TB, path string) FileID {
	tb.Helper()
	info, err := os.Stat(path)
	if err != nil {
		tb.Fatal(err)
	}
	st := info.Sys().(*syscall.Stat_t)
	return FileID{Dev: uint64(st.Dev), Ino: st.Ino}
}

// containerID returns the ID of the n-th container.
func containerID(n int) string { return fmt.Sprintf("%064x", n) }

// sandboxProcess returns a sandbox as seen on a host with a current release.
func sandboxProcess(pid int, r Release, id string) fakeProcess {
	own := maps.Clone(hostNamespaces)
	for kind := range own {
		own[kind] = uint64(4026532000 + pid*10 + len(kind))
	}
	return fakeProcess{
		pid: pid, parent: 1, start: uint64(pid) * 10, comm: "gvisor_sentry",
		argv: []string{"runsc-sandbox", "--root=/var/run/docker/runtime-runc/moby", "boot", "--stdio-fds=8,9,10", id},
		exe:  filepath.Join(r.Dir, sentryPath), cgroup: fmt.Sprintf(dockerCgroup, id),
		status: sandboxStatus, uidMap: identityMap, mountinfo: sandboxMounts, namespaces: own,
	}
}

// runcProcess is the first process of a container without a sandbox.
func runcProcess(pid int, id string) fakeProcess {
	own := maps.Clone(hostNamespaces)
	for kind := range own {
		own[kind] = uint64(4026532000 + pid*10 + len(kind))
	}
	own["user"] = hostNamespaces["user"]
	return fakeProcess{
		pid: pid, parent: 1, start: uint64(pid) * 10, comm: "sleep", argv: []string{"sleep", "900"},
		exe: "/bin/sh", cgroup: fmt.Sprintf(dockerCgroup, id),
		status: plainStatus, uidMap: identityMap, mountinfo: overlayMounts, namespaces: own,
	}
}

// container returns a container as dockerd would describe it.
func container(n, pid int, runtime string) Container {
	return Container{ID: containerID(n), Name: fmt.Sprintf("c%d", n), Image: "busybox", Runtime: runtime, PID: pid}
}
