package e2e

import (
	"strings"

	"runsc-provisioner/test/lab"
)

// A promise is tried on a host after those before it, and leaves the host as the next one expects it: runsc is
// the default runtime, and the release is older until the promise "upgrade".
type promise struct {
	name string
	what string // what is seen, for readers
	keep func(h host, v variant) cell
}

var ok = cell{State: works}

var promises = []promise{
	{"apply", "`apply --default-runtime` ends with exit code 0, and a container runs on gVisor's kernel", keepApply},
	{"remap", "`apply --userns-remap` ends with 0, and a sandbox's root is another user on the host", keepRemap},
	{"again", "a second `apply` has nothing to do: no write, no reload", keepAgain},
	{"proof", "`prove` ends with 0", keepProof},
	{"writes", "docker cp, diff, export and commit see what a container wrote, and so does its next start", keepWrites},
	{"build", "an image of the classic builder has what RUN wrote; RUN is in a sandbox", keepClassicBuild},
	{"BuildKit", "an image of BuildKit has what RUN wrote; RUN is on the host's kernel", keepBuildKit},
	{"verify", "`verify` tells a sandbox, a container of runc and a forged sandbox apart", keepVerify},
	{"rollback", "a release that Docker cannot start is rolled back: exit code 3, daemon.json and dockerd as before", keepRollback},
	{"upgrade", "a running sandbox outlives an upgrade under its own release, and new ones have the new release", keepUpgrade},
	{"drift", "the daemon repairs a daemon.json that lost the default runtime, and dockerd follows", keepDrift},
	{"default off", "`apply --default-runtime=off` ends with 0, and new containers run on the host's kernel", keepDefaultOff},
	{"remap off", "`apply --userns-remap=off` ends with 0, and the earlier images and containers are back", keepRemapOff},
	{"uninstall", "`uninstall --purge` ends with 0: daemon.json has the bytes from before the first `apply`, Docker was not restarted, and nothing is left", keepUninstall},
}

const defaultRuntime = "docker info -f '{{.DefaultRuntime}}'"

// want checks what a command prints.
func (h host) want(want, command string) {
	h.t.Helper()
	if got := h.run(command); got != want {
		h.t.Errorf("%s: got %q, want %q", command, got, want)
	}
}

func keepApply(h host, _ variant) cell {
	h.run("cat " + daemonJSON + " >/root/before.json || rm /root/before.json")
	h.run("docker run --name before --runtime=runc " + lab.Image + " true")
	h.run("runsc-provisioner apply --default-runtime --release " + older)
	h.want("runsc", defaultRuntime)
	h.run("docker run --rm " + lab.Image + " uname -r | grep gvisor")
	return ok
}

func keepRemap(h host, v variant) cell {
	if !v.remap {
		return cell{State: notApplicable}
	}
	if v.store == lab.Containerd && v.engine.Name != lab.Newest {
		before := h.snapshot()
		says(h.t, h.exit(78, "runsc-provisioner apply --once --userns-remap --allow-hidden-data"), "containerd-snapshotter")
		h.untouched(before)
		return cell{heldBack, "no image builds by BuildKit with userns-remap and containerd's store"}
	}
	h.run("runsc-provisioner apply --userns-remap --allow-hidden-data")
	h.loadImage()
	h.run("docker run -d --name remapped " + lab.Image + " sleep 1000")
	h.want("0 100000 65536;100000;", uidsOf("runsc-[s]andbox"))
	h.run("docker rm -f remapped")
	if v.store == lab.Containerd {
		return cell{works, "with userns-remap, dockerd goes back to the graph driver"}
	}
	return ok
}

func keepAgain(h host, _ variant) cell {
	before := h.snapshot()
	h.run("runsc-provisioner plan --detailed-exitcode; runsc-provisioner apply")
	h.untouched(before)
	return ok
}

func keepProof(h host, _ variant) cell {
	h.run("runsc-provisioner prove")
	return ok
}

func keepWrites(h host, _ variant) cell {
	h.run("docker run --name writer " + lab.Image + " sh -c 'cat /written 2>/dev/null; echo one >/written; rm -f /etc/passwd'")
	h.want("one", "docker cp writer:/written - | tar xO")
	h.want("A /written\nC /etc\nD /etc/passwd", "docker diff writer | sort")
	h.want("written", "docker export writer | tar t | grep -x written")
	h.run("docker commit writer written:lab")
	h.want("one\nno passwd", "docker run --rm written:lab sh -c 'cat /written; test -e /etc/passwd || echo no passwd'")
	h.want("one", "docker start -a writer")
	h.run("docker rm writer; docker rmi written:lab")
	return ok
}

// builds builds an image whose RUN writes the kernel that it sees, and gives that.
func (h host) builds(command string) string {
	h.t.Helper()
	h.run("mkdir -p /tmp/build; printf 'FROM " + lab.Image + `\nRUN echo built >/file; uname -r >/kernel\n' >/tmp/build/Dockerfile; ` + command + " --no-cache -t built:lab /tmp/build")
	h.want("built", "docker run --rm built:lab cat /file")
	kernel := h.run("docker run --rm built:lab cat /kernel")
	h.run("docker rmi built:lab")
	return kernel
}

func keepClassicBuild(h host, _ variant) cell {
	if kernel := h.builds("DOCKER_BUILDKIT=0 docker build"); !strings.Contains(kernel, "gvisor") {
		h.t.Errorf("got RUN on kernel %s, want gVisor's: the default runtime builds", kernel)
	}
	return ok
}

func keepBuildKit(h host, _ variant) cell {
	if kernel := h.builds("DOCKER_BUILDKIT=1 docker build"); kernel != h.run("uname -r") {
		h.t.Errorf("got RUN on kernel %s, want the host's", kernel)
	}
	return ok
}

func keepVerify(h host, _ variant) cell {
	h.run("docker run -d --name boxed " + lab.Image + " sleep 1000; docker run -d --name plain --runtime=runc " + lab.Image + " sleep 1000")
	h.run(forgery("forged", "runc", store+"/"+older))
	r, err := h.Run(h.t.Context(), "runsc-provisioner", "verify", "--format", "json")
	if err != nil {
		h.t.Fatal(err)
	}
	seen := parse(h.t, r.Stdout)
	for name, want := range map[string]string{"boxed": "sandboxed", "plain": "not sandboxed", "forged": "not sandboxed"} {
		if state, _ := seen.container(h.t, name); state != want {
			h.t.Errorf("%s: got %s, want %s", name, state, want)
		}
	}
	h.run("docker rm -f boxed plain forged")
	return ok
}

// A file in the place of the runtime's directory lets the proof outside Docker pass, and no container start.
func keepRollback(h host, _ variant) cell {
	before, start := h.read(daemonJSON), h.run("systemctl show -p InvocationID docker")
	h.run("mv /run/docker/runtime-runc /run/docker/away; touch /run/docker/runtime-runc")
	r, err := h.Run(h.t.Context(), "runsc-provisioner", "apply", "--once", "--release", newer)
	h.run("rm /run/docker/runtime-runc; mv /run/docker/away /run/docker/runtime-runc")
	if err != nil || r.Code != 3 {
		h.t.Fatalf("got %v, %v, want exit code 3", r, err)
	}
	if got := h.read(daemonJSON); got != before {
		h.t.Errorf("got daemon.json %s, want %s", got, before)
	}
	h.want(start, "systemctl show -p InvocationID docker")
	h.want(store+"/"+older+"/runsc", "docker info -f '{{(index .Runtimes \"runsc\").Path}}'")
	h.run("docker run --rm " + lab.Image + " uname -r | grep gvisor")
	h.settled()
	return ok
}

func keepUpgrade(h host, _ variant) cell {
	h.run("docker run -d --name old " + lab.Image + " sleep 1000")
	const state = "docker inspect -f '{{.State.StartedAt}} {{.State.Pid}}' old; docker exec old uname -r"
	before := h.run(state)
	h.run("runsc-provisioner apply --release " + newer)
	h.want(before, state)
	h.run("docker run -d --name new " + lab.Image + " sleep 1000")
	r, err := h.Run(h.t.Context(), "runsc-provisioner", "verify", "--format", "json")
	if err != nil {
		h.t.Fatal(err)
	}
	seen := parse(h.t, r.Stdout)
	for name, want := range map[string]string{"old": older, "new": newer} {
		if state, release := seen.container(h.t, name); state != "sandboxed" || release != want {
			h.t.Errorf("%s: got %s, %s, want sandboxed, %s", name, state, release, want)
		}
	}
	h.run("docker rm -f old new")
	return ok
}

func keepDrift(h host, _ variant) cell {
	h.run("systemctl start runsc-provisioner")
	h.enforced()
	was := h.read(daemonJSON)
	h.repaired(`sed -i 's/"default-runtime": "runsc"/"default-runtime": "runc"/' `+daemonJSON+"; systemctl reload docker", "default-runtime")
	h.want("runsc", defaultRuntime)
	if got := h.read(daemonJSON); got != was {
		h.t.Errorf("got daemon.json %s, want %s", got, was)
	}
	h.run("systemctl stop runsc-provisioner")
	return ok
}

func keepDefaultOff(h host, _ variant) cell {
	h.run("runsc-provisioner apply --default-runtime=off")
	h.want("runc", defaultRuntime)
	h.run("docker run --rm --runtime=runsc " + lab.Image + " uname -r | grep gvisor; ! docker run --rm " + lab.Image + " uname -r | grep gvisor")
	return ok
}

func keepRemapOff(h host, v variant) cell {
	if !v.remap {
		return cell{State: notApplicable}
	}
	h.run("runsc-provisioner apply --userns-remap=off --allow-hidden-data")
	h.want("before", "docker ps -a --format '{{.Names}}' --filter name=before")
	h.run("docker run --rm --runtime=runsc " + lab.Image + " uname -r | grep gvisor")
	h.want("0", "docker info -f '{{.SecurityOptions}}' | grep -c userns || true")
	return ok
}

func keepUninstall(h host, _ variant) cell {
	h.run("systemctl enable --now runsc-provisioner; docker rm -f $(docker ps -aq) >/dev/null")
	h.enforced()
	h.uninstalled("--purge")
	h.nothingLeft()
	return ok
}
