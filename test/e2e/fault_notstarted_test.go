package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"runsc-provisioner/provision/status"
	"runsc-provisioner/test/lab"
)

// Docker was restarted while daemon.json had no runtime runsc. Its containers stay down although the file is repaired
// and their restart policy starts them: dockerd tries once.
func TestFault_X08_ContainersThatStayedDown(t *testing.T) {
	onEach(t, lab.Options{}, func(t *testing.T, h host) {
		h.run("runsc-provisioner apply --default-runtime")
		policies := []string{"always", "on-failure", "unless-stopped"}
		for _, policy := range append(policies, "no") {
			h.run("docker run -d --name " + policy + " --restart=" + policy + " " + lab.Image + " sleep 9000")
		}
		lose := func() {
			t.Helper()
			h.run("echo '{}' > " + daemonJSON + "; systemctl reset-failed docker.service docker.socket; systemctl restart docker")
		}
		startAll := func() {
			t.Helper()
			for _, policy := range policies {
				h.run("docker start " + policy)
			}
		}
		lose()
		var of struct {
			NotStarted []struct{ Name string } `json:"not_started"`
		}
		if err := json.Unmarshal([]byte(h.run("runsc-provisioner apply --format json")), &of); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, one := range of.NotStarted {
			names = append(names, one.Name)
		}
		if !slices.Equal(names, policies) {
			t.Errorf("apply: got %q, want %q", names, policies)
		}
		// The finding of each, by its remedy.
		found := func(code int) (remedies []string) {
			t.Helper()
			for _, f := range h.verify(code).Findings {
				if f.Code == "container-not-started" {
					remedies = append(remedies, f.Remedy)
				}
			}
			return remedies
		}
		if got, want := found(1), []string{"docker start always", "docker start on-failure", "docker start unless-stopped"}; !slices.Equal(got, want) {
			t.Errorf("verify: got %q, want %q", got, want)
		}
		if got := h.run("runsc-provisioner verify --format prometheus || true"); !strings.Contains(got, "runsc_provisioner_verify_containers_not_started 3\n") {
			t.Errorf("verify: got %s, want three not started", got)
		}
		if _, remedy := h.doctor(1, "", "stopped containers"); remedy != "docker start always on-failure unless-stopped" {
			t.Errorf("doctor: got %q", remedy)
		}
		isDown := func(s status.Status) bool {
			return s.State == status.StateEnforced && len(s.Containers.NotStarted) == 3
		}
		var once status.Status
		if err := json.Unmarshal([]byte(h.run("runsc-provisioner status --format json")), &once); err != nil || !isDown(once) {
			t.Errorf("status: got %+v, %v, want three not started", once, err)
		}
		startAll()
		if got := found(0); len(got) != 0 {
			t.Errorf("verify: got %q, want none", got)
		}

		// The daemon, which was stopped meanwhile, repairs the file, and lists them until they are started.
		lose()
		h.run("cat >> " + ownConfig + " <<'EOF'\n[metrics]\nlisten = \"127.0.0.1:9617\"\nEOF\nsystemctl start runsc-provisioner")
		h.awaits("aware of the containers that stayed down", isDown)
		if got := h.get("http://127.0.0.1:9617/metrics"); !strings.Contains(got, "runsc_provisioner_containers_not_started 3\n") {
			t.Errorf("metrics: got %s, want three not started", got)
		}
		startAll()
		h.awaits("aware that they run", func(s status.Status) bool { return len(s.Containers.NotStarted) == 0 })
	})
}
