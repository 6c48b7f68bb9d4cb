package e2e

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"runsc-provisioner/provision/status"
	"runsc-provisioner/test/lab"
)

const metricsConfig = asDefault + `
[metrics]
listen = "127.0.0.1:9617"
textfile = "/var/lib/prometheus/node-exporter"
`

// get is the answer of a server in the host.
func (h host) get(url string) string {
	h.t.Helper()
	text := h.tryGet(url)
	if text == "" {
		h.t.Fatalf("%s: no answer", url)
	}
	return text
}

// tryGet is get, and "" if there is no answer.
func (h host) tryGet(url string) string {
	h.t.Helper()
	return h.run("perl -MIO::Socket::INET -e '" + `
my ($host, $path) = $ARGV[0] =~ m{^http://([^/]+)(/.*)$};
my $s = IO::Socket::INET->new($host) or exit 7;
print $s "GET $path HTTP/1.0\r\nHost: $host\r\n\r\n";
local $/; my $all = <$s>; $all =~ s/^.*?\r\n\r\n//s; print $all;` + "' '" + url + "' || true")
}

func TestMetricsAreReadByPrometheus(t *testing.T) {
	h := kept(t, lab.Options{Prometheus: true, Files: map[string]lab.File{
		"/var/lib/prometheus/node-exporter/.keep": {},
		"/root/prometheus.yml": {Content: `global: {scrape_interval: 1s}
scrape_configs:
- job_name: runsc
  static_configs: [{targets: ["127.0.0.1:9617"]}]
- job_name: node
  static_configs: [{targets: ["127.0.0.1:9100"]}]
`},
	}}, metricsConfig)
	h.repaired("rm "+daemonJSON, "default-runtime")
	h.run("docker run -d --name out --runtime=runc " + lab.Image + " sleep 600")
	h.awaits("aware of it", func(s status.Status) bool { return s.Counts.Unsandboxed == 1 })

	text := h.get("http://127.0.0.1:9617/metrics")
	for _, want := range []string{
		`runsc_provisioner_converged 1`, `runsc_provisioner_repairs_total{item="default-runtime"} 2`,
		`runsc_provisioner_drifts_total{item="default-runtime"} 1`, `runsc_provisioner_unsandboxed_starts_total 1`,
		`runsc_provisioner_containers{sandbox="unsandboxed"} 1`, `runsc_provisioner_release_info{release="` + newer + `"} 1`,
		`runsc_provisioner_repair_duration_seconds_count`, `process_open_fds`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics: got %s\nwant %s in it", text, want)
		}
	}
	h.run("cat > /root/own.prom <<'EOF'\n" + text + "\nEOF\npromtool check metrics < /root/own.prom")
	h.awaits("written for node_exporter", func(status.Status) bool {
		return strings.Contains(h.run("cat /var/lib/prometheus/node-exporter/runsc-provisioner.prom 2>/dev/null || true"), "runsc_provisioner_unsandboxed_starts_total 1")
	})
	h.run("promtool check metrics < /var/lib/prometheus/node-exporter/runsc-provisioner.prom")

	h.run("systemd-run -q --unit=node prometheus-node-exporter --web.listen-address=127.0.0.1:9100 --collector.textfile.directory=/var/lib/prometheus/node-exporter")
	h.run("systemd-run -q --unit=prom prometheus --config.file=/root/prometheus.yml --storage.tsdb.path=/root/tsdb --web.listen-address=127.0.0.1:9090")
	// Once from this program, and once through node_exporter.
	h.prometheusHas(`runsc_provisioner_drifts_total{item="default-runtime"}`, 1, 1)
	h.prometheusHas(`node_textfile_scrape_error`, 0)
	h.prometheusHas(`up`, 1, 1)
}

// prometheusHas waits until a query has these values.
func (h host) prometheusHas(query string, want ...float64) {
	h.t.Helper()
	escaped := strings.NewReplacer(`{`, "%7B", `}`, "%7D", `"`, "%22", `=`, "%3D").Replace(query)
	var text string
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		r, err := h.Run(h.t.Context(), "systemctl", "is-active", "prom")
		if err != nil || r.Code != 0 {
			continue
		}
		if text = h.tryGet("http://127.0.0.1:9090/api/v1/query?query=" + escaped); text == "" {
			continue
		}
		var answer struct {
			Data struct{ Result []struct{ Value [2]any } }
		}
		if json.Unmarshal([]byte(text), &answer) != nil || len(answer.Data.Result) != len(want) {
			continue
		}
		same := true
		for i, r := range answer.Data.Result {
			value, _ := r.Value[1].(string)
			got, err := strconv.ParseFloat(value, 64)
			same = same && err == nil && got == want[i]
		}
		if same {
			return
		}
	}
	h.t.Errorf("%s: got %s, want %v", query, text, want)
}

func TestTheUnitIsHardened(t *testing.T) {
	onEach(t, lab.Options{}, func(t *testing.T, h host) {
		h.keep(asDefault)
		out := h.run("systemd-analyze security runsc-provisioner.service --no-pager | tail -1")
		_, after, _ := strings.Cut(out, "runsc-provisioner.service: ")
		level, err := strconv.ParseFloat(strings.Fields(after + " -")[0], 64)
		if err != nil || level > 2.7 {
			t.Errorf("got %q, want at most 2.7", out)
		}
		// The lab has no manual pages; those of the package are tested with it.
		if got := h.run("systemd-analyze verify --man=no runsc-provisioner.service 2>&1 || true"); got != "" {
			t.Errorf("systemd-analyze verify: %s", got)
		}
	})
}

func TestDockerComesAndGoes(t *testing.T) {
	h := boot(t, lab.Options{Packages: []string{"docker.io"}})
	started := h.run("systemctl show -p MainPID --value docker")
	h.run("systemctl stop docker.socket docker.service; dpkg --force-depends --purge docker.io; cat > " + ownConfig + " <<'EOF'\n" + asDefault + "EOF")
	if started == "0" || h.run("ls /usr/sbin/dockerd 2>/dev/null || true") != "" {
		t.Fatal("Docker was not removed")
	}
	t.Cleanup(h.neverRefused)
	waits := func(why string) status.Status {
		return h.awaits("waiting: "+why, func(s status.Status) bool {
			return s.State == "waiting" && strings.Contains(s.Line, why) && strings.Contains(h.run("systemctl show -p StatusText --value runsc-provisioner"), why)
		})
	}
	h.run("systemctl enable --now runsc-provisioner")
	waits("not installed")
	says(t, h.exit(69, "runsc-provisioner status"), "waiting", "not installed")

	h.run("DEBIAN_FRONTEND=noninteractive dpkg --force-depends -i " + lab.PackagesDir + "/docker.io.deb")
	h.enforced()
	h.wantsRunsc()
	if got := h.run("systemctl show -p StatusText --value runsc-provisioner"); !strings.HasPrefix(got, "enforced: gVisor "+newer) {
		t.Errorf("systemctl status: got %q", got)
	}
	n := h.starts()

	h.run("systemctl stop docker.socket docker.service")
	waits("inactive")
	h.run("rm " + daemonJSON)
	h.looked()
	if got := h.run("systemctl is-active docker || true"); got != "inactive" {
		t.Errorf("docker.service: got %s, want it left stopped", got)
	}
	h.run("systemctl start docker.socket docker.service")
	h.enforced()
	h.wantsRunsc()

	// Installed over itself, like an upgrade; Debian's package leaves the restart to others.
	before := h.status()
	h.run("DEBIAN_FRONTEND=noninteractive dpkg --force-depends -i " + lab.PackagesDir + "/docker.io.deb; systemctl restart docker")
	h.awaits("enforced after the upgrade", func(s status.Status) bool { return s.State == "enforced" && s.LastLook.After(before.LastLook) })
	h.wantsRunsc()
	if got := h.starts(); got != n+2 {
		t.Errorf("got %d starts of Docker, want %d: none of ours", got, n+2)
	}

	h.run("systemctl mask --now docker.service docker.socket")
	waits("masked")
	h.run("systemctl unmask docker.service docker.socket; systemctl start docker.socket docker.service")
	h.enforced()
}
