package e2e

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"runsc-provisioner/test/lab"
	"runsc-provisioner/verify"
)

const (
	verifyName  = "20260914.0"
	verifyStore = "/usr/local/lib/gvisor"
	verifyDir   = verifyStore + "/" + verifyName
	verifyJudge = "/usr/local/bin/judge"
)

// verifyHost is a lab host with a release in a store and package verify.
type verifyHost struct {
	*lab.Host
	t       *testing.T
	digests map[string]string
	sizes   map[int64]bool
}

type verifyAnswer struct {
	Report   verify.Report
	InUse    map[string]int
	Evidence []verify.Evidence
}

func TestVerifyOnHost(t *testing.T) {
	t.Parallel()
	for _, suite := range []string{"trixie", "bookworm"} {
		t.Run(suite, func(t *testing.T) {
			h := newVerifyHost(t, suite)
			h.daemonJSON("/usr/bin/runc", "")

			genuine := []string{"plain", "link", "privileged", "hostly"}
			h.start("plain", "--runtime=runsc", "--init")
			h.start("link", "--runtime=link", "--user=1000", "--cap-drop=ALL")
			h.start("privileged", "--runtime=runsc", "--privileged")
			h.start("hostly", "--runtime=runsc", "--network=host", "--pid=host", "--ipc=host", "--userns=host")
			h.start("runc")
			h.forge("V01-mounts-the-store", "runc")
			h.forge("V01-renamed-runtime", "renamed")
			h.sh("docker exec -d plain sleep 900")
			h.sh("docker exec -d runc sleep 900")

			// From here on, the runtime that the forger was created with is ours.
			h.daemonJSON(verifyDir+"/runsc", "")
			got := h.judge()
			if len(got.Report.Verdicts) != 7 {
				t.Errorf("got %d verdicts, want 7", len(got.Report.Verdicts))
			}
			for _, v := range got.Report.Verdicts {
				want, release := verify.NotSandboxed, ""
				if slices.Contains(genuine, v.Container.Name) {
					want, release = verify.Sandboxed, verifyName
				}
				if v.State != want || v.Release != release {
					t.Errorf("%s: got %v of %q, want %v of %q\n%s", v.Container.Name, v.State, v.Release, want, release, verifyShow(v))
				}
			}
			if got.Report.State != verify.NotSandboxed || len(got.Report.Orphans) != 0 || got.Report.Denied != 0 {
				t.Errorf("got state %v, orphans %v, denied %d, want not sandboxed, none, 0", got.Report.State, got.Report.Orphans, got.Report.Denied)
			}
			wantFailed := map[string][]string{
				"V01-mounts-the-store": {verify.CheckRuntime, verify.CheckRoot},
				"V01-renamed-runtime":  {verify.CheckRoot},
			}
			for name, checks := range wantFailed {
				v := verifyFind(t, got, name)
				for _, check := range checks {
					if state := verifyCheck(v, check).State; state != verify.Failed {
						t.Errorf("%s: %s is %v, want failed", name, check, state)
					}
				}
				for _, check := range []string{verify.CheckArguments, verify.CheckExecutable, verify.CheckSeccomp, verify.CheckPrivileges} {
					if state := verifyCheck(v, check).State; state != verify.Passed {
						t.Errorf("%s: %s is %v: the forgery must be perfect there", name, check, state)
					}
				}
			}
			h.reused(t)
			h.orphans(t)
			h.deleted(t)
		})
	}
}

// reused ends a sandbox and lets a forger take exactly its pid, while the caller still has dockerd's earlier
// answer (V02).
func (h *verifyHost) reused(t *testing.T) {
	h.start("gone", "--runtime=runsc")
	var said []string
	h.json("docker inspect gone -f '[{{json .Id}},{{json .State.Pid}}]' | sed 's/,/,\"/;s/]$/\"]/'", &said)
	id := said[0]
	pid, err := strconv.Atoi(said[1])
	if err != nil {
		t.Fatal(err)
	}
	h.sh("docker rm -f gone >/dev/null && test ! -e /proc/" + said[1])
	// clone3(2) takes the pid for the new process.
	h.sh(`perl -e '
		my $tid = pack("i", ` + said[1] + `);
		my $how = pack("Q11", 0, 0, 0, 0, 17, 0, 0, 0, unpack("Q", pack("P", $tid)), 1, 0);
		my $pid = syscall(435, $how, 88);
		die "clone3: $!" if $pid < 0;
		exec {"/usr/bin/tail"} "runsc-sandbox", "-f", "/dev/null", "` + id + `" if $pid == 0;' >/dev/null 2>&1 </dev/null
for i in $(seq 600); do
	tr '\0' ' ' </proc/` + said[1] + `/cmdline | grep -q "runsc-sandbox -f /dev/null ` + id + `" && exit 0
	sleep 0.1
done
exit 1`)
	got := h.ask([]verify.Container{{ID: id, Name: "gone", Runtime: "runsc", PID: pid}})
	if v := verifyFind(t, got, "gone"); v.State == verify.Sandboxed {
		t.Errorf("V02: a forger with the pid of a sandbox that ended is counted\n%s", verifyShow(v))
	}
	h.sh("kill -9 " + said[1])
}

// orphans makes a sandbox that dockerd does not list (V08).
func (h *verifyHost) orphans(t *testing.T) {
	id := strings.Repeat("0a", 32)
	h.sh(`mkdir -p /tmp/bundle/rootfs && docker export plain | tar -C /tmp/bundle/rootfs -xf - && cd /tmp/bundle &&
		cat >config.json <<'J'
{"ociVersion":"1.0.0","process":{"user":{},"args":["sleep","900"],"env":["PATH=/bin"],"cwd":"/"},"root":{"path":"rootfs"},"linux":{"namespaces":[{"type":"pid"},{"type":"mount"}]}}
J
		` + verifyDir + "/runsc --root /tmp/root --network=none --ignore-cgroups run -detach -bundle /tmp/bundle " + id + " </dev/null >/dev/null 2>&1")
	got := h.judge()
	if len(got.Report.Orphans) != 1 || got.Report.Orphans[0].ContainerID != id {
		t.Errorf("V08: got orphans %+v, want the one of %s", got.Report.Orphans, id)
	}
}

// deleted removes the release below its sandboxes (V03) like the store does: it renames it to a hidden name first.
func (h *verifyHost) deleted(t *testing.T) {
	before := h.judge().InUse[verifyName]
	h.sh("cd " + verifyStore + " && mv " + verifyName + " .gone && rm -r .gone")
	got := h.judge()
	v := verifyFind(t, got, "plain")
	if v.State != verify.Sandboxed || v.Release != verifyName {
		t.Errorf("V03: got %v of %q, want sandboxed of %q\n%s", v.State, v.Release, verifyName, verifyShow(v))
	}
	if got.InUse[verifyName] != before || before == 0 {
		t.Errorf("V03: got %d processes of the deleted release, want %d", got.InUse[verifyName], before)
	}
}

func TestVerifyOnHostWithRemappedUsers(t *testing.T) {
	h := newVerifyHost(t, "trixie")
	h.sh("useradd -r dockremap; echo dockremap:100000:65536 | tee /etc/subuid >/etc/subgid")
	h.daemonJSON("/usr/bin/runc", `"userns-remap":"default",`)
	h.sh("systemctl restart docker")
	if err := h.LoadImage(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.start("remapped", "--runtime=runsc")
	h.start("not", "--runtime=runsc", "--userns=host") // but expected to be
	got := h.judge(verify.IDRange{Inside: 0, Outside: 100000, Length: 65536})
	for name, want := range map[string]verify.State{"remapped": verify.Sandboxed, "not": verify.NotSandboxed} {
		if v := verifyFind(t, got, name); v.State != want {
			t.Errorf("%s: got %v, want %v\n%s", name, v.State, want, verifyShow(v))
		}
	}
}

func newVerifyHost(t *testing.T, suite string) *verifyHost {
	t.Helper()
	t.Parallel()
	host := lab.ForTest(t, lab.Options{Suite: suite, Binary: lab.NoBinary})
	h := &verifyHost{Host: host, t: t, digests: map[string]string{}, sizes: map[int64]bool{}}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(t.TempDir(), "judge"), "./cmd/judge")
	build.Env = append(build.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build judge: %v\n%s", err, out)
	}
	if out, err := exec.CommandContext(t.Context(), "cp", build.Args[3], h.Path(verifyJudge)).CombinedOutput(); err != nil {
		t.Fatalf("copy judge: %v\n%s", err, out)
	}
	h.sh("mkdir -p " + verifyDir + " && cd " + verifyDir +
		" && curl -sSf https://releases.lab/gvisor/releases/release/" + verifyName + "/x86_64/gvisor.tar.zstd | zstd -dc | tar -xf -" +
		" && ln -s " + verifyDir + "/runsc /usr/local/bin/runsc")
	for line := range strings.Lines(h.sh("cd " + verifyDir + " && find -type f -exec sha256sum {} +")) {
		fields := strings.Fields(line)
		h.digests[fields[0]] = strings.TrimPrefix(fields[1], "./")
	}
	for size := range strings.FieldsSeq(h.sh("cd " + verifyDir + " && find -type f -exec stat -c %s {} +")) {
		n, err := strconv.ParseInt(size, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		h.sizes[n] = true
	}
	return h
}

// daemonJSON registers the runtimes, one of them with a path that changes, and waits until dockerd reports them.
func (h *verifyHost) daemonJSON(renamed, more string) {
	h.t.Helper()
	h.sh(`cat >/etc/docker/daemon.json <<'J'
{` + more + `"runtimes":{
 "runsc":{"path":"` + verifyDir + `/runsc","runtimeArgs":["--ignore-cgroups"]},
 "link":{"path":"/usr/local/bin/runsc","runtimeArgs":["--ignore-cgroups"]},
 "renamed":{"path":"` + renamed + `"}}}
J
systemctl reload docker
for i in $(seq 600); do
	docker info --format '{{json .Runtimes}}' | grep -q '"renamed":{"path":"` + renamed + `"' && exit 0
	sleep 0.1
done
exit 1`)
}

func (h *verifyHost) start(name string, flags ...string) {
	h.t.Helper()
	argv := append([]string{"docker run -d --name", name}, flags...)
	h.sh(strings.Join(append(argv, lab.Image, "sleep 900"), " "))
}

// forge starts a forgery with this release.
func (h *verifyHost) forge(name, runtime string) {
	h.t.Helper()
	h.sh(forgery(name, runtime, verifyDir))
}

// forgery is a command that starts a container of another runtime than runsc. It has the store mounted and runs
// the genuine sentry of the release in dir, with the right arguments, seccomp and no-new-privs. The sentry waits
// for its user namespace on a pipe that never gets data.
func forgery(name, runtime, dir string) string {
	return fmt.Sprintf(`docker run -d --name %s --runtime=%s --security-opt no-new-privileges -v %s:%s:ro %s sh -c '
		mkfifo /pipe; exec 3<>/pipe
		id=$(grep -o "containers/[0-9a-f]*/hostname" /proc/self/mountinfo | cut -d/ -f2)
		exec -a runsc-sandbox %s/gvisor-bin/gvisor_sentry boot --spec-fd=3 --controller-fd=3 --start-sync-fd=3 --sync-userns-fd=3 --bundle=/ $id'
		for i in $(seq 600); do
			grep -qs runsc-sandbox /proc/$(docker inspect -f "{{.State.Pid}}" %s)/cmdline && exit 0
			sleep 0.1
		done
		docker logs %s; exit 1`, name, runtime, verifyStore, verifyStore, lab.Image, dir, name, name)
}

// judge asks package verify, in the host, about every running container.
func (h *verifyHost) judge(uidMap ...verify.IDRange) verifyAnswer {
	h.t.Helper()
	var inspected []struct {
		ID, Name   string `json:",omitempty"`
		State      struct{ Pid int }
		HostConfig struct {
			Runtime, UsernsMode string
			Privileged          bool
		}
	}
	h.json("docker inspect $(docker ps -q)", &inspected)
	var containers []verify.Container
	for _, c := range inspected {
		containers = append(containers, verify.Container{
			ID: c.ID, Name: strings.TrimPrefix(c.Name, "/"), Runtime: c.HostConfig.Runtime, PID: c.State.Pid,
			Privileged: c.HostConfig.Privileged, UsernsMode: c.HostConfig.UsernsMode, UIDMap: uidMap,
		})
	}
	return h.ask(containers)
}

// ask asks package verify, in the host, about these.
func (h *verifyHost) ask(containers []verify.Container) verifyAnswer {
	h.t.Helper()
	type release struct {
		Name, Dir, Store string
		Digests          map[string]string
		Sizes            map[int64]bool
	}
	var q struct {
		Containers []verify.Container
		Runtimes   map[string]string
		Releases   []release
	}
	q.Releases = []release{{verifyName, verifyDir, verifyStore, h.digests, h.sizes}}
	var info struct {
		Runtimes map[string]struct{ Path string }
	}
	h.json("docker info --format '{{json .}}'", &info)
	q.Runtimes = map[string]string{}
	for name, runtime := range info.Runtimes {
		q.Runtimes[name] = runtime.Path
	}
	q.Containers = containers
	question, err := json.Marshal(q)
	if err != nil {
		h.t.Fatal(err)
	}
	r, err := h.RunWith(h.t.Context(), lab.Command{Argv: []string{verifyJudge}, Stdin: strings.NewReader(string(question))})
	if err != nil || r.Code != 0 {
		h.t.Fatalf("judge: %v: %v", err, r)
	}
	var answer verifyAnswer
	if err := json.Unmarshal([]byte(r.Stdout), &answer); err != nil {
		h.t.Fatalf("judge's answer: %v\n%s", err, r.Stdout)
	}
	return answer
}

func (h *verifyHost) json(script string, into any) {
	h.t.Helper()
	if err := json.Unmarshal([]byte(h.sh(script)), into); err != nil {
		h.t.Fatalf("%s: %v", script, err)
	}
}

func (h *verifyHost) sh(script string) string {
	h.t.Helper()
	r, err := h.Run(h.t.Context(), "sh", "-c", script)
	if err != nil || r.Code != 0 {
		h.t.Fatalf("%s: %v: %v", script, err, r)
	}
	return strings.TrimSpace(r.Stdout)
}

func verifyFind(t *testing.T, a verifyAnswer, name string) verify.Verdict {
	t.Helper()
	for _, v := range a.Report.Verdicts {
		if v.Container.Name == name {
			return v
		}
	}
	t.Fatalf("no verdict on %s", name)
	return verify.Verdict{}
}

func verifyCheck(v verify.Verdict, name string) verify.Check {
	for _, c := range v.Checks {
		if c.Name == name {
			return c
		}
	}
	return verify.Check{}
}

func verifyShow(v verify.Verdict) string {
	var b strings.Builder
	for _, c := range v.Checks {
		fmt.Fprintf(&b, "  %-18s %-8v %s (want %s; %s)\n", c.Name, c.State, c.Seen, c.Expected, c.Source)
	}
	return b.String()
}
