package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"runsc-provisioner/provision/difference"
	"runsc-provisioner/test/lab"
)

// semanticsEnv makes the table of what Docker's commands mean: "1" for Debian's engines, "all" also for the newest one.
const semanticsEnv = "RUNSC_SEMANTICS"

// byHand is a runtime as `runsc install` leaves it: without arguments, but for the one that the lab needs.
const byHand = "byhand"

// A behaviour is something that Docker does with a container. script prints what is seen of it, with the runtime in $R,
// the image in $I and the container's name in $N; want is that with runc.
type behaviour struct {
	name, want, script string
	// named is what names a difference: a feature of plan's list, or a part of a row of docs/what-changes.md. "" if there
	// must be none.
	named string
	// byHand is the same for a runtime as runsc install leaves it, where that differs.
	byHand string
}

const (
	// runs starts a container that waits; wrote starts one that has written a file first.
	runs  = `docker run -d --name $N --runtime=$R `
	idle  = runs + `$I sleep 1000 >/dev/null; `
	again = runs + `$I sh -c 'test -e /file && echo kept >/seen; echo text >/file; sleep 1000' >/dev/null; until docker exec $N test -s /file; do sleep 0.1; done; `
	stays = `until docker exec $N sh -c 'test -s /file || test -s /tmp/f'; do sleep 0.1; done; docker exec $N cat /seen`
	wrote = runs + `$I sh -c 'echo text >/file; sleep 1000' >/dev/null; until docker exec $N test -s /file; do sleep 0.1; done; `
)

var behaviours = []behaviour{
	{name: "cp in", want: "in", script: idle + `echo in >/root/in; docker cp /root/in $N:/in >/dev/null 2>&1; docker exec $N cat /in`},
	{name: "cp out", want: "text", script: wrote + `docker cp $N:/file - | tar xO`, byHand: "writes"},
	{name: "commit", want: "text", script: wrote + `docker commit $N made:$N >/dev/null; docker run --rm --runtime=runc made:$N cat /file; docker rmi made:$N >/dev/null`, byHand: "writes"},
	{name: "diff", want: "A /file", script: wrote + `docker diff $N`, byHand: "writes"},
	{name: "export", want: "file", script: wrote + `docker export $N | tar t | grep -x file`, byHand: "writes"},
	{name: "stop and start", want: "kept", script: again + `docker stop -t 0 $N >/dev/null; docker start $N >/dev/null; ` + stays, byHand: "writes"},
	{name: "restart", want: "kept", script: again + `docker restart -t 0 $N >/dev/null; ` + stays, byHand: "writes"},
	{name: "/tmp over a restart", want: "kept", script: runs + `$I sh -c 'test -e /tmp/f && echo kept >/seen; echo x >/tmp/f; sleep 1000' >/dev/null; until docker exec $N test -s /tmp/f; do sleep 0.1; done; docker stop -t 0 $N >/dev/null; docker start $N >/dev/null; ` + stays, named: "tmp", byHand: "tmp"},
	{name: "exec", want: "1000\n1001\n/etc\n1\n7", script: idle + `docker exec -e X=1 -u 1000:1001 -w /etc $N sh -c 'id -u; id -g; pwd; echo $X; exit 7'; echo $?`},
	{name: "logs", want: "err\nout", script: runs + `$I sh -c 'echo out; echo err >&2' >/dev/null; docker wait $N >/dev/null; docker logs $N 2>&1 | sort`},
	{name: "attach", want: "said", script: `echo said | docker run -i --rm --name $N --runtime=$R $I cat`},
	{name: "exit code", want: "42", script: runs + `$I sh -c 'exit 42' >/dev/null; docker wait $N`},
	{name: "kill with a signal", want: "3\ngot", script: runs + `$I sh -c 'trap "echo got; exit 3" USR1; echo ready; while :; do sleep 0.1; done' >/dev/null; until docker logs $N | grep -q ready; do sleep 0.1; done; docker kill -s USR1 $N >/dev/null; docker wait $N; docker logs $N | grep got`},
	{name: "stats", want: "it", script: idle + `docker stats --no-stream --format '{{.Name}}' $N | sed "s/$N/it/"`},
	{name: "top", want: "1", script: idle + `docker top $N -o pid,args | grep -c 'sleep 1000'`, named: "`docker top`"},
	{name: "pause", want: "paused\nagain", script: idle + `docker pause $N >/dev/null; docker inspect -f '{{.State.Status}}' $N; docker unpause $N >/dev/null; docker exec $N echo again`},
	{name: "health check", want: "healthy", script: runs + `--health-cmd 'test -e /etc/passwd' --health-interval 1s $I sleep 1000 >/dev/null; for i in $(seq 100); do s=$(docker inspect -f '{{.State.Health.Status}}' $N); [ $s = starting ] || break; sleep 0.2; done; echo $s`},
	{name: "restart policy", want: "2 exited", script: runs + `--restart on-failure:2 $I sh -c 'exit 1' >/dev/null; for i in $(seq 100); do n=$(docker inspect -f '{{.RestartCount}} {{.State.Status}}' $N); [ "$n" = '2 exited' ] && break; sleep 0.2; done; echo $n`},
	{name: "volume", want: "5 6 5", script: `docker run --rm --runtime=$R -v $N:/v $I sh -c 'echo kept >/v/file; chown 5:6 /v/file'; docker run --rm --runtime=$R -v $N:/v $I stat -c '%u %g %s' /v/file; docker volume rm $N >/dev/null`},
	{name: "bind mount", want: "host\nread-only", script: `mkdir -p /root/bind; echo host >/root/bind/file; docker run --rm --name $N --runtime=$R -v /root/bind:/b:ro $I sh -c 'cat /b/file; echo x 2>/dev/null >/b/file || echo read-only'`},
	{name: "tmpfs", want: "x\nfull", script: runs + `--tmpfs /t:size=1m $I sleep 1000 >/dev/null; docker exec $N sh -c 'echo x >/t/x; cat /t/x; dd if=/dev/zero of=/t/big bs=1M count=2 2>/dev/null || echo full'; docker diff $N | grep /t/x`},
	{name: "read-only root", want: "read-only", script: `docker run --rm --name $N --runtime=$R --read-only $I sh -c 'echo x 2>/dev/null >/x || echo read-only'`},
	{name: "user", want: "1000\n1001", script: `docker run --rm --name $N --runtime=$R -u 1000:1001 $I sh -c 'id -u; id -g'`},
	{name: "init", want: "docker-init", script: `docker run --rm --name $N --runtime=$R --init $I cat /proc/1/comm`},
	{name: "working directory, host name, environment", want: "/etc\nbox\nb", script: `docker run --rm --name $N --runtime=$R -w /etc -h box -e A=b $I sh -c 'pwd; hostname; echo $A'`},
	{name: "ulimit", want: "123\n456", script: `docker run --rm --name $N --runtime=$R --ulimit nofile=123:456 $I sh -c 'ulimit -n; ulimit -Hn'`},
	{name: "shm-size", want: "full", script: `docker run --rm --name $N --runtime=$R --shm-size 2m $I sh -c 'dd if=/dev/zero of=/dev/shm/x bs=1M count=3 2>/dev/null || echo full'`},
	{name: "cap-drop", want: "refused", script: `docker run --rm --name $N --runtime=$R --cap-drop CHOWN $I sh -c 'chown 1 /etc/passwd 2>/dev/null || echo refused'`},
	{name: "no-new-privileges", want: "1", script: `docker run --rm --name $N --runtime=$R --security-opt no-new-privileges $I sh -c 'grep NoNewPrivs /proc/self/status | cut -f2'`},
	{name: "published port", want: "served", script: runs + `-p 127.0.0.1::80 $I sh -c 'while :; do echo served | nc -l -p 80; done' >/dev/null; p=$(docker port $N 80 | sed 's/.*://'); for i in $(seq 50); do s=$(timeout 2 bash -c "cat </dev/tcp/127.0.0.1/$p" 2>/dev/null); [ -n "$s" ] && break; sleep 0.1; done; echo $s`},
	{name: "links", want: "1", script: idle + `docker run --rm --runtime=$R --link $N:other $I sh -c 'grep -c other /etc/hosts' 2>/dev/null`},
	{name: "names of containers", want: "1", script: `docker network create net$N >/dev/null; ` + runs + `--network net$N $I sleep 1000 >/dev/null; docker run --rm --runtime=$R --network net$N $I timeout 5 nslookup $N 2>/dev/null | grep -c "^Name:"; docker rm -f $N >/dev/null; docker network rm net$N >/dev/null`, named: "names"},
	{name: "no network", want: "1", script: `docker run --rm --name $N --runtime=$R --network none $I sh -c 'ip addr | grep -c "inet "'`},
	{name: "the host's pids", want: "1", script: `docker run --rm --name $N --runtime=$R --pid host $I sh -c 'grep -l dockerd /proc/[0-9]*/comm 2>/dev/null | wc -l'`, named: "host-pid"},
	{name: "sysctl", want: "77", script: `docker run --rm --name $N --runtime=$R --sysctl net.ipv4.ip_unprivileged_port_start=77 $I cat /proc/sys/net/ipv4/ip_unprivileged_port_start 2>&1`, named: "sysctls"},
	{name: "ping", want: "0", script: `docker run --rm --name $N --runtime=$R $I sh -c 'ping -c 1 -W 2 127.0.0.1 >/dev/null 2>&1; echo $?'`, named: "raw-sockets"},
	{name: "a socket of the host", want: "1", script: `docker run --rm --name $N --runtime=$R -e DOCKER_HOST=unix:///run/docker.sock -v /run/docker.sock:/run/docker.sock -v $(command -v docker):/docker:ro -v /lib:/lib:ro -v /lib64:/lib64:ro -v /usr/lib:/usr/lib:ro $I /docker version -f "{{.Server.Os}}" 2>/dev/null | grep -c linux`, named: "sockets"},
	{name: "a GPU", want: "refused", script: `docker run --rm --name $N --runtime=$R --gpus all $I true 2>&1 | grep -qE "could not select device driver|no known GPU vendor" && echo refused`},
	{name: "a device of another name", want: "there", script: `docker run --rm --name $N --runtime=$R --device /dev/zero:/dev/of-the-host $I sh -c 'test -e /dev/of-the-host && echo there'`, named: "devices"},
	{name: "file capabilities", want: "0000000000000400", script: withCapability(`00040000`)},
	{name: "the file capability NET_RAW", want: "0000000000002000", script: withCapability(`00200000`), named: "raw-sockets"},
	{name: "update", want: "updated\n0", script: idle + `docker update --restart no $N >/dev/null && echo updated; docker update --cpu-shares 512 $N >/dev/null 2>&1; echo $?`, named: "update"},
	{name: "memory limit, which dockerd drops without a controller", want: "0", script: `docker create --name $N --runtime=$R -m 64m $I true >/dev/null 2>&1; docker inspect -f '{{.HostConfig.Memory}}' $N`},
	{name: "build, classic", want: "4", script: `printf 'FROM %s\nRUN echo made >/made\nRUN cat /made /etc/passwd >/both\n' $I >/root/Dockerfile.$N; DOCKER_BUILDKIT=0 docker build -q --no-cache -t made:$N - </root/Dockerfile.$N >/dev/null 2>&1; docker run --rm --runtime=runc made:$N cat /made /both | wc -l; docker rmi -f made:$N >/dev/null 2>&1`, byHand: "writes"},
	{name: "build, BuildKit", want: "4", script: `printf 'FROM %s\nRUN echo made >/made\nRUN cat /made /etc/passwd >/both\n' $I >/root/Dockerfile.$N; DOCKER_BUILDKIT=1 docker build -q --no-cache -t made:$N - </root/Dockerfile.$N >/dev/null 2>&1; docker run --rm --runtime=runc made:$N cat /made /both | wc -l; docker rmi -f made:$N >/dev/null 2>&1`},
}

// withCapability is a script that runs a program with a file capability, as another user than root. set is the lower half of
// its permitted set, as the file has it (VFS_CAP_REVISION_2, linux/capability.h).
func withCapability(set string) string {
	return `mkdir -p /root/$N/bin; docker create --name c$N $I true >/dev/null; docker cp c$N:/bin/busybox /root/$N/bin >/dev/null 2>&1; docker rm c$N >/dev/null; ` +
		`setfattr -n security.capability -v 0x01000002` + set + `000000000000000000000000 /root/$N/bin/busybox; tar -C /root/$N --xattrs --xattrs-include='*' -c . | docker import - cap:$N >/dev/null; ` +
		`docker run --rm --name $N --runtime=$R -u 1000 cap:$N /bin/busybox grep CapEff /proc/self/status 2>&1 | cut -f2; docker rmi cap:$N >/dev/null`
}

// observe prints what is seen of a behaviour with a runtime.
func (b behaviour) observe(h host, runtime string, n int) string {
	name := fmt.Sprintf("s%d%s", n, runtime)
	r, err := h.Run(h.t.Context(), "bash", "-c", fmt.Sprintf("export R=%s I=%s N=%s; exec 2>&1; %s; docker rm -f %s >/dev/null 2>&1; true", runtime, lab.Image, name, b.script, name))
	if err != nil {
		h.t.Fatal(err)
	}
	return strings.ReplaceAll(strings.TrimSpace(r.Stdout), name, "it")
}

// isNamed reports whether users can read about a difference: in plan's list or, for what nothing tells of a container, in
// docs/what-changes.md.
func isNamed(t *testing.T, named string) bool {
	t.Helper()
	page, err := os.ReadFile("../../docs/what-changes.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := slices.ContainsFunc(difference.Table(), func(r difference.Row) bool { return string(r.Feature) == named })
	return listed && strings.Contains(string(page), "`"+named+"`") || strings.Contains(string(page), "| "+named+" ")
}

// What Docker's commands mean under gVisor is what they mean under runc, or the difference is named. `make semantics`
// prints the table.
func TestSemantics(t *testing.T) {
	if os.Getenv(semanticsEnv) == "" {
		t.Skip("make semantics runs it")
	}
	var engines []lab.Engine
	for _, e := range lab.Engines() {
		if !e.Built() || os.Getenv(semanticsEnv) == "all" && e.Name == lab.Newest {
			engines = append(engines, e)
		}
	}
	for _, e := range engines {
		t.Run(e.Name, func(t *testing.T) {
			o := lab.Options{Suite: e.Suites[0], Name: "semantics-" + strings.ReplaceAll(e.Name, ".", ""), Buildx: true}
			if e.Built() {
				o.Engine = e.Name
			}
			h := host{lab.ForTest(t, o), t}
			h.run("runsc-provisioner apply --builds --allow-restart")
			h.registerByHand()
			table := fmt.Sprintf("Docker %s\n%-60s %-30s %s\n", h.run("docker version -f '{{.Server.Version}}'"), "WHAT", "RUNSC BY US", "RUNSC BY HAND")
			for i, b := range behaviours {
				t.Run(b.name, func(t *testing.T) { table += b.compare(host{h.Host, t}, i) })
			}
			t.Log("\n" + table)
		})
	}
}

// compare is the row of a behaviour. A difference that nothing names is an error.
func (b behaviour) compare(h host, i int) string {
	h.t.Helper()
	runc := b.asDefault(h, "runc", i)
	if runc != b.want {
		h.t.Errorf("under runc: got %q, want %q", runc, b.want)
	}
	var cells []any
	for _, runtime := range []string{"runsc", byHand} {
		named := b.named
		if runtime == byHand && b.byHand != "" {
			named = b.byHand
		}
		got := b.asDefault(h, runtime, i)
		switch {
		case got == runc:
			cells = append(cells, "same")
		case named != "" && isNamed(h.t, named):
			cells = append(cells, "differs, named as "+named)
		default:
			cells = append(cells, "DIFFERS IN SILENCE")
			h.t.Errorf("under %s: got %q, want %q as with runc", runtime, got, runc)
		}
	}
	return fmt.Sprintf("%-60s %-30s %s\n", append([]any{b.name}, cells...)...)
}

// asDefault is observe, for a build with the runtime as the default one.
func (b behaviour) asDefault(h host, runtime string, n int) string {
	if !strings.Contains(b.script, "docker build") {
		return b.observe(h, runtime, n)
	}
	h.run(`sed -i 's/"default-runtime": "[a-z]*"/"default-runtime": "` + runtime + `"/' ` + daemonJSON + " && systemctl reload docker && until docker info -f '{{.DefaultRuntime}}' | grep -qx " + runtime + "; do sleep 0.1; done")
	return b.observe(h, runtime, n)
}

// registerByHand adds the runtime byHand, and names a default runtime, which builds change.
func (h host) registerByHand() {
	h.t.Helper()
	h.run(`sed -i 's#"runtimes": {#"default-runtime": "runc", "runtimes": {"` + byHand + `": {"path": "` + link + `", "runtimeArgs": ["--ignore-cgroups"]},#' ` + daemonJSON +
		" && systemctl reload docker && until docker info -f '{{json .Runtimes}}' | grep -q " + byHand + "; do sleep 0.1; done")
}
