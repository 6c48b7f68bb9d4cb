package e2e

import (
	"strings"
	"testing"

	"runsc-provisioner/test/lab"
)

// onSmall mounts a small file system with the same content over dir, and takes what is left
// of it: all bytes, or all inodes.
func (h host) onSmall(dir string, inodes bool) {
	h.t.Helper()
	options := "size=$(($(du -sk " + dir + " | cut -f1) + 64))k"
	fill := "dd if=/dev/zero of=" + dir + "/filler bs=4k || true"
	if inodes {
		options = "size=1g,nr_inodes=$(($(find " + dir + " | wc -l) + 8))"
		fill = "i=0; while touch " + dir + "/filler$i; do i=$((i+1)); done"
	}
	h.run("rm -rf /copy && cp -a " + dir + " /copy && mount -t tmpfs -o mode=$(stat -c %a " + dir + ")," + options + " tmpfs " + dir +
		" && cp -a /copy/. " + dir + " && { " + fill + "; } >/dev/null 2>&1")
}

// Each file system that is written to is full in turn. The hint names that one.
func TestFault_X24_FullFileSystems(t *testing.T) {
	h := olderHost(t, lab.Options{})
	const state = "/var/lib/runsc-provisioner"
	for _, test := range []struct {
		name, dir string
		inodes    bool
		code      int
		doctor    bool // sees it: it watches the store and the state
	}{
		// First: later ones install the release.
		{"the store, no bytes", store, false, 1, true},
		{"the store, no inodes", store, true, 1, true},
		{"state, no bytes", state, false, 1, true},
		{"state, no inodes", state, true, 1, true},
		{"daemon.json, no bytes", "/etc/docker", false, 1, false},
		{"daemon.json, no inodes", "/etc/docker", true, 1, false},
		{"our configuration, no bytes", "/etc/runsc-provisioner", false, 1, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := host{h.Host, t}
			before := h.snapshot()
			h.onSmall(test.dir, test.inodes)
			r := h.exit(test.code, "runsc-provisioner apply --release "+newer)
			shows := "df -h " + test.dir
			if test.inodes {
				shows = "df -i " + test.dir
			}
			says(t, r, "error: ", "hint: ", shows)
			if test.doctor {
				d, err := h.Run(t.Context(), "sh", "-c", "runsc-provisioner doctor")
				if err != nil || !strings.Contains(d.Stdout, "room in "+test.dir+": ") {
					t.Errorf("got %v, %v, want doctor to see it", d, err)
				}
			}
			h.run("umount " + test.dir)
			after := h.snapshot()
			before.Store, after.Store = "", "" // a release may be installed, and is not in use
			before.Dockerd, after.Dockerd = "", ""
			// The flags are saved last, and the message says that all else was done.
			if after != before && test.dir != "/etc/runsc-provisioner" {
				t.Errorf("got %+v\nwant %+v", after, before)
			}
			h.run("runsc-provisioner apply --allow-downgrade --release " + older)
		})
	}
	h.run("runsc-provisioner apply --release " + newer)
	h.settled()
}

// The place of the store has another kind of file, or leads nowhere.
func TestFault_X24_AStoreThatCannotBeMade(t *testing.T) {
	h := boot(t, lab.Options{})
	h.run("rm -rf " + store)
	for _, test := range []struct {
		name, before string
	}{
		{"a file", "touch " + store},
		{"a dangling link", "ln -s /nowhere/gvisor " + store},
		{"a link to a file", "ln -s /etc/passwd " + store},
		{"a fifo", "mkfifo " + store},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := host{h.Host, t}
			h.run(test.before)
			for _, command := range []string{"plan", "apply"} {
				says(t, h.exit(78, "runsc-provisioner "+command), store, "hint: ")
			}
			if _, remedy := h.doctor(2, "", "store"); !strings.Contains(remedy, store) {
				t.Errorf("got the remedy %q of doctor, want %s named", remedy, store)
			}
			h.run("rm " + store)
		})
	}
	h.run("mkdir " + store + " && mount --bind " + store + " " + store + " && mount -o remount,bind,ro " + store)
	says(t, h.exit(78, "runsc-provisioner apply"), store, "read-only", "paths.store")
	d, err := h.Run(t.Context(), "sh", "-c", "runsc-provisioner doctor")
	if err != nil || !strings.Contains(d.Stdout, "room in "+store+": ") {
		t.Errorf("got %v, %v, want doctor to see the read-only store", d, err)
	}
	h.run("umount " + store + " && runsc-provisioner apply")
	h.settled()
}
