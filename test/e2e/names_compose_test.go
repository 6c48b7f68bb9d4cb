package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"runsc-provisioner/test/lab"
)

// composeFile is a project of all that gives a container a name: services on two networks, an alias, a scaled service, a
// hostname, a link, a dependency on a health check that needs a name. The two probes differ by their runtime alone.
const composeFile = `name: shop
x-all: &all
  image: getent:lab
  command: sleep 100000
  runtime: runsc
  stop_grace_period: 0s
services:
  db:
    <<: *all
    hostname: database.example.com
    networks:
      back: {aliases: [postgres, db.internal]}
  cache:
    <<: *all
    networks: [back]
  web:
    <<: *all
    scale: 2
    networks: [front, back]
    depends_on:
      worker: {condition: service_healthy}
  worker:
    <<: *all
    networks: [back]
    depends_on: [db]
    healthcheck:
      test: getent hosts db && getent hosts postgres
      interval: 1s
      timeout: 20s
      retries: 20
  probe-runc: &probe
    <<: *all
    runtime: runc
    networks: [front, back]
    links: ["cache:linked"]
    extra_hosts: ["fixed:10.9.9.9", "cache.example.com:10.9.9.8"]
  probe-runsc:
    <<: *probe
    runtime: runsc
networks:
  front:
  back:
`

// makeGetent makes an image with glibc's getent, from the files of the host.
func (h host) makeGetent() {
	h.t.Helper()
	h.run(`set -e
docker create --name=getent busybox:lab true
cd /
files="usr/bin/getent etc/nsswitch.conf etc/host.conf $(ldd /usr/bin/getent | grep -o '/[^ ]*' | cut -c 2-) $(find usr/lib -name 'libnss_*.so.2' -o -name libresolv.so.2)"
tar -chf - $files | docker cp - getent:/
docker commit getent getent:lab
docker rm getent`)
}

// TestNames_ComposeProject: a real Compose project has the same addresses for each name in a sandbox as with runc.
// RUNSC_MATRIX=1 tries it on each engine, with userns-remap and without.
func TestNames_ComposeProject(t *testing.T) {
	engines := []lab.Options{{}}
	remaps := []bool{lab.Seed(t)%2 == 0}
	if os.Getenv(matrixEnv) == "1" {
		engines, remaps = nil, []bool{false, true}
		for _, e := range lab.Engines() {
			engines = append(engines, lab.Options{Engine: e.Name, Suite: e.Suites[len(e.Suites)-1]})
		}
	}
	t.Parallel()
	for _, o := range engines {
		for _, remap := range remaps {
			o := o
			o.Compose, o.Name = true, ""
			t.Run(fmt.Sprintf("%s-remap-%t", strings.ReplaceAll(o.Engine, ".", ""), remap), func(t *testing.T) { composeProject(t, o, remap) })
		}
	}
}

func composeProject(t *testing.T, o lab.Options, remap bool) {
	h := kept(t, o, keepsNames)
	h.serveNoNames()
	if remap {
		h.run("runsc-provisioner apply --userns-remap --allow-restart --allow-hidden-data")
		if err := h.LoadImage(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.enforced()
	}
	h.makeGetent()
	h.run("mkdir /root/shop; cat >/root/shop/compose.yaml <<'EOF'\n" + composeFile + "EOF")
	h.run("cd /root/shop && docker compose up -d --wait")
	names := []string{"fixed", "cache.example.com", "linked", "postgres", "db.internal", "web", "db", "cache", "worker", "nothing"}
	for _, c := range h.running() {
		names = append(names, strings.TrimPrefix(c.Name, "/"))
		if !strings.Contains(c.Name, "probe") { // Docker writes a container's own hostname into its hosts file
			names = append(names, c.ID[:12], c.Config.Hostname)
		}
		for network, e := range c.NetworkSettings.Networks {
			for _, name := range slices.Concat(e.Aliases, []string{strings.TrimPrefix(c.Name, "/"), c.ID[:12]}) {
				names = append(names, name+"."+network)
			}
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	with, without := h.getent("shop-probe-runsc-1", names), h.getent("shop-probe-runc-1", names)
	if with != without {
		t.Errorf("with runsc:\n%s\nwith runc:\n%s\nthe hosts file:\n%s", with, without, h.run("docker exec shop-probe-runsc-1 cat /etc/hosts"))
	}
	if n := strings.Count(without, "172."); n < len(names) {
		t.Errorf("only %d addresses for %d names with runc:\n%s", n, len(names), without)
	}
	h.exit(0, "runsc-provisioner verify")
	h.run("cd /root/shop && docker compose down")
}

// getent resolves names in a container, as a program with glibc does.
func (h host) getent(container string, names []string) string {
	h.t.Helper()
	return h.run("docker exec " + container + " sh -c 'for name in " + strings.Join(names, " ") + "; do echo $name $(getent ahosts $name | cut -d \" \" -f 1 | sort -u); done'")
}
