package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// fakeProc is a directory that looks like /proc to package verify. It has the same
// names and texts, and exe links to real files with real inodes. So no test of
// verify depends on other processes of this machine.
type fakeProc struct {
	t    testing.TB
	root string
}

func newFakeProc(t testing.TB, root string) *fakeProc {
	t.Helper()
	p := &fakeProc{t, root}
	p.add(1, "/bin/sh", "0::/init.scope\n", 0, "/sbin/init")
	return p
}

// sandbox adds the sandbox of a container, from the release in dir.
func (p *fakeProc) sandbox(pid int, dir, id string) {
	p.add(pid, filepath.Join(dir, "gvisor-bin/gvisor_sentry"), "0::/docker/"+id+"\n", pid, "runsc-sandbox", "--overlay2=none", "boot", id)
	p.write(pid, "mountinfo", "43 65 0:42 / / ro,relatime - tmpfs runsc-root rw\n")
	p.write(pid, "status", "CapEff:\t000000000008001f\nNoNewPrivs:\t1\nSeccomp:\t2\n")
}

// plain adds the process of a container without a sandbox.
func (p *fakeProc) plain(pid int, id string) {
	p.add(pid, "/bin/sh", "0::/docker/"+id+"\n", pid, "sleep", "900")
}

// add makes a process. Its namespaces have numbers of their own; own 0 means those
// of the host.
func (p *fakeProc) add(pid int, exe, cgroup string, own int, argv ...string) {
	p.t.Helper()
	if err := os.MkdirAll(p.path(pid, "ns"), 0o755); err != nil {
		p.t.Fatal(err)
	}
	p.write(pid, "stat", fmt.Sprintf("%d (x) S 1 %s%d 0 0\n", pid, strings.Repeat("0 ", 17), pid))
	p.write(pid, "cmdline", strings.Join(argv, "\x00")+"\x00")
	p.write(pid, "cgroup", cgroup)
	p.write(pid, "status", "CapEff:\t00000000a80425fb\nNoNewPrivs:\t0\nSeccomp:\t2\n")
	p.write(pid, "uid_map", "         0          0 4294967295\n")
	p.write(pid, "mountinfo", "684 459 0:78 / / rw,relatime - overlay overlay rw\n")
	p.link(pid, "exe", exe)
	for i, kind := range []string{"user", "mnt", "pid", "net", "ipc", "uts"} {
		p.link(pid, "ns/"+kind, fmt.Sprintf("%s:[%d]", kind, 4026531800+10*own+i))
	}
}

func (p *fakeProc) path(pid int, name string) string {
	return filepath.Join(p.root, strconv.Itoa(pid), name)
}

func (p *fakeProc) write(pid int, name, text string) {
	p.t.Helper()
	if err := os.WriteFile(p.path(pid, name), []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

func (p *fakeProc) link(pid int, name, target string) {
	p.t.Helper()
	if err := os.Symlink(target, p.path(pid, name)); err != nil {
		p.t.Fatal(err)
	}
}
