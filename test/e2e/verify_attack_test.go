package e2e

import (
	"fmt"
	"strings"
	"testing"

	"runsc-provisioner/test/lab"
)

// An attack tries to be counted as sandboxed. Its script starts what it needs. The container called evil, or the
// processes if there is no container, must never be counted.
type attack struct {
	name   string
	script string
	// holds is what verify's table must say about it.
	holds string
}

// genuine makes the container's first process the genuine sentry, with the arguments of a sandbox of that
// container. It waits for ever on a pipe.
const genuine = `mkfifo /tmp/pipe; exec 3<>/tmp/pipe
id=$(grep -o "containers/[0-9a-f]*/hostname" /proc/self/mountinfo | cut -d/ -f2)
exec -a runsc-sandbox %s/gvisor-bin/gvisor_sentry --root=/var/run/docker/runtime-runc/moby boot --spec-fd=3 --controller-fd=3 --start-sync-fd=3 --sync-userns-fd=3 --bundle=/ $id`

func attacks() []attack {
	dir := store + "/" + newer
	sentry := dir + "/gvisor-bin/gvisor_sentry"
	in := func(flags, script string) string {
		return "docker run -d --name evil --runtime=runc " + flags + " " + lab.Image + " /bin/sh -c '" + script + "'"
	}
	run := fmt.Sprintf(genuine, dir)
	// The host's own programs, because busybox depends on the name it is called by.
	const programs = "-v /usr:/usr%s -v /usr/lib:/lib:ro -v /usr/lib64:/lib64:ro "
	return []attack{
		{"a process called runsc-sandbox", `perl -e 'exec {"/bin/sleep"} "runsc-sandbox", "900"' >/dev/null 2>&1 &`, "claim: process"},
		{"a process that calls itself gvisor_sentry by prctl", `perl -e '$0 = "gvisor_sentry"; system "sleep 900"' >/dev/null 2>&1 &`, ""},
		{"a thousand processes called runsc-sandbox", `for i in $(seq 1000); do perl -e 'exec {"/bin/sleep"} "runsc-sandbox", "90"' >/dev/null 2>&1 & done`, "and 990 more"},
		{"a container of sleepers with that name", in(fmt.Sprintf(programs, ":ro"), "exec -a runsc-sandbox /usr/bin/sleep 900"), ""},
		{"a container with a name and labels that claim it", in("--hostname runsc-sandbox --label gvisor=runsc -e RUNTIME=runsc", "sleep 900"), ""},
		{"a copy of the sentry", "cp " + sentry + " /root/gvisor_sentry && " + in("-v /root:"+dir+"/gvisor-bin", run), ""},
		{"a copy of the sentry, deleted under the store's path", in("--tmpfs "+store+":exec -v "+sentry+":/s:ro",
			"mkdir -p "+dir+"/gvisor-bin; cp /s "+sentry+"; (sleep 2; rm "+sentry+") & "+run) + "; sleep 3", ""},
		{"the store mounted, and the genuine sentry", in("--security-opt no-new-privileges -v "+store+":"+store+":ro", run), ""},
		{"the same with the image in a tmpfs", in("--security-opt no-new-privileges --read-only --tmpfs /tmp -v "+store+":"+store+":ro", run), ""},
		{"the same in the host's namespaces", in("--pid=host --network=host --ipc=host --uts=host -v "+store+":"+store+":ro", run), ""},
		{"the same, privileged", in("--privileged -v "+store+":"+store+":ro", run), ""},
		{"the same with its own namespaces and root", in("--privileged -v "+store+":"+store+":ro",
			"mkdir -p /n && mount -t tmpfs runsc-root /n && mkdir -p /n/old /n/proc /n/tmp /n"+store+" && mount --bind "+store+" /n"+store+" && mount --rbind /proc /n/proc; "+
				"mkfifo /n/tmp/pipe; exec 3<>/n/tmp/pipe; id=$(grep -o \"containers/[0-9a-f]*/hostname\" /proc/self/mountinfo | head -n1 | cut -d/ -f2); "+
				"cp /bin/busybox /n/busybox; cd /n && pivot_root . old && exec /busybox unshare -Umui /busybox sh -c \"exec -a runsc-sandbox "+sentry+" boot --spec-fd=3 --controller-fd=3 --start-sync-fd=3 --sync-userns-fd=3 --bundle=/ $id\""), ""},
		{"the arguments of a neighbour that is a sandbox", in("-v "+store+":"+store+":ro",
			strings.ReplaceAll(run, "$id", "'$(docker inspect -f '{{.Id}}' good)'")), ""},
		{"a file mounted over the store's", "cp /bin/sleep /root/fake && touch -r " + sentry + " /root/fake && mount --bind /root/fake " + sentry + " && " +
			in(fmt.Sprintf(programs, ":ro"), "exec -a runsc-sandbox "+sentry+" 900"), "has a mount over it"},
		{"files mounted over the store by the container", in("--privileged "+fmt.Sprintf(programs, ":rshared"),
			"mount --bind /usr/bin/sleep "+sentry+"; exec -a runsc-sandbox "+sentry+" 900") +
			"; for i in $(seq 600); do grep -q " + sentry + " /proc/self/mountinfo && break; sleep 0.1; done; sleep 1", "has a mount over it"},
		{"a stranger in a sandbox's own cgroup or below its processes", `P=$(docker inspect -f '{{.State.Pid}}' good); docker run -d --name evil --runtime=runc --pid=container:good ` + lab.Image + ` sleep 900 || docker run -d --name evil --runtime=runc ` + lab.Image + ` sleep 900`, ""},
		{"escapes and bars in names", `perl -e 'exec {"/bin/sleep"} "runsc-sandbox", "\x1b]0;evil\x07|x=1\n"' >/dev/null 2>&1 & ` + in(`--label "$(printf 'a\033[31m|=\n')=1"`, "sleep 900"), "container outside"},
	}
}

func TestFault_V01_OnlySandboxesAreCounted(t *testing.T) {
	h := boot(t, lab.Options{})
	h.run("runsc-provisioner apply --default-runtime")
	h.run("docker run -d --name good " + lab.Image + " sleep 9000")
	tried, counted := 0, 0
	for _, a := range attacks() {
		t.Run(a.name, func(t *testing.T) {
			tried++
			h := host{h.Host, t}
			defer func() {
				h.run("docker rm -f evil >/dev/null 2>&1; pkill -x sleep; while umount " + store + "/" + newer + "/gvisor-bin/gvisor_sentry 2>/dev/null; do :; done; true")
			}()
			h.run(a.script)
			r, err := h.Run(t.Context(), "sh", "-c", "runsc-provisioner verify --timeout 60s --format json; true")
			if err != nil {
				t.Fatal(err)
			}
			v := parse(t, r.Stdout)
			if strings.Contains(a.script, "--name evil") && !v.runs("evil") {
				t.Errorf("the attack does not run: %s", h.run("docker logs evil 2>&1 || true"))
			}
			for _, c := range v.Containers {
				switch {
				case c.Name == "evil" && c.State == "sandboxed":
					counted++
					t.Errorf("it is counted as sandboxed: %+v", c)
				case c.Name == "good" && c.State == "sandboxed" != (a.holds != "has a mount over it"):
					t.Errorf("its neighbour is %s", c.State)
				}
			}
			table, err := h.Run(t.Context(), "sh", "-c", "runsc-provisioner verify --timeout 60s; true")
			if err != nil {
				t.Fatal(err)
			}
			if a.holds != "" && !strings.Contains(table.Stdout, a.holds) && !strings.Contains(table.Stdout, "container evil: not in a sandbox") {
				t.Errorf("got\n%s\nwant %q in it", table.Stdout, a.holds)
			}
			if strings.ContainsAny(table.Stdout, "\x1b\x07\r") || strings.ContainsAny(r.Stdout, "\x1b\x07\r") {
				t.Errorf("raw control characters: %q", table.Stdout)
			}
		})
	}
	t.Logf("%d tried, %d counted as sandboxed", tried, counted)
}

// The programs that the formats are for can read them.
func TestVerifyFormatsAreReadByTheirConsumers(t *testing.T) {
	h := boot(t, lab.Options{Prometheus: true, Files: map[string]lab.File{"/root/.keep": {}}})
	h.run("runsc-provisioner apply --default-runtime")
	h.run("docker run -d --name good " + lab.Image + " sleep 9000")
	h.run("docker run -d --name bad --runtime=runc --privileged -v /run/docker.sock:/s --label untrusted=1 " + lab.Image + " sleep 9000")
	h.run("runsc-provisioner verify --format prometheus > /root/v.prom; test $? = 1 && promtool check metrics < /root/v.prom")
	if text := h.read("/root/v.prom"); !strings.Contains(text, `runsc_provisioner_verify_containers{sandbox="sandboxed"} 1`) || !strings.Contains(text, "runsc_provisioner_verify_status 1") {
		t.Errorf("got %s", text)
	}
	for code, flags := range map[int][]string{
		0: {"--json-schema", "--explain good", "--explain good --fail-on ways-around --expect all"},
		1: {"", "--expect good", "--expect default,some", "--explain bad", "--max-age 36500d"},
		2: {"--expect all", "--expect bad", "--expect absent", "--require-sandbox label=untrusted", "--require-sandbox label=untrusted=1", "--fail-on ways-around",
			"--fail-on weakening", "--min-release 29991231", "--max-age 1d"},
		3: {"--explain absent", "--expect ''", "--require-sandbox untrusted", "--fail-on x", "--min-release x", "--max-age 5", "--max-age 1d2", "--timeout 1ns",
			"--explain good --expect bad", "--format plugin >/dev/full", "--format json >/dev/full",
			"--format plugin --bogus | grep -q '^RUNSC UNKNOWN - .*bogus'; exit 3"},
	} {
		for _, flag := range flags {
			h.exit(code, "runsc-provisioner verify "+flag)
		}
	}
	h.exit(1, "runsc-provisioner verify --deep | grep 'content "+newer+".*ok.*as in the archive'; runsc-provisioner verify --deep >/dev/null")
	table := h.exit(1, "runsc-provisioner verify").Stdout
	for _, want := range []string{"weakened: good: --ignore-cgroups", "container bad: --privileged gives ", "container bad: -v /run/docker.sock:/s gives ", "buildkit  host kernel"} {
		if !strings.Contains(table, want) {
			t.Errorf("got\n%s\nwant %q in it", table, want)
		}
	}
	explained := h.exit(0, "runsc-provisioner verify --explain good").Stdout
	for _, want := range []string{"Container good", "is sandboxed, in release " + newer, "gofer: passed", "/proc/", "It asks whether"} {
		if !strings.Contains(explained, want) {
			t.Errorf("got\n%s\nwant %q in it", explained, want)
		}
	}

	// One byte of the sentry changes; size and times stay: only ctime and the content show it.
	h.run("cd " + store + "/" + newer + "/gvisor-bin && touch -r gvisor_sentry /root/t && printf X | dd of=gvisor_sentry bs=1 seek=4096 conv=notrunc 2>/dev/null || { cp gvisor_sentry /root/s && printf X | dd of=/root/s bs=1 seek=4096 conv=notrunc 2>/dev/null && cat /root/s > n && chmod 755 n && mv n gvisor_sentry; }; touch -r /root/t gvisor_sentry")
	h.exit(2, "runsc-provisioner verify --deep | grep 'has changed content'; runsc-provisioner verify --deep >/dev/null")
	h.exit(2, "runsc-provisioner verify | grep 'has changed content'; runsc-provisioner verify >/dev/null")
	h.run("runsc-provisioner apply") // verify's remedy
	h.exit(1, "runsc-provisioner verify --deep | grep 'content "+newer+".*ok.*as in the archive'; runsc-provisioner verify --deep >/dev/null")
}

// A part that this user may not read is unknown, never ok (V06).
func TestFault_V06_WithFewerRights(t *testing.T) {
	h := boot(t, lab.Options{})
	h.run("runsc-provisioner apply --default-runtime")
	h.run("docker run -d --name good " + lab.Image + " sleep 9000")
	h.exit(0, "runsc-provisioner verify")
	h.run("useradd -m bob && usermod -aG docker bob && useradd -m eve")
	for _, who := range []string{"bob", "eve"} {
		r := h.exit(3, "su "+who+" -c 'runsc-provisioner verify --format plugin'")
		if !strings.HasPrefix(r.Stdout, "RUNSC UNKNOWN") || strings.Contains(r.Stdout, " 1 of ") {
			t.Errorf("%s: got %q, want unknown, and none counted", who, r.Stdout)
		}
	}
	// In a container with the host's /proc, store and socket, there is no systemd, but the containers are
	// seen.
	bin := strings.TrimSpace(h.run("command -v runsc-provisioner"))
	run := "docker run --rm --runtime=runc --cap-add=SYS_PTRACE --security-opt apparmor=unconfined -v /proc:/host/proc:ro -v " + bin + ":/rp:ro -v /run/docker.sock:/run/docker.sock "
	inside := run + "-v " + store + ":" + store + ":ro -v " + link + ":" + link + ":ro " + lab.Image + " /rp verify --proc /host/proc"
	r, err := h.Run(t.Context(), "sh", "-c", inside)
	if err != nil || r.Code == 0 || !strings.Contains(r.Stdout, "systemd") {
		t.Fatalf("in a container: got %v, %v, want not ok", r, err)
	}
	v := parse(t, h.run(inside+" --format json || true"))
	if state, release := v.container(t, "good"); state != "sandboxed" || release != newer {
		t.Errorf("in a container, with the host's /proc: good is %s of %q, want sandboxed of %s\n%s", state, release, newer, r.Stdout)
	}
	// Without the host's /proc, everything is unknown.
	own := strings.ReplaceAll(inside, " --proc /host/proc", "")
	if r, err := h.Run(t.Context(), "sh", "-c", own); err != nil || r.Code == 0 || strings.Contains(r.Stdout, " sandboxed") {
		t.Errorf("in a container, with its own /proc: got %v, %v, want nothing counted", r, err)
	}
}
