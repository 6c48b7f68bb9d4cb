package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"runsc-provisioner/test/lab"
)

// The runtime runsc existed before, with a container that runs. apply adopts it: the container runs on in a gVisor that
// nothing verified, until its next start.
func TestVerify_ASandboxFromBeforeTheAdoption(t *testing.T) {
	onEach(t, lab.Options{}, func(t *testing.T, h host) {
		h.run("runsc-provisioner apply --release " + older + " && cp -a " + store + "/" + older + " /opt/gvisor && sed -i 's,path\": *\"[^\"]*,path\": \"/opt/gvisor/runsc,' " + daemonJSON +
			" && systemctl reload docker && rm -r " + state + " " + store + " && cat " + daemonJSON)
		h.run("until docker info -f '{{json .Runtimes.runsc}}' | grep -q /opt/gvisor; do sleep 0.1; done; docker run -d --name web --runtime=runsc " + lab.Image + " sleep 9000; docker run -d --name out --runtime=runc " + lab.Image + " sleep 9000")
		h.run("runsc-provisioner apply --release " + newer)
		v := h.verify(3)
		for _, c := range v.Containers {
			if want := map[string]string{"web": "unknown", "out": "not sandboxed"}[c.Name]; c.State != want {
				t.Errorf("%s: got %s, want %s", c.Name, c.State, want)
			}
		}
		remedy := ""
		for _, f := range v.Findings {
			if f.Object == "container web" && f.Code == "container-unknown" {
				remedy = f.Remedy
			}
		}
		if !strings.HasPrefix(remedy, "docker restart web") {
			t.Errorf("got the remedy %q, want docker restart web", remedy)
		}
		t.Log(h.exit(3, "runsc-provisioner verify").Stdout)
		h.run("docker restart -t 0 web")
		for _, c := range h.verify(0).Containers {
			if c.Name == "web" && (c.State != "sandboxed" || c.Release != newer) {
				t.Errorf("got %s in %q, want it in a sandbox of %s", c.State, c.Release, newer)
			}
		}
	})
}

// userns-remap is on in daemon.json, and is not ours: the containers' ids have their name all the same.
func TestVerify_IDsOfAForeignRemap(t *testing.T) {
	h := boot(t, lab.Options{})
	h.run("runsc-provisioner apply --default-runtime && sed -i '0,/{/s//{\"userns-remap\": \"default\",/' " + daemonJSON + " && systemctl restart docker")
	h.loadImage()
	h.run("docker run -d --name in " + lab.Image + " sleep 9000; docker run -d --name host --userns=host " + lab.Image + " sleep 9000")
	var of struct {
		Containers []struct{ Name, State, IDs string }
	}
	r, err := h.Run(t.Context(), "sh", "-c", "runsc-provisioner verify --format json")
	if err == nil {
		err = json.Unmarshal([]byte(r.Stdout), &of)
	}
	if err != nil || len(of.Containers) != 2 {
		t.Fatalf("got %v, %v", r, err)
	}
	for _, c := range of.Containers {
		if want := map[string]string{"in": "remapped", "host": "host"}[c.Name]; c.IDs != want || c.State != "sandboxed" {
			t.Errorf("%s: got ids %s, %s, want %s in a sandbox", c.Name, c.IDs, c.State, want)
		}
	}
}
