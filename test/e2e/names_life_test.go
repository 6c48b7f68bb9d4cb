package e2e

import (
	"slices"
	"strings"
	"testing"

	"runsc-provisioner/test/lab"
)

// namesVerify is what verify says of the names on a host.
func (h host) namesItem(code int) (item struct{ Status, Seen string }) {
	h.t.Helper()
	for _, one := range h.verify(code).Host {
		if one.Name == "names" {
			item.Status, item.Seen = one.Status, one.Seen
		}
	}
	return item
}

// TestNames_OverRestarts: the names outlive dockerd and the service, and are right again after what neither has seen.
func TestNames_OverRestarts(t *testing.T) {
	o := lab.Options{Files: map[string]lab.File{daemonJSON: {Content: `{"live-restore": true}` + "\n"}}}
	h := kept(t, o, keepsNames)
	h.serveNoNames()
	h.run("docker network create app; for c in one two; do docker run -d --runtime=runsc --name $c --network app busybox:lab sleep 100000; done; docker network create other; docker run -d --name three --network other busybox:lab sleep 100000; " +
		"docker run -d --runtime=runsc --name late busybox:lab sleep 100000")
	names := []string{"one", "two", "three", "late", "four", "renamed", "one.app", "two.app", "three.app", "four.app", "late.app"}
	h.sameAnswers(names)
	h.run("systemctl restart docker; docker network connect app three; docker network connect app late")
	h.sameAnswers(names) // a container of the default bridge has Docker's DNS from then on
	h.run("docker exec one grep -q three.app /etc/hosts; docker exec late grep -q three.app /etc/hosts")
	h.run("systemctl stop runsc-provisioner; docker rm -f two; docker rename three renamed; docker run -d --runtime=runsc --name four --network app busybox:lab sleep 100000")
	if item := h.namesItem(1); item.Status != "warning" || !strings.Contains(item.Seen, "four does not find") {
		t.Errorf("without the service, verify says %+v", item)
	}
	h.run("systemctl start runsc-provisioner")
	h.sameAnswers(names)
	h.run("systemctl kill -s KILL runsc-provisioner; docker restart -t 0 one; docker network disconnect app late")
	h.sameAnswers(names)
	if item := h.namesItem(0); item.Status != "ok" {
		t.Errorf("verify says %+v", item)
	}
	// A container that its restart policy starts again and again has the names each time.
	h.run("docker run -d --runtime=runsc --restart=always --name crash --network app busybox:lab sh -c 'ping -c 1 -W 1 four; exit 1'")
	h.becomes("test $(docker logs crash 2>&1 | grep -c 'PING four') -ge 4")
	h.exit(1, "docker logs crash 2>&1 | grep 'bad address'")
}

// TestNames_OffRestores: off makes both files what dockerd wrote, whatever came after it.
func TestNames_OffRestores(t *testing.T) {
	h := kept(t, lab.Options{}, "")
	h.run("mkdir -p /run/systemd/resolve; echo nameserver 10.9.9.9 >/run/systemd/resolve/resolv.conf; echo nameserver 127.0.0.53 >/etc/resolv.conf; docker network create app; docker network create other; docker network create --internal closed; " +
		"for c in one two; do docker run -d --runtime=runsc --name $c --network app busybox:lab sleep 100000; done; docker run -d --runtime=runsc --name dns --dns 10.8.8.8 --network app busybox:lab sleep 100000; docker run -d --runtime=runsc --name closed --network closed busybox:lab sleep 100000; docker run -d --name runc --network app busybox:lab sleep 100000")
	sums := "cd /var/lib/docker/containers && sha256sum */hosts */resolv.conf"
	before := h.run(sums)
	if item := h.namesItem(0); item.Seen != "" {
		t.Errorf("names are not managed, and verify has an item: %+v", item)
	}
	if notes := h.exit(0, "runsc-provisioner verify").Stdout; !strings.Contains(notes, "one does not find") {
		t.Errorf("verify does not say what lacks a name:\n%s", notes)
	}
	h.run("runsc-provisioner apply --names")
	h.becomes("docker exec one grep -q two.app /etc/hosts && docker exec dns grep -q two.app /etc/hosts && docker exec closed grep -q closed.closed /etc/hosts")
	for container, want := range map[string][]string{"one": {"10.9.9.9"}, "dns": {"10.8.8.8"}, "closed": {"127.0.0.11"}, "runc": {"127.0.0.11"}} {
		h.becomes("test \"$(docker exec " + container + " sed -n 's/^nameserver //p' /etc/resolv.conf)\" = " + want[0])
	}
	h.run("docker network connect other one; docker network disconnect other one; docker stop -t 0 two")
	h.run("docker start two; runsc-provisioner apply --names=off")
	h.becomes("! grep -rq runsc-provisioner /var/lib/docker/containers/*/hosts /var/lib/docker/containers/*/resolv.conf")
	// Docker 26.1 takes the line of a container's other networks away too, when it leaves one.
	changed := func(text string) (lines []string) {
		for line := range strings.Lines(text) {
			if !strings.Contains(line, h.run("docker inspect -f '{{.Id}}' one")) {
				lines = append(lines, strings.TrimSpace(line))
			}
		}
		return lines
	}
	if after := h.run(sums); !slices.Equal(changed(after), changed(before)) {
		t.Errorf("after off:\n%s\nbefore:\n%s", after, before)
	}
	if got := h.read(h.hostsOf("one")); strings.Contains(got, "#") || !strings.HasPrefix(got, "127.0.0.1\tlocalhost\n") {
		t.Errorf("after off:\n%s", got)
	}
}

// TestNames_AnotherDataRoot: under the packaged unit, a data root elsewhere needs the drop-in that plan and doctor show.
func TestNames_AnotherDataRoot(t *testing.T) {
	o := lab.Options{Files: map[string]lab.File{daemonJSON: {Content: `{"data-root": "/srv/docker"}` + "\n"}, "/srv/docker/x": {}}}
	h := boot(t, o)
	h.run("cat >" + ownConfig + " <<'EOF'\n" + keepsNames + "EOF\nsystemctl start runsc-provisioner")
	h.enforced()
	h.run("docker network create app; for c in one two; do docker run -d --runtime=runsc --name $c --network app busybox:lab sleep 100000; done")
	h.leftAlone("one", "hosts", true)
	const dropIn = "ReadWritePaths=-/srv/docker"
	for _, command := range []string{"plan", "doctor"} {
		if out := h.run("runsc-provisioner " + command + " || true"); !strings.Contains(out, dropIn) {
			t.Errorf("%s does not show the drop-in:\n%s", command, out)
		}
	}
	h.run("mkdir -p /etc/systemd/system/runsc-provisioner.service.d; printf '[Service]\\n" + dropIn + "\\n' >/etc/systemd/system/runsc-provisioner.service.d/paths.conf; systemctl daemon-reload; systemctl try-restart runsc-provisioner")
	h.becomes("docker exec one grep -q two.app /etc/hosts")
	h.leftAlone("one", "hosts", false)
	if out := h.run("runsc-provisioner plan"); strings.Contains(out, dropIn) {
		t.Errorf("plan still shows the drop-in:\n%s", out)
	}
	security := h.run("systemd-analyze security --no-pager runsc-provisioner | tail -1")
	t.Log(security)
}
