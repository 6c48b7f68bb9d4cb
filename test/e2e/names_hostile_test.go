package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"runsc-provisioner/provision/hostsfile"
	"runsc-provisioner/provision/status"
	"runsc-provisioner/test/lab"
)

// becomes waits until a shell command on the host succeeds.
func (h host) becomes(command string) {
	h.t.Helper()
	late := time.Now().Add(namesLimit)
	for {
		r, err := h.Run(h.t.Context(), "sh", "-c", command)
		if err != nil {
			h.t.Fatal(err)
		}
		if r.Code == 0 {
			return
		}
		if time.Now().After(late) {
			h.t.Fatalf("%s: not within %s: %v\n%s", command, namesLimit, r, h.run("runsc-provisioner status || true"))
		}
	}
}

// hostsOf is the path of a container's hosts file on the host.
func (h host) hostsOf(container string) string {
	return h.run("docker inspect -f '{{.HostsPath}}' " + container)
}

// foreignLines are the lines that are not ours.
func foreignLines(text string) (lines []string) {
	for line := range strings.Lines(text) {
		if !strings.HasSuffix(line, hostsfile.Mark+"\n") {
			lines = append(lines, line)
		}
	}
	return lines
}

// leftAlone waits until the service has said that a file of a container was left alone, or that it is not.
func (h host) leftAlone(container, file string, is bool) {
	h.t.Helper()
	h.awaits(fmt.Sprintf("%s of %s is left alone: %t", file, container, is), func(s status.Status) bool {
		return s.Names != nil && is == slices.ContainsFunc(s.Names.Left, func(u status.Unnamed) bool {
			return u.Name == container && u.File == file
		})
	})
}

// TestNames_HostileNames: names that would add lines, or make a file unreadable, change nothing but what they name.
func TestNames_HostileNames(t *testing.T) {
	h := kept(t, lab.Options{}, keepsNames)
	h.serveNoNames()
	h.run("docker network create app; docker run -d --runtime=runsc --name web --network app busybox:lab sleep 100000; docker run -d --name bad busybox:lab sleep 100000")
	before := foreignLines(h.read(h.hostsOf("web")))
	aliases := []string{"good", "a b", "new\nline", "1.1.1.1 evil\n6.6.6.6\tevil # runsc-provisioner", "x # y", "1.2.3.4", strings.Repeat("l", 300), "t\tab", "nul\x00", "ümlaut", "localhost", "web"}
	for i := range 10_000 {
		aliases = append(aliases, fmt.Sprintf("alias-%d.of.a.service.with.a.long.name", i))
	}
	body, err := json.Marshal(map[string]any{"Container": "bad", "EndpointConfig": map[string]any{"Aliases": aliases}})
	if err != nil {
		t.Fatal(err)
	}
	h.dockerPost("/networks/app/connect", string(body))
	h.becomes("docker exec web grep -q 'good' /etc/hosts")
	h.leftAlone("web", "hosts", true) // names are left out, and it is said
	text := h.read(h.hostsOf("web"))
	if got := foreignLines(text); !slices.Equal(got, before) {
		t.Errorf("lines of others changed: %q, before %q", got, before)
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "6.6.6.6") || strings.HasPrefix(line, "1.1.1.1") || len(line) > 4097 {
			t.Errorf("a line that no container may add: %.100q", line)
		}
	}
	if got := answersIn(text, []string{"localhost"})["localhost"]; !slices.Equal(got, []string{"127.0.0.1", "::1"}) {
		t.Errorf("localhost has the addresses %v", got)
	}
	h.run("docker rm -f bad; docker run -d --name good2 --network app busybox:lab sleep 100000")
	h.becomes("docker exec web grep -q good2 /etc/hosts && ! docker exec web grep -q alias-1.of /etc/hosts")
	h.leftAlone("web", "hosts", false)
}

// TestNames_OddFiles: what is not dockerd's file is left alone, and nothing that it leads to changes.
func TestNames_OddFiles(t *testing.T) {
	h := kept(t, lab.Options{}, keepsNames)
	h.serveNoNames()
	h.run("docker network create app; for c in link hard device fifo edited ok; do docker run -d --runtime=runsc --name $c --network app busybox:lab sleep 100000; done; " +
		"echo mine >/root/mine; docker run -d --runtime=runsc --name mounted --network app -v /root/mine:/etc/hosts busybox:lab sleep 100000")
	h.becomes("docker exec edited grep -q ok.app /etc/hosts")
	for container, make := range map[string]string{
		"link": "cp -a $f /root/victim; rm $f; ln -s /root/victim $f", "hard": "ln $f /var/lib/docker/hard",
		"device": "rm $f; mknod $f c 1 3", "fifo": "rm $f; mkfifo $f",
	} {
		h.run("f=" + h.hostsOf(container) + "; " + make)
	}
	h.run("docker exec edited sh -c 'echo 1.2.3.4 mine >>/etc/hosts'; cp -a " + h.hostsOf("edited") + " /root/edited")
	sums := "sha256sum /root/victim /var/lib/docker/hard /root/mine /root/edited " + h.hostsOf("edited")
	before := h.run(sums)
	h.run("docker run -d --name late --network app busybox:lab sleep 100000")
	h.becomes("docker exec ok grep -q late.app /etc/hosts")
	for _, container := range []string{"link", "hard", "device", "fifo", "edited", "mounted"} {
		h.leftAlone(container, "hosts", true)
	}
	if after := h.run(sums); after != before {
		t.Errorf("a file that is not ours changed:\n%s\nbefore:\n%s", after, before)
	}
	h.exit(1, "runsc-provisioner verify")
	h.run("docker restart -t 0 edited")
	h.becomes("docker exec edited grep -q late.app /etc/hosts")
	h.leftAlone("edited", "hosts", false)
}

// TestNames_FullDisk: a disk without room for names leaves dockerd's text as it is, and the names come when there is room.
func TestNames_FullDisk(t *testing.T) {
	h := kept(t, lab.Options{}, "[docker]\nnames = \"off\"\n")
	h.serveNoNames()
	h.run("systemctl stop runsc-provisioner docker.socket docker; mount -t tmpfs -o size=2m tmpfs /var/lib/docker/containers; systemctl reset-failed docker; systemctl start docker")
	h.run("docker network create app; docker run -d --runtime=runsc --name web --network app busybox:lab sleep 100000; docker run -d --name peer busybox:lab sleep 100000")
	var aliases []string
	for i := range 400 {
		aliases = append(aliases, fmt.Sprintf("an-alias-of-some-length-%d", i))
	}
	body, _ := json.Marshal(map[string]any{"Container": "peer", "EndpointConfig": map[string]any{"Aliases": aliases}})
	h.dockerPost("/networks/app/connect", string(body))
	before := h.read(h.hostsOf("web"))
	h.run("! dd if=/dev/zero of=/var/lib/docker/containers/filler bs=4k 2>/dev/null; cat >" + ownConfig + " <<'EOF'\n" + keepsNames + "EOF\nsystemctl start runsc-provisioner")
	h.leftAlone("web", "hosts", true)
	if after := h.read(h.hostsOf("web")); after != before {
		t.Errorf("the file changed:\n%q\nbefore:\n%q", after, before)
	}
	h.run("rm /var/lib/docker/containers/filler")
	h.leftAlone("web", "hosts", false)
	h.becomes("docker exec web grep -q an-alias-of-some-length-399 /etc/hosts")
}
