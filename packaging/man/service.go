package man

// Service is the page runsc-provisioner.service(8). about is what --help says of the command
// daemon.
func Service(about string, b Build) string {
	p := newPage("runsc-provisioner.service", 8, "keep Docker's containers in gVisor sandboxes", b)
	p.section("SYNOPSIS")
	p.WriteString("runsc\\-provisioner.service\n")
	p.section("DESCRIPTION")
	p.text("The service runs \"runsc-provisioner daemon\". An installation does not enable it.\n\n" + about)
	p.section("CONTROL")
	p.terms([]Pair{
		{"systemctl enable --now runsc-provisioner", "Start the service, now and at every boot."},
		{"systemctl reload runsc-provisioner",
			"Read the configuration again, forget what another program has contested, and try at once what " +
				"waits for its next try. The service reads changed files by itself, too."},
		{"systemctl disable --now runsc-provisioner",
			"Stop the service. The host stays as it is: Docker and its containers work on. A change of Docker " +
				"in progress is finished or undone first, which may take minutes."},
		{"runsc-provisioner status", "What the service knows of the host, and when it looks again."},
		{"journalctl -u runsc-provisioner",
			"What the service has noticed and done. Each entry has a field RUNSC_KIND, such as drift, repaired, " +
				"held or contested: journalctl RUNSC_KIND=drift."},
	})
	p.section("RESTRICTIONS")
	p.text("The service may write only below /etc, /usr/local/lib, /usr/local/bin, /opt/gvisor, /var/lib/gvisor, " +
		"/var/lib/docker, /var/lib/prometheus/node-exporter and its own directories. If daemon.json, the " +
		"releases or Docker's data are elsewhere, it needs a drop-in with ReadWritePaths=, which \"runsc-provisioner doctor\" shows:\n\n" +
		"  systemctl edit runsc-provisioner\n\n" +
		"It starts no sandbox itself. Where a proof needs one, systemd runs it in a transient unit " +
		"(runsc-provisioner-….service).\n\n" +
		"It is neither ordered after docker.service nor bound to it: it waits for Docker by itself, and outlives " +
		"every restart of Docker.")
	p.section("EXIT STATUS")
	p.text("systemd starts the service again whatever its exit status is, except for 64 (wrong command line) " +
		"and 77 (not root).")
	p.section("FILES")
	p.terms(files())
	p.seeAlso("runsc-provisioner(8)", "runsc-provisioner.toml(5)", "systemctl(1)", "systemd.exec(5)")
	return p.String()
}
