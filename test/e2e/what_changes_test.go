package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/test/lab"
)

// differences are the containers by what differs for them, in the JSON of plan, apply or doctor.
func differences(t *testing.T, text string) map[string]string {
	t.Helper()
	type list []struct {
		Feature    string
		Containers []struct {
			Name  string
			Given []string
		}
	}
	type toSwitch struct{ Differences list }
	var said struct {
		Plan        struct{ Switch toSwitch }
		Switch      toSwitch
		Differences list
	}
	if err := json.Unmarshal([]byte(text), &said); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	all := map[string]string{}
	for _, list := range []list{said.Plan.Switch.Differences, said.Switch.Differences, said.Differences} {
		for _, item := range list {
			var names []string
			for _, c := range item.Containers {
				names = append(names, strings.TrimSpace(c.Name+" "+strings.Join(c.Given, " ")))
			}
			all[item.Feature] = strings.Join(names, ", ")
		}
	}
	return all
}

func (h host) wantDifferences(text string, want map[string]string) {
	h.t.Helper()
	if diff := cmp.Diff(want, differences(h.t, text)); diff != "" {
		h.t.Errorf("-want +got:\n%s", diff)
	}
}

// Before runsc becomes the default runtime, plan names what differs for the containers of the host, and nothing else.
// Created again, they behave as it says.
func TestWhatChanges(t *testing.T) {
	onEach(t, lab.Options{}, func(t *testing.T, h host) {
		run := func(name, options, command string) {
			t.Helper()
			h.run("docker run -d --name " + name + " " + options + " " + lab.Image + " " + command)
		}
		h.run("docker network create app")
		run("api", "--network app", "sleep 1000")
		run("db", "--network app", "sleep 1000")
		run("probe", "--network host", "sleep 1000")
		run("deploy", "-v /run/docker.sock:/run/docker.sock", "sleep 1000")
		run("bus", "-v /run/dbus:/bus", "sleep 1000")
		run("files", "", "sh -c 'echo x >/tmp/x; sleep 1000'")
		run("plain", "-v /srv:/srv -v data:/data -p 8080:80", "sh -c 'echo x >/x; sleep 1000'")
		run("cached", "-v cache:/tmp", "sh -c 'echo x >/tmp/x; sleep 1000'")
		h.run("docker create --name train --gpus all " + lab.Image + " true") // no driver is needed until it starts
		all := "api, bus, cached, db, deploy, files, plain, probe, train"
		want := map[string]string{
			"names":        "api network app: db, db network app: api",
			"host-network": "probe --network=host",
			"sockets":      "bus /run/dbus/system_bus_socket, deploy /run/docker.sock",
			"gpus":         "train --gpus all",
			"tmp":          "files",
			"update":       all, // the lab's runtime has --ignore-cgroups
		}
		h.wantDifferences(h.run("runsc-provisioner plan --default-runtime --format json"), want)
		text := h.run("runsc-provisioner plan --default-runtime")
		t.Log(text)
		for _, line := range []string{
			"differs when a container is created again with runsc, the new default runtime; until then it keeps runc:",
			"  containers: api (network app: db), db (network app: api)", "  containers: probe (--network=host)", "  containers: train (--gpus all)",
		} {
			if !strings.Contains(text, line+"\n") {
				t.Errorf("got\n%s\nwant the line %q", text, line)
			}
		}

		// The arguments of the runtime decide.
		h.wantDifferences(h.run("runsc-provisioner plan --default-runtime --format json --runtime-arg=--network=host --runtime-arg=--host-uds=open"),
			map[string]string{"gpus": want["gpus"], "tmp": want["tmp"]})

		applied := h.run("runsc-provisioner apply --default-runtime")
		t.Log(applied)
		for _, line := range []string{
			"! 9 containers keep runc until created again (docker compose up --force-recreate, or docker rm and docker run):",
			"      api: gains a sandbox, and then has no names of other containers (on network app: db)", "      plain: gains a sandbox",
		} {
			if !strings.Contains(applied, line+"\n") {
				t.Errorf("got\n%s\nwant the line %q", applied, line)
			}
		}
		if text := h.run("runsc-provisioner plan"); strings.Contains(text, "differs") {
			t.Errorf("nothing switches: got\n%s", text)
		}
		if text := h.run("runsc-provisioner doctor --format json"); strings.Contains(text, "differences") {
			t.Errorf("no container runs in a sandbox: got\n%s", text)
		}
		h.created(t, want)
	})
}

// created creates the containers again, and looks at what plan has said of them.
func (h host) created(t *testing.T, want map[string]string) {
	t.Helper()
	h.run("docker rm -f api db probe files")
	for _, options := range []string{"--name api --network app", "--name db --network app"} {
		h.run("docker run -d " + options + " " + lab.Image + " sleep 1000")
	}
	h.run("docker run -d --name files " + lab.Image + " sh -c 'echo x >/tmp/x; sleep 1000'")
	h.exit(1, "timeout 30 docker exec api nslookup db")
	h.run("docker exec api nc -w 5 $(docker inspect -f '{{.NetworkSettings.Networks.app.IPAddress}}' db) 1 2>&1 | grep -v timed")
	h.run("docker exec files cat /tmp/x")
	h.exit(1, "docker cp files:/tmp/x /root/x")
	h.exit(1, "docker update --memory 100m plain api")
	h.run("docker run --rm --network app --runtime=runc " + lab.Image + " nslookup db")
	h.run("docker run -d --name probe --network host " + lab.Image + " sleep 1000")
	if strings.HasPrefix(h.run("docker version -f '{{.Server.Version}}'"), "20.10.") {
		if got := h.run("ip -4 -o addr show docker0"); got != "" {
			t.Errorf("the host's network on 20.10: docker0 has %q, want it to have lost its address", got)
		}
	} else if got := h.run("docker exec probe ip addr"); got != "" {
		t.Errorf("the host's network: got %q, want no interface", got)
	}
	got := differences(t, h.run("runsc-provisioner doctor --format json"))
	for feature, names := range map[string]string{"names": want["names"], "host-network": want["host-network"], "update": "api, db, files, probe"} {
		if got[feature] != names {
			t.Errorf("doctor: %s: got %q, want %q", feature, got[feature], names)
		}
		delete(got, feature)
	}
	if len(got) > 0 {
		t.Errorf("doctor: got also %v", got)
	}
}
