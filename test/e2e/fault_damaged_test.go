package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/status"
	"runsc-provisioner/test/lab"
)

// damages are what can be in place of a file: each makes $f, which does not exist. The limit of time of a command
// (124) detects a hang; no command takes a tenth of it.
var damages = map[string]string{
	"a FIFO":             "mkfifo $f",
	"a socket":           `python3 -c 'import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' $f 2>/dev/null || mkfifo $f`,
	"a device":           "mknod $f c 1 5",
	"a directory":        "mkdir $f; touch $f/x",
	"a dangling symlink": "ln -s /nowhere $f",
	"a loop of symlinks": "ln -s ${f##*/} $f",
	"a huge file":        "truncate -s 3G $f; chmod 600 $f",
	"garbage":            "umask 077; head -c 300 /dev/urandom > $f",
	"a newer version":    `umask 077; echo '{"schema_version": 99, "version": 99}' > $f`,
}

const typeOnly = "a FIFO, a socket, a device, a directory, a dangling symlink, a loop of symlinks"

// hostile is one file of this program, or of its configuration.
type hostile struct {
	path  string
	isDir bool
	kinds string // those of damages that are damage here; "" is all
	// The exit codes. 0 of apply repairs it, or goes on without it.
	plan, status, verify, doctor, apply string
	except                              map[string]string // apply's for one kind
}

func (f hostile) has(kind string) bool {
	return (f.kinds == "" || strings.Contains(f.kinds, kind)) && !(f.isDir && kind == "a directory")
}

// hostileFiles are all files of this program, with what the commands make of their damage.
func hostileFiles() []hostile {
	spare := func(name string) hostile { // the next run moves it away
		return hostile{path: state + "/" + name, plan: "0", status: "4", verify: "1", doctor: "1", apply: "0"}
	}
	refused := func(path string) hostile {
		return hostile{path: path, plan: "78", status: "1", verify: "2", doctor: "2", apply: "78"}
	}
	conf := func(path string) hostile {
		return hostile{path: path, plan: "78", status: "4", verify: "2", doctor: "2", apply: "78"}
	}
	all := []hostile{
		{path: state + "/lock", kinds: typeOnly, plan: "0", status: "4", verify: "1", doctor: "1", apply: "0"},
		{path: state + "/backup", isDir: true, plan: "0", status: "4", verify: "1", doctor: "1", apply: "0"},
		{path: state + "/set-aside", isDir: true, plan: "0", status: "4", verify: "1", doctor: "1", apply: "0"},
		{path: state + "/journal.json", plan: "0", status: "1", verify: "2", doctor: "2", apply: "0", except: map[string]string{"a newer version": "78"}},
		{path: accepted, kinds: typeOnly + ", a huge file, garbage", plan: "0", status: "4", verify: "1", doctor: "1", apply: "0"},
		refused(state + "/before.json"), refused(state + "/images.json"),
		{path: daemonJSON, kinds: typeOnly + ", a huge file, garbage", plan: "78", status: "78", verify: "2", doctor: "2", apply: "78"},
		conf("/etc/runsc-provisioner/config.toml"), conf(ownConfig), conf("/etc/runsc-provisioner/config.d/50-apply.toml"),
		{path: "/etc/runsc-provisioner/config.d", isDir: true, kinds: typeOnly + ", garbage", plan: "78", status: "4", verify: "2", doctor: "2", apply: "78"},
		{path: store + "/" + newer + "/manifest.json", plan: "0", status: "1", verify: "2", doctor: "2", apply: "0"},
	}
	// These are all read in the same way: each gets some of the kinds.
	kinds := slices.Sorted(maps.Keys(damages))
	for i, name := range []string{"proofs", "failed-proofs", "rejected-arguments", "validated", "ids", "trials", "loaded.json", "made-directory.json", "restarted"} {
		f := spare(name)
		f.kinds = "a newer version, garbage, " + kinds[i%len(kinds)]
		switch name {
		case "proofs":
			f.status = "1" // nothing is known to be proven then
		case "made-directory.json":
			f.kinds = "garbage, " + kinds[i%len(kinds)] // it has no version
		}
		all = append(all, f)
	}
	return all
}

// within runs a command of ours that must end.
func (h host) within(command string) (code, output string) {
	h.t.Helper()
	r := h.exit(0, "timeout 120 runsc-provisioner "+command+" </dev/null 2>&1; code=$?; echo; echo $code")
	lines := strings.Split(strings.TrimSpace(r.Stdout), "\n")
	if code = lines[len(lines)-1]; code == "124" {
		h.t.Fatalf("%s hangs", command)
	}
	return code, r.Stdout
}

// Anything but the file that it wrote can be in place of any file of this program. No command hangs, none says that
// all is well, each names the file, and after apply, or after the file is moved away, all is well again.
func TestFault_X11_AnythingInPlaceOfAnyFile(t *testing.T) {
	onEach(t, lab.Options{Files: map[string]lab.File{ownConfig: {Content: asDefault}}}, func(t *testing.T, h host) {
		h = host{h.Host, t}
		h.run("runsc-provisioner apply --release " + newer + "; cp -a /etc/runsc-provisioner /root/conf; cp -a " + state + " /root/state; cp -a " + daemonJSON + " /root/; cp -a " + store + "/" + newer + "/manifest.json /root/")
		restore := "rm -rf /etc/runsc-provisioner " + state + " " + daemonJSON + "; cp -a /root/conf /etc/runsc-provisioner; cp -a /root/state " + state + "; cp -a /root/daemon.json " + daemonJSON
		restore += "; [ -f " + store + "/" + newer + "/manifest.json ] && cmp -s /root/manifest.json " + store + "/" + newer + "/manifest.json || { rm -rf " + store + "/" + newer + "/manifest.json; cp -a /root/manifest.json " + store + "/" + newer + "/; }"
		h.run(restore)
		h.run("runsc-provisioner plan --detailed-exitcode && runsc-provisioner verify && runsc-provisioner status")
		for _, f := range hostileFiles() {
			for kind, make := range damages {
				if !f.has(kind) {
					continue
				}
				where := f.path + " is " + kind
				h.run("f=" + f.path + "; rm -rf $f; " + make)
				want := map[string]string{"plan": f.plan, "status": f.status, "verify": f.verify, "doctor": f.doctor}
				if kind != "a FIFO" && kind != "garbage" && kind != "a newer version" {
					want = map[string]string{"plan": f.plan, "doctor": f.doctor}
				}
				for command, code := range want {
					got, output := h.within(command)
					if got != code {
						t.Errorf("%s: %s: got exit %s, want %s: %s", where, command, got, code, output)
					}
					if !strings.Contains(output, f.path) && f.path != store+"/"+newer+"/manifest.json" {
						t.Errorf("%s: %s does not name it: %s", where, command, output)
					}
				}
				if got, output := h.within("config show"); (got == "0") == strings.HasPrefix(f.path, "/etc/runsc") {
					t.Errorf("%s: config show: got exit %s: %s", where, got, output)
				}
				code := f.apply
				if f.except[kind] != "" {
					code = f.except[kind]
				}
				if got, output := h.within("apply"); got != code {
					t.Errorf("%s: apply: got exit %s, want %s: %s", where, got, code, output)
				}
				if code == "0" {
					h.run("rm -rf " + state + "/*.unread* " + state + "/set-aside/2*")
				} else {
					h.run("rm -rf " + f.path)
					h.run(restore)
				}
				if got, output := h.within("verify"); got != "0" {
					t.Errorf("%s: verify afterwards: got exit %s: %s", where, got, output)
				}
				h.run(restore)
			}
		}
	})
}

// All of it at once: the other commands do not hang, and the daemon goes on enforcing.
func TestFault_X11_TheDaemonGoesOnWithWhatItHas(t *testing.T) {
	onEach(t, lab.Options{Files: map[string]lab.File{ownConfig: {Content: asDefault}}}, func(t *testing.T, h host) {
		h = host{h.Host, t}
		h.run("runsc-provisioner apply --release " + newer)
		h.run("systemctl start runsc-provisioner")
		h.enforced()
		names := "lock journal.json backup set-aside before.json loaded.json made-directory.json restarted proofs failed-proofs rejected-arguments validated ids trials images.json images.tar accepted.json accepted.copy.json"
		for _, kind := range []string{"a FIFO", "a directory", "a newer version", "garbage"} {
			h.run("systemctl stop runsc-provisioner; cd " + state + "; for n in " + names + "; do f=" + state + "/$n; rm -rf $f; (" + damages[kind] + "); done; systemctl start runsc-provisioner")
			stands := func(s status.Status) bool { return s.State == status.StateFailing && has(s, checkup.StateItemName) }
			s := h.awaits("enforcing beside "+kind, func(s status.Status) bool { return stands(s) && s.Error == "" })
			before := s.Counts.Repairs["default-runtime"]
			h.run("echo '{}' > " + daemonJSON)
			h.awaits("repaired beside "+kind, func(s status.Status) bool { return s.Counts.Repairs["default-runtime"] > before })
			h.wantsRunsc()
			for _, command := range []string{"status", "verify", "doctor"} {
				if got, output := h.within(command); got == "0" || !strings.Contains(output, state+"/before.json") {
					t.Errorf("%s: %s: got exit %s: %s", kind, command, got, output)
				}
			}
			for _, command := range []string{"plan", "apply", "prove", "debug-bundle -", "config show"} {
				h.within(command + " >/dev/null")
			}
			h.run("systemctl stop runsc-provisioner; rm -rf " + state + "/*; runsc-provisioner apply; systemctl start runsc-provisioner")
			h.enforced()
		}
		// The status of the daemon itself.
		h.run("systemctl stop runsc-provisioner; mkdir -p " + strings.TrimSuffix(statusFile, "/status.json"))
		for kind, make := range damages {
			h.run("f=" + statusFile + "; rm -rf $f; " + make)
			if got, output := h.within("status"); got != "78" || !strings.Contains(output, statusFile) {
				t.Errorf("the status is %s: got exit %s: %s", kind, got, output)
			}
		}
		h.run("rm -rf " + statusFile + "; mkdir " + statusFile + "; systemctl start runsc-provisioner")
		h.enforced()
	})
}

func has(s status.Status, item string) bool {
	for _, i := range s.Host {
		if i.Name == item {
			return true
		}
	}
	return false
}

// What others may change decides what root does: it is refused, with the command that mends it. The daemon goes on
// with what it last accepted.
func TestFault_X17_WhatOthersMayChange(t *testing.T) {
	onEach(t, lab.Options{Files: map[string]lab.File{ownConfig: {Content: asDefault}}}, func(t *testing.T, h host) {
		h = host{h.Host, t}
		h.run("runsc-provisioner apply --release " + newer + "; mkdir -p -m 700 " + state + "/backup; groupadd lonely; usermod -aG lonely root")
		const conf = "/etc/runsc-provisioner"
		for i, test := range []struct {
			path, loosen string
			plain        bool // plan sees it too
		}{
			{conf, "chmod 777", true},
			{conf, "chown 1000", true},
			{conf + "/config.d", "chmod 775", true},
			{conf + "/config.d", "chgrp lonely " + conf + "/config.d; chmod 770", true},
			{ownConfig, "chmod 666", true},
			{ownConfig, "chown 1000", true},
			{conf + "/config.d/50-apply.toml", "chmod 664", true},
			{"/etc/docker", "chmod 777", true},
			{"/etc/docker", "chown 1000", true},
			{daemonJSON, "chmod 666", true},
			{daemonJSON, "chown 1000", true},
			{state, "chmod 777", true},
			{state, "chown 1000", true},
			{state + "/backup", "chmod 777", true},
			{accepted, "chmod 666", true},
			{state + "/before.json", "chown 1000", true},
			{state + "/proofs", "chmod 622", true},
			{"/var/lib", "chmod 777", true},
			{"/etc", "chmod 777", true},
			{store, "chmod 777", true},
		} {
			where := test.loosen + " " + test.path
			h.run("stat -c '%a %u %g' " + test.path + " > /root/mode; " + test.loosen + " " + test.path)
			for command, want := range map[string]string{"plan": "78", "apply": "78"} {
				got, output := h.within(command)
				if got != want || !strings.Contains(output, test.path+": ") || !strings.Contains(output, "sudo ch") {
					t.Errorf("%s: %s: got exit %s, want %s, naming %s and the command: %s", where, command, got, want, test.path, output)
				}
			}
			for _, command := range []string{"verify", "doctor", "status"} {
				if got, output := h.within(command); got == "0" || !strings.Contains(output, test.path) {
					t.Errorf("%s: %s: got exit %s: %s", where, command, got, output)
				}
			}
			// The command of the hint mends it.
			_, output := h.within("apply")
			_, remedy, found := strings.Cut(output, "then: sudo ")
			if remedy, _, _ = strings.Cut(remedy, "\n"); !found {
				t.Fatalf("%d %s: got no command: %s", i, where, output)
			}
			h.run(strings.ReplaceAll(remedy, "sudo ", ""))
			if got, output := h.within("apply"); got != "0" {
				t.Errorf("%s: mended by %q: got exit %s: %s", where, remedy, got, output)
			}
			h.run("read m u g < /root/mode; chown $u:$g " + test.path + "; chmod $m " + test.path)
		}
		h.run("rm -rf " + state + "/*.unread*; runsc-provisioner verify")
	})
}

// A user planted a journal, and a copy, in a state directory in which others could write: root then wrote that text to
// that path.
func TestFault_X17_APlantedJournal(t *testing.T) {
	onEach(t, lab.Options{Files: map[string]lab.File{ownConfig: {Content: asDefault}}}, func(t *testing.T, h host) {
		h = host{h.Host, t}
		h.run("runsc-provisioner apply --release " + newer + "; mkdir -p -m 700 " + state + "/backup")
		before := h.read(daemonJSON)
		text := `{"runtimes":{"evil":{"path":"/tmp/evil"}}}`
		plant := func(path, as string) {
			h.run(`cd ` + state + `; mkdir -p backup; printf '%s' '` + text + `' > backup/daemon.json-20260101T000000.000000000Z; d=$(sha256sum < backup/daemon.json-20260101T000000.000000000Z | cut -d' ' -f1); n=$(sha256sum < ` + path + ` | cut -d' ' -f1)
umask 077; echo '{"schema_version":1,"started":"2026-01-01T00:00:00Z","daemon_json":{"path":"` + path + `","target":"` + path + `","existed":true,"mode":438,"backup":"daemon.json-20260101T000000.000000000Z","was":"'$d'","later":["'$n'"]},"failed":true,"runtimes":["runsc"]}' > journal.json; chown ` + as + ` journal.json backup/daemon.json-2026*`)
		}
		h.run("echo target > /etc/victim")
		unharmed := func(where string) {
			t.Helper()
			if got := h.read("/etc/victim"); got != "target\n" {
				t.Errorf("%s: another file was written: %s", where, got)
			}
			if got := h.read(daemonJSON); got != before || strings.Contains(got, "evil") {
				t.Errorf("%s: got daemon.json %s", where, got)
			}
		}
		for _, path := range []string{daemonJSON, "/etc/victim"} {
			plant(path, "1000")
			h.exit(78, "runsc-provisioner apply")
			unharmed("planted, for " + path)
			h.run("chown root " + state + "/journal.json " + state + "/backup/*; chmod 644 " + state + "/journal.json")
			h.exit(2, "runsc-provisioner verify")
			h.run("runsc-provisioner apply")
			unharmed("planted, and its owner mended, for " + path)
			h.run("rm -rf " + state + "/set-aside/2* " + state + "/backup/daemon.json-20260101*")
		}
		// Even as root's own, only the managed daemon.json is its target.
		plant("/etc/victim", "root")
		h.run("runsc-provisioner apply; rm -rf " + state + "/set-aside/2*")
		unharmed("as root's own")
		// The daemon takes the directory back, believes nothing of it, and goes on.
		plant(daemonJSON, "1000")
		h.run("chmod 777 " + state + "; chown 1000 " + accepted + "; systemctl start runsc-provisioner")
		h.awaits("started", func(s status.Status) bool { return has(s, checkup.StateItemName) && s.State == status.StateEnforced })
		unharmed("the daemon, at its start")
		s := h.status()
		plant(daemonJSON, "1000")
		h.run("chown 1000 " + state + "; chmod 777 " + state + "; echo '{}' > " + daemonJSON)
		h.awaits("repaired", func(now status.Status) bool {
			return now.Counts.Repairs["default-runtime"] > s.Counts.Repairs["default-runtime"]
		})
		unharmed("the daemon, while it runs")
		if got := h.run("stat -c '%u %a' " + state); got != "0 700" {
			t.Errorf("got the state directory %s, want root's own", got)
		}
		// A configuration that others may change is not applied. What was accepted stays.
		h.run("rm -rf " + state + "/*.unread*; printf '[docker]\\ndefault_runtime = \"off\"\\n' > /etc/runsc-provisioner/config.d/70-planted.toml; chown 1000 /etc/runsc-provisioner/config.d/70-planted.toml; systemctl reload runsc-provisioner")
		h.awaits("kept", func(s status.Status) bool { return strings.Contains(s.ConfigKept, "70-planted.toml") })
		s = h.status()
		h.run("echo '{}' > " + daemonJSON)
		h.awaits("repaired", func(now status.Status) bool {
			return now.Counts.Repairs["default-runtime"] > s.Counts.Repairs["default-runtime"]
		})
		h.exit(4, "runsc-provisioner status")
		h.exit(78, "runsc-provisioner config check")
		h.run("rm /etc/runsc-provisioner/config.d/70-planted.toml")
		h.awaits("enforced", func(s status.Status) bool { return s.ConfigKept == "" })
		// daemon.json in a directory of others: an alert, and it is kept all the same.
		h.run("chmod 777 /etc/docker; systemctl reload runsc-provisioner")
		s = h.awaits("alert", func(s status.Status) bool { return has(s, checkup.TrustItemName) && s.State == status.StateFailing })
		h.run("echo '{}' > " + daemonJSON)
		h.awaits("repaired", func(now status.Status) bool {
			return now.Counts.Repairs["default-runtime"] > s.Counts.Repairs["default-runtime"]
		})
		h.run("chmod 755 /etc/docker; systemctl reload runsc-provisioner")
		h.enforced()
		h.neverRefused()
	})
}

// Everything that told what was accepted is gone at once. It is said what is managed now.
func TestFault_X22_TheRecordAndTheSavedFlagsAreGone(t *testing.T) {
	onEach(t, lab.Options{}, func(t *testing.T, h host) {
		h = host{h.Host, t}
		h.run("runsc-provisioner apply --default-runtime --release " + newer)
		lose := "rm -f " + accepted + " " + acceptedCopy + " /etc/runsc-provisioner/config.d/50-apply.toml"
		for i, also := range []string{"true", "rm " + state + "/before.json"} {
			h.run("cp -a " + state + " /root/state" + strconv.Itoa(i) + "; cp -a /etc/runsc-provisioner /root/conf" + strconv.Itoa(i) + "; " + lose + "; " + also)
			says(t, h.exit(0, "runsc-provisioner plan"), accepted, "default-runtime")
			says(t, h.exit(1, "runsc-provisioner doctor"), accepted, "default-runtime")
			says(t, h.exit(0, "runsc-provisioner apply --once"), accepted, "default-runtime")
			if got := h.read(daemonJSON); !strings.Contains(got, `"default-runtime"`) {
				t.Errorf("got %s, want the default runtime kept", got)
			}
			// The daemon does not take the built-in values as accepted.
			h.run("mv /etc/runsc-provisioner /root/gone; systemctl start runsc-provisioner")
			h.awaits("reported", func(s status.Status) bool { return strings.Contains(s.AcceptedUnread, accepted) })
			h.looked()
			h.exit(4, "runsc-provisioner status")
			h.run(fmt.Sprintf("systemctl stop runsc-provisioner; [ ! -e %s ]; rm -rf /root/gone %s /etc/runsc-provisioner; cp -a /root/state%d %s; cp -a /root/conf%d /etc/runsc-provisioner", accepted, state, i, state, i))
		}
		h.run("runsc-provisioner verify && runsc-provisioner apply && runsc-provisioner plan --detailed-exitcode")
	})
}
