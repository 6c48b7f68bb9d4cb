package e2e

import "strings"

// publish serves a release on the host.
func (h host) publish(dist string) {
	h.t.Helper()
	command(h.t, nil, "cp", "-r", dist, h.Path(publishedDir))
	if err := h.Serve(h.t.Context(), "published", publishedDir, "127.0.0.1:8443"); err != nil {
		h.t.Fatal(err)
	}
}

// nothing fails the test if the package is there, or a file of install.sh.
func (h host) nothing() {
	h.t.Helper()
	h.exit(1, "dpkg-query -W runsc-provisioner")
	h.exit(1, "test -e /usr/bin/runsc-provisioner")
	h.exit(2, "ls -d /tmp/runsc-provisioner.*")
}

// refusesBadReleases runs the release's install.sh on releases that were changed later.
func (h host) refusesBadReleases() {
	h.t.Helper()
	install := func(code int, url string) string {
		h.t.Helper()
		out := h.exit(code, "sh "+publishedDir+"/install.sh --from "+url+" 2>&1").Stdout
		h.nothing()
		return out
	}
	deb := "/srv/bad/runsc-provisioner_" + publishedVersion + "_" + arch() + ".deb"
	h.run("mkdir /srv/bad && cd " + publishedDir + " && cp SHA256SUMS* *.deb /srv/bad && echo more >> " + deb)
	install(65, "file:///srv/bad") // wrong checksum
	h.run("cd /srv/bad && sha256sum *.deb > SHA256SUMS")
	install(65, "file:///srv/bad")                                                    // not signed
	install(75, strings.Replace(publishedURL, "/gvisor", "/fault-short/gvisor", 1))   // cut off, each time
	install(65, strings.Replace(publishedURL, "/gvisor", "/fault-bitflip/gvisor", 1)) // a bit differs
	install(75, strings.Replace(publishedURL, "/gvisor", "/fault-redirect-http/gvisor", 1))
	h.run("mkdir /srv/bin && printf '#!/bin/sh\\necho riscv64\\n' > /srv/bin/dpkg-query && chmod +x /srv/bin/*")
	h.exit(78, "PATH=/srv/bin:$PATH sh "+publishedDir+"/install.sh") // a fake architecture
	h.nothing()
}

// installsByScript is the one line for people who paste, and what they do next.
func (h host) installsByScript() {
	h.t.Helper()
	h.run("curl -fsSL " + publishedURL + "/install.sh | sh -s -- --dry-run")
	h.nothing()
	const docker = "sha256sum /etc/docker/daemon.json 2>&1; systemctl show -p MainPID docker"
	before := h.run(docker)
	out := h.run("curl -fsSL " + publishedURL + "/install.sh | sh")
	said := []string{"signature  good: ", "checksum   good: ", "installed  runsc-provisioner ", "\nnow:  sudo "}
	for _, text := range said {
		if !strings.Contains(out, text) {
			h.t.Errorf("install.sh does not say %q:\n%s", text, out)
		}
	}
	h.run(publishedDir + "/install.sh") // again: nothing to do
	if after := h.run(docker); after != before {
		h.t.Errorf("install.sh touched Docker:\n%s\n%s", before, after)
	}
	h.run("cmp /usr/bin/runsc-provisioner " + publishedDir + "/runsc-provisioner_" + publishedVersion + "_linux_" + arch())
	h.run("dpkg --verify runsc-provisioner && runsc-provisioner apply && runsc-provisioner verify")
	h.run("dpkg --purge runsc-provisioner")
	h.nothing()
}

// installsWithApt uses the apt repository as a user does: one file, which names the URL and has the key.
func (h host) installsWithApt() {
	h.t.Helper()
	const update = "apt-get update --error-on=any 2>&1"
	h.run("rm -r /etc/apt/sources.list*; mkdir /etc/apt/sources.list.d; rm -rf /var/lib/apt/lists/*")
	const sources = "runsc-provisioner.sources"
	h.run("cd /etc/apt/sources.list.d && curl -fsSLO " + publishedURL + "/" + sources)
	if out := h.run(update); strings.Contains(out, "W:") {
		h.t.Errorf("apt-get update warns:\n%s", out)
	}
	h.run("apt-get install -y runsc-provisioner=0.0.9 && apt-get install -y runsc-provisioner") // an upgrade
	h.run("runsc-provisioner version && apt-get purge -y runsc-provisioner")

	lists := publishedDir + "/apt/dists/stable/"
	h.run("cp -r " + lists + " /srv/lists && sed -i 's/^Label: .*/Label: x/' " + lists + "*Release")
	h.exit(100, update) // changed
	h.run("cp /srv/lists/Release " + lists + " && rm " + lists + "InRelease " + lists + "Release.gpg")
	h.exit(100, update) // not signed
	h.nothing()
}
