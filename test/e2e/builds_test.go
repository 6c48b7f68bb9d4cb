package e2e

import (
	"archive/tar"
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/status"
	"runsc-provisioner/test/lab"
)

// buildkitFiles are Dockerfiles whose images must be the same, layer for layer, in gVisor as with runc.
var buildkitFiles = map[string]string{
	"owners": `FROM ` + lab.Image + `
RUN mkdir -p /o/in && echo x >/o/in/file && chown -R 1000:1001 /o && chmod 4755 /o/in/file && chmod 2770 /o/in
RUN chown 5:6 /o/in/file && chmod 1777 /o
`,
	"links": `FROM ` + lab.Image + `
RUN mkdir /l && cd /l && echo x >a && ln a b && ln -s a c && ln -s /nowhere d && ln -s ../l e
RUN cd /l && echo more >>b && ln b g && rm a && mv c h
`,
	"deletions": `FROM ` + lab.Image + `
RUN mkdir -p /d/one/two && echo x >/d/one/two/three && echo y >/d/file
RUN rm -r /d/one && rm /d/file && mkdir /d/one && rm /etc/passwd
RUN rm -r /d
`,
	"tmp": `FROM ` + lab.Image + `
RUN echo one >/tmp/one && cat /tmp/one >/first && mkdir /tmp/dir
RUN cat /tmp/one >/second; echo two >/tmp/two; chmod 700 /tmp; mv /tmp/dir /moved
`,
	"no tmp": `FROM ` + lab.Image + ` AS from
FROM scratch
COPY --from=from /bin /bin
RUN echo one >/one
RUN mkdir -p /tmp && echo two >/tmp/two
`,
	"tmp is a link": `FROM ` + lab.Image + ` AS from
FROM scratch
COPY --from=from /bin /bin
COPY --from=from /etc /etc
COPY link /
RUN echo x >/tmp/x; ls /tmp | sort >/list
`,
	"stages": `FROM ` + lab.Image + ` AS one
RUN echo made >/made && chmod 640 /made && chown 3:4 /made
FROM ` + lab.Image + `
COPY --from=one /made /taken
RUN cat /taken >/copied
`,
	"mounts": `FROM ` + lab.Image + `
RUN --mount=type=secret,id=word cat /run/secrets/word >/word
RUN --mount=type=cache,target=/cache echo kept >>/cache/file && wc -l </cache/file >/lines
RUN --mount=type=cache,target=/cache echo kept >>/cache/file && wc -l </cache/file >/lines2
RUN --mount=type=tmpfs,target=/tmp echo gone >/tmp/gone
RUN --mount=type=tmpfs,target=/tmp/below echo gone >/tmp/below/gone && echo kept >/tmp/kept
RUN --mount=type=bind,from=` + lab.Image + `,target=/there ls /there | sort >/there.txt
`,
	"user": `FROM ` + lab.Image + `
RUN mkdir -p /home/user && chown 1000:1001 /home/user
WORKDIR /home/user
USER 1000:1001
RUN id -u >who && umask 077 && mkdir own && echo mine >own/file
WORKDIR made/by/buildkit
RUN pwd >../where
`,
	"no network": `FROM ` + lab.Image + `
RUN --network=none ip link | grep -c eth0 >/none; true
`,
}

// savedLayers are the layers of an image, the lowest first.
func (h host) savedLayers(image string) []fileTree {
	h.t.Helper()
	h.run("docker save -o /root/saved.tar " + image)
	defer os.Remove(h.Path("/root/saved.tar"))
	f, err := os.Open(h.Path("/root/saved.tar"))
	if err != nil {
		h.t.Fatal(err)
	}
	defer f.Close()
	var manifest []struct{ Layers []string }
	trees, links := map[string]fileTree{}, map[string]string{}
	for archive := tar.NewReader(f); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		content := bufio.NewReader(archive)
		start, _ := content.Peek(262)
		switch {
		case err != nil:
		case header.Name == "manifest.json":
			err = json.NewDecoder(content).Decode(&manifest)
		case header.Typeflag == tar.TypeSymlink: // 20.10: a layer that is there already
			links[header.Name] = strings.TrimPrefix(header.Linkname, "../")
		case bytes.HasSuffix(start, []byte("ustar")), bytes.HasPrefix(start, make([]byte, 100)): // the latter: an empty archive
			trees[header.Name], err = readTar(content)
		case bytes.HasPrefix(start, []byte("\x1f\x8b")): // containerd's image store
			var unpacked io.Reader
			if unpacked, err = gzip.NewReader(content); err == nil {
				trees[header.Name], err = readTar(unpacked)
			}
		}
		if err != nil {
			h.t.Fatal(err)
		}
	}
	var layers []fileTree
	for _, name := range manifest[0].Layers {
		tree, found := trees[cmp.Or(links[name], name)]
		if !found {
			h.t.Fatalf("layer %s of %s is not in the archive, or is no archive itself", name, image)
		}
		layers = append(layers, tree)
	}
	return layers
}

// inSandbox switches builds to gVisor, and outside back.
const (
	inSandbox  = "runsc-provisioner apply --builds --allow-restart"
	outsideAny = "runsc-provisioner apply --builds=runc --allow-restart"
)

// dockersUnit is everything that systemd has for docker.service, and what decides in dockerd's environment.
const dockersUnit = "systemctl cat docker.service; ls -A /etc/systemd/system/docker.service.d 2>&1; systemctl show -p DropInPaths -p Environment docker.service; " +
	"tr '\\0' '\\n' </proc/$(systemctl show -P MainPID docker.service)/environ | grep -E '^(PATH|DOCKER)'"

// dockerfile puts a Dockerfile into the host.
func (h host) dockerfile(name, text string) {
	h.t.Helper()
	if err := os.WriteFile(h.Path("/root/builds/"+name), []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// prepareBuilds puts Dockerfiles and their context into the host.
func (h host) prepareBuilds() {
	h.t.Helper()
	h.run("mkdir -p /root/builds /root/context/link && ln -s etc /root/context/link/tmp && mkdir -p /root/context/empty/var/tmp && ln -s var/tmp /root/context/empty/tmp && echo hush >/root/word")
	for name, text := range buildkitFiles {
		h.dockerfile(name, text)
	}
	_, key, err := ed25519.GenerateKey(nil)
	var encoded []byte
	if err == nil {
		encoded, err = x509.MarshalPKCS8PrivateKey(key)
	}
	if err == nil {
		err = os.WriteFile(h.Path("/root/key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}), 0o600)
	}
	if err == nil {
		err = os.WriteFile(h.Path("/root/context/writer"), writerProgram(h.t), 0o755)
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

// build builds by BuildKit.
func (h host) build(name, options string) lab.Result {
	h.t.Helper()
	r, err := h.Run(h.t.Context(), "sh", "-c", fmt.Sprintf("DOCKER_BUILDKIT=1 docker build --progress=plain --no-cache %s -f /root/builds/%q /root/context", options, name))
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

// buildAll builds all of the files, and gives the layers of each image.
func (h host) buildAll(tag string, skip func(name string) bool) map[string][]fileTree {
	h.t.Helper()
	seen := map[string][]fileTree{}
	for name := range buildkitFiles {
		if skip(name) {
			continue
		}
		image := "built:" + tag + "-" + strings.ReplaceAll(name, " ", "-")
		if r := h.build(name, "--secret id=word,src=/root/word -t "+image); r.Code != 0 {
			h.t.Errorf("%s: %v", name, r)
			continue
		}
		seen[name] = h.savedLayers(image)
	}
	return seen
}

// sameLayers compares the layers of images. want are the differences from runc, by the name of the image and the number of
// the layer; usually there are none.
func sameLayers(t *testing.T, runc, other map[string][]fileTree, want map[string][]string) {
	t.Helper()
	for name := range runc {
		if len(runc[name]) != len(other[name]) {
			t.Errorf("%s: got %d layers, want %d", name, len(other[name]), len(runc[name]))
			continue
		}
		for i := range runc[name] {
			layer := fmt.Sprintf("%s, layer %d", name, i)
			t.Run(layer, func(t *testing.T) { differ(t, runc[name][i], other[name][i], want[layer]...) })
		}
	}
}

// Builds by BuildKit run in gVisor, with the same images as runc's, and outside it again. make matrix tries each Docker.
func TestBuilds_InSandboxAndOut(t *testing.T) {
	onEach(t, lab.Options{Buildx: true}, buildInSandboxAndOut)
	if os.Getenv(matrixEnv) != "1" {
		return
	}
	for _, e := range lab.Engines() {
		if e.Built() {
			t.Run(e.Name, func(t *testing.T) {
				buildInSandboxAndOut(t, boot(t, lab.Options{Buildx: true, Engine: e.Name, Suite: e.Suites[0], Files: allowInsecure}))
			})
		}
	}
}

// allowInsecure lets dockerd run steps with RUN --security=insecure, where it can.
var allowInsecure = map[string]lab.File{daemonJSON: {Content: `{"builder": {"entitlements": {"security-insecure": true}}}`}}

func buildInSandboxAndOut(t *testing.T, h host) {
	h.prepareBuilds()
	old := strings.HasPrefix(h.run("docker version -f '{{.Server.Version}}'"), "20.10.")
	// TestBuilds_Real builds many files.
	skip := func(name string) bool { return old && name == "no network" }
	runc := h.buildAll("runc", skip)
	h.run("runsc-provisioner apply")
	const kernelOfContainers = "docker run --rm " + lab.Image + " uname -r; docker info 2>/dev/null | grep 'runc version'"
	before, kernel := h.run(dockersUnit), h.run(kernelOfContainers)
	h.run("docker run -d --name runs " + lab.Image + " sleep 1000")
	if held := h.exit(4, "runsc-provisioner apply --builds"); !strings.Contains(held.Stdout, "--allow-restart") || h.run(dockersUnit) != before {
		t.Errorf("got %v, want a switch that is held, and docker.service as before", held)
	}
	t.Log(h.run(inSandbox))
	if second := h.run("runsc-provisioner apply"); !strings.Contains(second, "nothing to do") {
		t.Errorf("a second apply: got %s", second)
	}
	if v := h.verify(0); !slices.ContainsFunc(v.Host, func(i struct{ Name, Status, Seen string }) bool { return i.Name == "builds" && i.Status == "ok" }) {
		t.Errorf("verify: got %v, want builds ok", v.Host)
	}
	if proven := h.run("runsc-provisioner prove"); !strings.Contains(proven, "a step of docker build by BuildKit runs in a sandbox") {
		t.Errorf("prove: got %s", proven)
	}
	h.dockerfile("kernel", "FROM "+lab.Image+"\nRUN uname -r; ip addr show eth0; grep Cap /proc/self/status\n")
	if r := h.build("kernel", ""); r.Code != 0 || !strings.Contains(r.Stderr, "gvisor") || !strings.Contains(r.Stderr, "eth0") {
		t.Errorf("got %v, want gVisor's kernel and a network", r)
	}
	t.Run("limits", func(t *testing.T) { host{h.Host, t}.limitsOfBuilds(old) })
	t.Run("layers", func(t *testing.T) { sameLayers(t, runc, host{h.Host, t}.buildAll("runsc", skip), nil) })
	if got := h.run(kernelOfContainers); got != kernel {
		t.Errorf("containers: got %q, want %q", got, kernel)
	}

	t.Run("attacks", func(t *testing.T) { host{h.Host, t}.attackedBuilds() })
	t.Run("drift", func(t *testing.T) { host{h.Host, t}.driftOfBuilds() })

	h.run("systemctl reset-failed docker.service docker.socket") // systemd's start limit: a fast machine is here within a minute
	h.run(outsideAny)
	if after := h.run(dockersUnit); after != before {
		t.Errorf("docker.service after: got\n%s\nwant\n%s", after, before)
	}
	if got := h.run("ls " + store); strings.Contains(got, "builds") {
		t.Errorf("left in the store: %s", got)
	}
	if got := h.run("ls -d /run/runsc-builds 2>&1; grep runsc-builds /proc/mounts; true"); !strings.Contains(got, "No such file") || strings.Contains(got, "nsfs") {
		t.Errorf("left of the state of steps: %s", got)
	}
	if r := h.build("kernel", ""); r.Code != 0 || strings.Contains(r.Stderr, "gvisor") {
		t.Errorf("got %v, want the host's kernel", r)
	}
}

// attackedBuilds makes what root runs changeable, or not executable: verify must not call that a sandbox.
func (h host) attackedBuilds() {
	for attack, undo := range map[string]string{
		"chown 1234 $(dirname " + buildProgram + ")": "chown root $(dirname " + buildProgram + ")",
		"chmod 777 /usr/local/bin/runsc-provisioner": "chmod 755 /usr/local/bin/runsc-provisioner",
	} {
		h.run(attack)
		if v := h.exit(2, "runsc-provisioner verify"); !strings.Contains(v.Stdout, "critical") {
			h.t.Errorf("verify after %s: got %v", attack, v)
		}
		h.exit(78, "runsc-provisioner apply")
		h.run(undo)
	}
	// On 20.10 a step would run with Docker's runc: a search of PATH passes over what cannot be executed.
	h.run("chmod 644 " + buildProgram)
	if v := h.exit(2, "runsc-provisioner verify"); !strings.Contains(v.Stdout, "another mode") {
		h.t.Errorf("verify of a program that cannot be executed: got %v", v)
	}
	h.run("runsc-provisioner apply; test -x " + buildProgram)
	// Another place for releases: the program stays where dockerd has it, and names the release in the new place.
	h.run("echo '[paths]\nstore = \"/opt/gvisor\"' >/etc/runsc-provisioner/config.d/70-store.toml; runsc-provisioner apply --allow-restart; grep /opt/gvisor " + buildProgram)
	if r := h.build("kernel", ""); r.Code != 0 || !strings.Contains(r.Stderr, "gvisor") {
		h.t.Errorf("a build after another store: got %v", r)
	}
	h.run("rm /etc/runsc-provisioner/config.d/70-store.toml; runsc-provisioner apply --give-up --allow-restart; runsc-provisioner apply --allow-restart; runsc-provisioner verify")
	// Without Docker, nothing differs.
	h.run("systemctl stop docker docker.socket")
	if got := h.run("runsc-provisioner verify | grep '^builds'"); !strings.Contains(got, "ok") {
		h.t.Errorf("verify without Docker: got %s", got)
	}
	h.run("systemctl start docker.socket docker; until docker info >/dev/null 2>&1; do sleep 0.1; done")
}

const (
	buildDropIn  = "/etc/systemd/system/docker.service.d/50-runsc-provisioner-builds.conf"
	buildProgram = store + "/builds/runc"
)

// driftOfBuilds has the daemon repair the files of builds.
func (h host) driftOfBuilds() {
	h.t.Helper()
	dropIn, program := h.read(buildDropIn), h.read(buildProgram)
	h.run("systemctl start runsc-provisioner")
	if s := h.awaits("enforced", func(s status.Status) bool { return s.State == status.StateEnforced }); !strings.Contains(s.Line, "builds runsc") {
		h.t.Errorf("status: got %s", s.Line)
	}
	// A fifth would be one too many: it is then contested. The daemon is quick enough to put a file back during rm -r. Other
	// files beside the drop-in are not ours.
	for _, drift := range []string{"echo '#!/bin/sh' >" + buildProgram, "mv $(dirname " + buildProgram + ") $(mktemp -d)", "echo >>" + buildDropIn, "rm " + buildDropIn + "; rmdir --ignore-fail-on-non-empty $(dirname " + buildDropIn + ")"} {
		// A repair is over when it is proven. The end of the daemon in the middle undoes it.
		before := h.status().Counts.Repairs[config.ItemBuilds]
		h.run(drift)
		h.awaits("repaired after "+drift, func(s status.Status) bool {
			return s.State == status.StateEnforced && s.Counts.Repairs[config.ItemBuilds] > before
		})
	}
	h.run("systemctl stop runsc-provisioner")
	if h.read(buildDropIn) != dropIn || h.read(buildProgram) != program {
		h.t.Error("the files of builds are not as they were")
	}
}

// With userns-remap, the step's sandbox has the ids of the remapped user, and the layers are the same.
func TestBuilds_Remapped(t *testing.T) {
	onEach(t, lab.Options{Buildx: true}, func(t *testing.T, h host) {
		h.prepareBuilds()
		old := strings.HasPrefix(h.run("docker version -f '{{.Server.Version}}'"), "20.10.")
		skip := func(name string) bool { return old && name == "no network" }
		h.run(switchOn + " --allow-restart")
		h.loadImage()
		runc := h.buildAll("runc", skip)
		t.Log(h.run(inSandbox))
		sameLayers(t, runc, h.buildAll("runsc", skip), nil)
		h.dockerfile("kernel", "FROM "+lab.Image+"\nRUN uname -r; cat /proc/self/uid_map\n")
		if r := h.build("kernel", ""); r.Code != 0 || !strings.Contains(r.Stderr, "gvisor") {
			t.Errorf("got %v, want gVisor's kernel", r)
		}
	})
}

// limitsOfBuilds checks what steps of builds do differently, or must not do differently.
func (h host) limitsOfBuilds(old bool) {
	h.dockerfile("fails", "FROM "+lab.Image+"\nRUN echo said; exit 7\n")
	if r := h.build("fails", ""); r.Code != 1 || !strings.Contains(r.Stderr, "exit code: 7") || !strings.Contains(r.Stderr, " said\n") {
		h.t.Errorf("a step that fails: got %v", r)
	}
	if !old { // 20.10 knows no RUN --network
		h.dockerfile("hostnet", "FROM "+lab.Image+"\nRUN --network=host uname -r; ip addr show docker0\n")
		if r := h.build("hostnet", "--allow network.host"); r.Code != 0 || !strings.Contains(r.Stderr, "gvisor") || !strings.Contains(r.Stderr, "inet 172.17.0.1") {
			h.t.Errorf("the host's network: got %v", r)
		}
	}
	if h.run("docker version -f '{{.Server.Version}}'") == lab.NewestVersion { // its own front end knows RUN --security
		h.dockerfile("insecure", "FROM "+lab.Image+"\nRUN --security=insecure touch /ran\n")
		if r := h.build("insecure", "--allow security.insecure"); r.Code == 0 || !strings.Contains(r.Stderr, "this step was not run: RUN --security=insecure") {
			h.t.Errorf("an insecure step: got %v", r)
		}
	}
	h.dockerfile("ssh", "FROM "+lab.Image+"\nCOPY writer /bin/\nRUN --mount=type=ssh writer agent $SSH_AUTH_SOCK && uname -r\n")
	if r := h.build("ssh", "--ssh default=/root/key"); r.Code != 0 || !strings.Contains(r.Stderr, "keys: 1") || !strings.Contains(r.Stderr, "gvisor") {
		h.t.Errorf("an ssh agent: got %v", r)
	}
	h.dockerfile("hostnet-all", "FROM "+lab.Image+"\nRUN uname -r; ip addr show docker0\n")
	if r := h.build("hostnet-all", "--network=host"); r.Code != 0 || !strings.Contains(r.Stderr, "gvisor") || !strings.Contains(r.Stderr, "inet 172.17.0.1") {
		h.t.Errorf("the host's network for all steps: got %v", r)
	}
	if got := h.run("ip -4 -o addr show docker0"); !strings.Contains(got, "172.17.0.1") {
		h.t.Errorf("docker0 after that: got %q, want its address", got)
	}
	h.dockerfile("fifo", "FROM "+lab.Image+"\nRUN mkdir /f && mkfifo /f/fifo && echo x >/f/file\n")
	if r := h.build("fifo", "-t built:fifo"); r.Code != 0 {
		h.t.Errorf("a named pipe: got %v", r)
	} else if layers := h.savedLayers("built:fifo"); layers[len(layers)-1]["f/file"] == "" || layers[len(layers)-1]["f/fifo"] != "" {
		h.t.Errorf("a named pipe: got %v; docs/builds.md says that it is not in the layer", layers[len(layers)-1])
	}
	h.dockerfile("empty", "FROM "+lab.Image+" AS from\nFROM scratch\nCOPY --from=from /bin /bin\nCOPY empty /\nRUN echo x >/tmp/x\n")
	if r := h.build("empty", ""); r.Code == 0 || !strings.Contains(r.Stderr, "this step was not run: /tmp of the image is a symlink to an empty directory") {
		h.t.Errorf("an image whose /tmp leads to an empty directory: got %v", r)
	}
	h.canceledBuild()
}

// canceledBuild cancels a build in a step: nothing is left of it.
func (h host) canceledBuild() {
	h.t.Helper()
	const left = "pgrep -fc 'sleep 1234[5]|[r]unsc-sandbox|[r]unsc-gofer'; mount | grep -c buildkit; ls /run/runsc-builds | grep -v null-netns; " +
		"ls /var/lib/docker/buildkit/executor | grep -v -E 'resolv|hosts|runc-log'; true"
	h.dockerfile("waits", "FROM "+lab.Image+"\nRUN echo started; sleep 12345\n")
	h.run("(DOCKER_BUILDKIT=1 timeout 300 docker build --progress=plain --no-cache -f /root/builds/waits /root/context >/root/waits.log 2>&1; echo $? >/root/waits.code) & " +
		"until grep -q ' started$' /root/waits.log; do sleep 0.1; done; pgrep -f '[r]unsc-sandbox' && runsc-provisioner verify >/root/waits.verify; echo $? >>/root/waits.verify; pkill -TERM -f '^timeout 300 docker build'; " +
		"until test -s /root/waits.code; do sleep 0.1; done; while pgrep -f '[r]unsc-sandbox' >/dev/null; do sleep 0.1; done")
	if got := h.read("/root/waits.verify"); !strings.HasSuffix(got, "\n0\n") {
		h.t.Errorf("verify, while a step ran: got %s", got)
	}
	if got := h.run(left); got != "0\n0" {
		h.t.Errorf("left of a canceled build: got %q", got)
	}
}
