package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"runsc-provisioner/provision/status"
	"runsc-provisioner/test/lab"
)

const placesConfig = "/etc/runsc-provisioner/config.d/70-places.toml"

// places writes the [paths] of the configuration.
func (h host) places(lines ...string) {
	h.t.Helper()
	h.run("cat > " + placesConfig + " <<'EOF'\n[paths]\n" + strings.Join(lines, "\n") + "\nEOF")
}

// readOnly puts a read-only file system with the same files over a directory, as the image of
// an image-based system. A bind mount would not do: systemd makes its own, which are writable.
func (h host) readOnly(dir string) {
	h.t.Helper()
	h.run("mkdir -p /root/nothing; mount -t overlay overlay -o lowerdir=" + dir + ":/root/nothing " + dir)
	h.exit(1, "touch "+dir+"/written 2>/dev/null || exit 1")
}

// traceless runs a command that must exit with code and leave no trace in any directory, not
// even of a file that it removes again.
func (h host) traceless(code int, command string) lab.Result {
	h.t.Helper()
	h.run("touch /root/stamp /root/now; until [ /root/now -nt /root/stamp ]; do touch /root/now; done")
	result := h.exit(code, command)
	if written := h.run("find /etc /usr /opt /tmp /var/tmp /var/lib /nix -cnewer /root/stamp -not -path '/var/lib/docker/*' -not -path '/var/lib/containerd/*' -not -path '/var/lib/systemd/*' 2>/dev/null || true"); written != "" {
		h.t.Errorf("%s: wrote to %s", command, written)
	}
	return result
}

// Image-based systems (Fedora CoreOS, Flatcar, NixOS) have no /usr/local that can be written to.
func TestFault_X10_ReadOnlyUsrLocal(t *testing.T) {
	onEach(t, lab.Options{}, func(t *testing.T, h host) {
		const server = "/usr/local/lib/runsc-provisioner-lab" // has mounts of its own
		h.run("mkdir /root/lab; mount --rbind " + server + " /root/lab")
		h.readOnly("/usr/local")
		h.run("mount --rbind /root/lab " + server)
		before := h.snapshot()
		for _, command := range []string{"plan", "apply"} {
			says(t, h.exit(78, "runsc-provisioner "+command), "paths.store", store, `store = "/opt/gvisor"`, `link = ""`)
		}
		h.untouched(before)
		if line, remedy := h.doctor(2, "", "store"); !strings.HasPrefix(line, "store critical") || !strings.Contains(remedy, "/opt/gvisor") {
			t.Errorf("got %q, %q, want another store suggested", line, remedy)
		}
		if line, _ := h.doctor(2, "", "link"); !strings.HasPrefix(line, "link warning") {
			t.Errorf("got %q, want a link that cannot be made", line)
		}

		// The link stays at its read-only place: a warning, and everything else works.
		h.places(`store = "/opt/gvisor"`)
		h.run("mkdir -p /etc/docker; echo '{}' > " + daemonJSON)
		says(t, h.traceless(0, "runsc-provisioner plan"), "/opt/gvisor/", link)
		says(t, h.exit(0, "runsc-provisioner apply --default-runtime"), "no link "+link)
		says(t, h.exit(0, "runsc-provisioner plan --detailed-exitcode"), "nothing to do", "no link "+link)
		h.run("docker run -d --name first " + lab.Image + " sleep 1000")
		v := h.verify(1)
		if state, _ := v.container(t, "first"); state != "sandboxed" || v.Status != "warning" {
			t.Errorf("got %s, %+v, want a sandbox, and a warning for the link", state, v)
		}
		h.places(`store = "/opt/gvisor"`, `link = ""`)
		h.run("runsc-provisioner apply")
		if v := h.verify(0); v.Status != "ok" {
			t.Errorf("got %+v, want ok", v)
		}

		// The packaged unit can write to the suggested store. A restored daemon.json and a mended
		// release show it.
		h.run("systemctl start runsc-provisioner")
		h.enforced()
		h.repaired("echo '{}' > "+daemonJSON+"; systemctl reload docker", "default-runtime")
		h.repaired("rm /opt/gvisor/*/runsc", "release")

		// Another store that the unit cannot write to: the drop-in is named, and it is the right one.
		h.run("systemctl stop runsc-provisioner")
		h.places(`store = "/srv/gvisor"`, `link = "/srv/bin/runsc"`)
		said := h.exit(0, "runsc-provisioner apply")
		says(t, said, "/etc/systemd/system/runsc-provisioner.service.d/paths.conf", "ReadWritePaths=-/srv/gvisor -/srv/bin")
		if got := h.run("readlink /srv/bin/runsc"); !strings.HasPrefix(got, "/srv/gvisor/") {
			t.Errorf("got a link to %s", got)
		}
		if line, remedy := h.doctor(1, "", "runsc-provisioner.service"); !strings.Contains(line, "warning") || !strings.Contains(remedy, "ReadWritePaths=-/srv/gvisor -/srv/bin") {
			t.Errorf("got %q, %q, want the drop-in", line, remedy)
		}
		h.run("mkdir -p /etc/systemd/system/runsc-provisioner.service.d; printf '[Service]\\nReadWritePaths=-/srv/gvisor -/srv/bin\\n' > /etc/systemd/system/runsc-provisioner.service.d/paths.conf; systemctl daemon-reload; systemctl start runsc-provisioner")
		h.enforced()
		h.repaired("rm /srv/bin/runsc", "link")
		h.repaired("rm /srv/gvisor/*/runsc", "release")
		if line, _ := h.doctor(0, "", "runsc-provisioner.service"); !strings.Contains(line, " ok ") {
			t.Errorf("got %q, want a unit that can write there", line)
		}
	})
}

// A change of [paths] on a host with containers: they keep their release, and verify knows it.
func TestFault_X10_ANewStoreLeavesTheOldOneToItsContainers(t *testing.T) {
	onEach(t, lab.Options{}, func(t *testing.T, h host) {
		h.run("runsc-provisioner apply --default-runtime --release " + older)
		h.run("docker run -d --name first " + lab.Image + " sleep 1000; systemctl start runsc-provisioner")
		pid := h.enforced().PID

		// The daemon ends, so that systemd starts it with access to the new place, and moves Docker.
		h.run("sed -i 's/" + older + "/latest/' /etc/runsc-provisioner/config.d/50-apply.toml")
		h.places(`store = "/opt/gvisor"`, `link = "/opt/gvisor-bin/runsc"`)
		h.run("mkdir -p /opt/gvisor /opt/gvisor-bin /etc/systemd/system/runsc-provisioner.service.d; printf '[Service]\\nReadWritePaths=-/opt/gvisor-bin\\n' > /etc/systemd/system/runsc-provisioner.service.d/paths.conf; systemctl daemon-reload")
		h.awaits("another process that enforces", func(s status.Status) bool { return s.PID != pid && s.State == status.StateEnforced })
		if got := h.run("docker info -f '{{(index .Runtimes \"runsc\").Path}}'"); got != "/opt/gvisor/"+older+"/runsc" {
			t.Errorf("got %s, want the same release in the new store", got)
		}
		h.run("docker run -d --name second " + lab.Image + " sleep 1000")
		v := h.verify(0)
		for _, name := range []string{"first", "second"} {
			if state, release := v.container(t, name); state != "sandboxed" || release != older {
				t.Errorf("%s: got %s of %s, want sandboxed of %s", name, state, release, older)
			}
		}
		says(t, h.traceless(0, "runsc-provisioner plan"), "nothing to do", store+"/"+older+" stays while processes run from it")
		h.run("test -x " + store + "/" + older + "/runsc; test ! -e " + link)

		// Nothing uses the earlier store any more.
		h.run("systemctl stop runsc-provisioner; docker rm -f first")
		says(t, h.exit(2, "runsc-provisioner plan --detailed-exitcode"), store+"/"+older)
		h.run("runsc-provisioner apply; test ! -e " + store + "/" + older)
		if v := h.verify(0); v.Status != "ok" {
			t.Errorf("got %+v, want ok", v)
		}

		// A store below Docker's data, or in a directory that others may write to.
		before := h.snapshot()
		h.places(`store = "/var/lib/docker/gvisor"`, `link = ""`)
		says(t, h.exit(78, "runsc-provisioner apply"), "paths.store", "/var/lib/docker")
		h.places(`store = "/var/lib/runsc-provisioner/gvisor"`, `link = ""`)
		says(t, h.exit(78, "runsc-provisioner apply"), "paths.store")
		h.run("mkdir -p /srv/open; chmod 777 /srv/open")
		h.places(`store = "/srv/open/gvisor"`, `link = ""`)
		says(t, h.exit(78, "runsc-provisioner apply"), "/srv/open")
		h.untouched(before)
	})
}

// declared are the lines that an error names for daemon.json.
func declared(t *testing.T, r lab.Result) string {
	t.Helper()
	text := r.Stderr[strings.Index(r.Stderr, "\n{")+1:]
	var settings map[string]any
	if err := json.Unmarshal([]byte(text), &settings); err != nil {
		t.Fatalf("%v\n%v", err, r)
	}
	return text
}

// A daemon.json that another program makes, and a docker.service that has no ExecReload.
func TestFault_X10_DeclarativeSystems(t *testing.T) {
	onEach(t, lab.Options{}, func(t *testing.T, h host) {
		h.run("mkdir -p /etc/systemd/system/docker.service.d; printf '[Service]\\nExecReload=\\n' > /etc/systemd/system/docker.service.d/noreload.conf; systemctl daemon-reload")
		h.exit(3, "systemctl reload docker")

		// A symlink into the store of Nix. plan names a placeholder; apply installs, and then names the path.
		h.run("mkdir -p /nix/store/abc /etc/docker; echo '{}' > /nix/store/abc/daemon.json; ln -sf /nix/store/abc/daemon.json " + daemonJSON)
		dockerd := h.snapshot().Dockerd
		says(t, h.traceless(78, "runsc-provisioner plan --default-runtime"), "/nix/store", "{latest}")
		lines := declared(t, h.exit(78, "runsc-provisioner apply --default-runtime"))
		if !strings.Contains(lines, store+"/"+newer+"/runsc") || !strings.Contains(lines, `"default-runtime": "runsc"`) {
			t.Errorf("got %s", lines)
		}
		if now := h.snapshot(); now.Dockerd != dockerd || h.run("cat "+daemonJSON) != "{}" {
			t.Errorf("Docker was touched: %+v", now)
		}
		// The other program makes the file with these lines. Nothing reloads dockerd but apply.
		h.run("cat > /nix/store/abc/daemon.json <<'EOF'\n" + lines + "EOF")
		h.run("runsc-provisioner apply --default-runtime")
		if v := h.verify(0); v.Status != "ok" {
			t.Errorf("got %+v, want ok", v)
		}
		if line, _ := h.doctor(0, "", "daemon.json"); !strings.Contains(line, "/nix/store") {
			t.Errorf("got %q, want that the file is read-only", line)
		}

		// A read-only file system, and an immutable file: the lines again.
		h.run("rm " + daemonJSON + "; echo '{}' > " + daemonJSON)
		h.readOnly("/etc/docker")
		says(t, h.traceless(78, "runsc-provisioner plan"), "read-only", `"default-runtime": "runsc"`)
		declared(t, h.exit(78, "runsc-provisioner apply"))
		h.run("umount /etc/docker; chattr +i " + daemonJSON)
		says(t, h.traceless(78, "runsc-provisioner plan"), "chattr -i", `"default-runtime": "runsc"`)
		declared(t, h.exit(78, "runsc-provisioner apply"))
		h.run("chattr -i " + daemonJSON)

		// hosts in daemon.json, changed since dockerd started: it still listens on the earlier ones.
		h.run("runsc-provisioner apply")
		exec := h.run("systemctl cat docker | sed -n 's/^ExecStart=//p' | tail -1")
		h.run("printf '[Service]\\nExecReload=\\nExecStart=\\nExecStart=" + strings.ReplaceAll(exec, "-H fd://", "") + "\\n' > /etc/systemd/system/docker.service.d/noreload.conf")
		h.run(`sed -i '1s|{|{ "hosts": ["unix:///run/elsewhere.sock"],|' ` + daemonJSON + "; systemctl daemon-reload; systemctl restart docker")
		h.run("runsc-provisioner apply; runsc-provisioner verify")
		h.run("sed -i 's|elsewhere|other|' " + daemonJSON)
		h.run("runsc-provisioner apply --runtime-arg=--debug --runtime-arg=--ignore-cgroups")
		h.exit(0, "runsc-provisioner plan --detailed-exitcode")
	})
}

// /etc/docker and the state directory as other programs leave them.
func TestFault_X24_PlacesThatAreNotDirectories(t *testing.T) {
	onEach(t, lab.Options{}, func(t *testing.T, h host) {
		const state = "/var/lib/runsc-provisioner"
		// A symlink of root's works, also for the daemon.
		h.run("mkdir -p /etc/docker; mv /etc/docker /etc/docker.real; ln -s docker.real /etc/docker")
		h.run("runsc-provisioner apply --default-runtime; systemctl start runsc-provisioner")
		h.enforced()
		h.repaired("echo '{}' > "+daemonJSON, "default-runtime")
		h.repaired("rm "+daemonJSON, "default-runtime")
		h.run("systemctl stop runsc-provisioner; test -L /etc/docker; test -f /etc/docker.real/daemon.json")

		// A symlink of root's to nothing.
		h.run("mv /etc/docker.real /etc/docker.away")
		for _, command := range []string{"plan", "apply"} {
			says(t, h.exit(78, "runsc-provisioner "+command), "/etc/docker", "symlink")
		}
		h.run("mv /etc/docker.away /etc/docker.real")

		change := " --runtime-arg=--debug --runtime-arg=--ignore-cgroups"
		refused := func(name, prepare string, codes []int, parts ...string) {
			t.Helper()
			h.run(prepare)
			before := h.snapshot()
			for _, command := range []string{"plan", "apply"} {
				r, err := h.Run(t.Context(), "sh", "-c", "runsc-provisioner "+command+change)
				if err != nil || !slices.Contains(codes, r.Code) {
					t.Errorf("%s: %s: got %v, %v, want one of %v", name, command, r, err, codes)
				}
				says(t, r, parts...)
			}
			r, err := h.Run(t.Context(), "runsc-provisioner", "doctor")
			if err != nil || r.Code != 2 || !slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(r.Stdout, part) }) {
				t.Errorf("%s: doctor: got %v, %v, want critical", name, r, err)
			}
			h.untouched(before)
		}
		h.run("mv " + state + " " + state + ".real")
		refused("a file", "echo > "+state, []int{78}, state)
		refused("a dangling symlink", "rm "+state+"; ln -s /nowhere "+state, []int{78}, state)
		h.run("rm " + state + "; mv " + state + ".real " + state)
		h.readOnly(state)
		refused("read-only", "true", []int{1}, state, "read-only")
		h.run("umount " + state)

		full := func(dir string) string {
			return "mkdir -p /root/copy; rm -rf /root/copy/*; cp -a " + dir + "/. /root/copy/; mount -t tmpfs -o size=8m,mode=0700,nr_inodes=$(( $(find /root/copy | wc -l) + 1 )) tmpfs " + dir +
				"; cp -a /root/copy/. " + dir + "/; i=0; while touch " + dir + "/fill$i 2>/dev/null; do i=$((i+1)); done"
		}
		refused("no inodes for the records", full(state), []int{1}, state, "inodes")
		h.run("umount " + state)
		refused("no inodes for daemon.json", full("/etc/docker.real")+"; chmod 755 /etc/docker.real", []int{1}, "/etc/docker", "inodes")
		h.run("umount /etc/docker.real")
		h.run("runsc-provisioner apply" + change)
		if v := h.verify(0); v.Status != "ok" {
			t.Errorf("got %+v, want ok", v)
		}
	})
}
