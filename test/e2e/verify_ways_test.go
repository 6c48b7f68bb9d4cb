package e2e

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"runsc-provisioner/test/lab"
)

// longID is the id of a container, or of a volume without a name.
var longID = regexp.MustCompile(`(-v |:)[0-9a-f]{64}`)

// Options of docker lead around a sandbox, in whatever form dockerd stores them.
func TestFault_V04_WaysAroundOnARealHost(t *testing.T) {
	h := boot(t, lab.Options{})
	h.run("runsc-provisioner apply --default-runtime")
	h.run("docker volume create -d local -o type=none -o o=bind -o device=/ hostroot; docker volume create -o type=overlay -o device=overlay -o o=lowerdir=/etc:/usr layers; docker volume create plain")
	h.run(`ln -s /run/docker.sock /srv/s; ln -s / /srv/all; mkdir -p /srv/data /home/bob/.ssh /home/bob/site /opt/app; printf '{"defaultAction":"SCMP_ACT_ALLOW"}' > /root/allow.json`)
	for _, kind := range []string{"network", "pid", "ipc"} {
		h.run(fmt.Sprintf("docker run -d --name of-%s --runtime=runc --%s=host %s sleep 9000", kind, kind, lab.Image))
	}
	h.run("docker run -d --name own --runtime=runc --ipc=shareable " + lab.Image + " sleep 9000")
	h.run("docker run -d --name leaver --runtime=runc --network=host " + lab.Image + " sleep 9000")
	dataRoot := strings.TrimSpace(h.run("docker info -f '{{.DockerRootDir}}'"))
	for i, tt := range []struct {
		flags string
		want  []string // "!" marks a grave one
	}{
		{"", nil},
		{"-v hostroot:/h", []string{"!-v hostroot:/h, which is /"}},
		{"--mount type=volume,dst=/h,volume-driver=local,volume-opt=type=none,volume-opt=o=bind,volume-opt=device=/root", []string{"!-v NAME:/h, which is /root"}},
		{"-v layers:/l:ro", []string{"!-v layers:/l:ro, which is /etc", "-v layers:/l:ro, which is /usr"}},
		{"-v plain:/p --tmpfs /t", nil},
		{"--security-opt systempaths=unconfined", []string{"!--security-opt systempaths=unconfined"}},
		{"--device-cgroup-rule 'a *:* rwm'", []string{"!--device-cgroup-rule=a *:* rwm"}},
		{"--pid=host", []string{"!--pid=host"}}, // dockerd adds label=disable
		{"--ipc=host", []string{"!--ipc=host"}},
		{"--network=container:of-network", []string{"!--network=container:ID"}},
		{"--pid=container:of-pid", []string{"!--pid=container:ID"}},
		{"--ipc=container:of-ipc", []string{"!--ipc=container:ID"}},
		{"--network=container:own --pid=container:own --ipc=container:own", nil},
		{"--network=container:leaver", []string{"!--network=container:ID"}}, // leaver is removed then
		{"--security-opt seccomp=/root/allow.json", []string{"!--security-opt seccomp=PROFILE"}},
		{"--security-opt label=type:spc_t", []string{"!--security-opt label=type:spc_t"}},
		{"-v /srv/s:/s", []string{"!-v /srv/s:/s"}},
		{"-v /srv/all:/h:ro", []string{"!-v /srv/all:/h:ro"}},
		{"-v /srv/data:/d", []string{"-v /srv/data:/d"}},
		{"-v /home:/home:ro -v /home/bob/.ssh:/k:ro -v /home/bob/site:/w", []string{"!-v /home:/home:ro", "!-v /home/bob/.ssh:/k:ro", "-v /home/bob/site:/w"}},
		{"-v /opt:/o -v /opt/app:/a", []string{"!-v /opt:/o", "-v /opt/app:/a"}},
		{"-v /var/lib/runsc-provisioner:/s:ro -v " + dataRoot + "/volumes:/v:ro", []string{"!-v /var/lib/runsc-provisioner:/s:ro", "!-v " + dataRoot + "/volumes:/v:ro"}},
		{"-v /usr:/u:ro -v /boot:/b:ro -v /etc/docker:/c:ro", []string{"-v /usr:/u:ro", "-v /boot:/b:ro", "!-v /etc/docker:/c:ro"}},
		{"-v /usr:/u -v /etc:/e:ro", []string{"!-v /usr:/u", "!-v /etc:/e:ro"}},
		{"--cap-add=SYS_ADMIN --device=/dev/null", []string{"!--cap-add=SYS_ADMIN", "--device=/dev/null"}},
	} {
		t.Run(tt.flags, func(t *testing.T) {
			h := host{h.Host, t}
			name := fmt.Sprintf("way%d", i)
			h.run("docker run -d --name " + name + " --runtime=runc " + tt.flags + " " + lab.Image + " sleep 9000")
			defer h.run("docker rm -f " + name)
			if strings.Contains(tt.flags, "leaver") {
				h.run("docker rm -f leaver")
			}
			code := 1 // outside a sandbox
			if slices.ContainsFunc(tt.want, func(w string) bool { return w[0] == '!' }) {
				code = 2
			}
			h.exit(code, "runsc-provisioner verify --explain "+name+" --fail-on ways-around")
			var of []struct {
				Name string
				Ways []struct {
					What  string
					Grave bool
				} `json:"ways_around"`
			}
			text := h.exit(1, "runsc-provisioner verify --format json").Stdout
			if err := json.Unmarshal([]byte(text), &struct{ Containers any }{&of}); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range of {
				for _, way := range c.Ways {
					if c.Name == name {
						got = append(got, map[bool]string{true: "!"}[way.Grave]+longID.ReplaceAllString(way.What, "$1"))
					}
				}
			}
			want := tt.want
			for i := range want {
				want[i] = strings.NewReplacer("NAME:", ":", ":ID", ":").Replace(want[i])
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// In a sandbox, a way around holds only what gVisor lets through. Each row also looks from inside.
func TestWaysAround_InASandbox(t *testing.T) {
	h := boot(t, lab.Options{})
	h.run("runsc-provisioner apply --default-runtime; touch /dev/shm/of-the-host")
	for i, tt := range []struct {
		flags, inside, want string // want "!" marks a grave one
	}{
		{"--network=host", "! ip link | grep -q .", "--network=host"},
		{"--pid=host", "! ps | grep -q [d]ockerd", "--pid=host"},
		{"--ipc=host", "[ -e /dev/shm/of-the-host ]", "!--ipc=host"},
		{"--privileged", "[ ! -e /dev/kmsg ]", "--privileged"},
		{"--cap-add=ALL --device-cgroup-rule='a *:* rwm'", "mknod /tmp/kmsg c 1 11 && ! head -c 1 /tmp/kmsg", "--cap-add=ALL --device-cgroup-rule=a *:* rwm"},
		{"-v /run/docker.sock:/s", "[ -S /s ]", "-v /run/docker.sock:/s"},
		{"-v /etc/shadow:/s:ro", "head -c 1 /s", "!-v /etc/shadow:/s:ro"},
	} {
		name := fmt.Sprintf("way%d", i)
		h.run("docker run -d --name " + name + " " + tt.flags + " " + lab.Image + " sleep 9000")
		h.run("docker exec " + name + " sh -c '" + tt.inside + "'")
		code := 0
		if tt.want[0] == '!' {
			code = 2
		}
		h.exit(code, "runsc-provisioner verify --explain "+name+" --fail-on ways-around")
		var of struct {
			Containers []struct {
				Name, State string
				Ways        []struct {
					What  string
					Grave bool
				} `json:"ways_around"`
			}
		}
		text := h.exit(min(code, 1), "runsc-provisioner verify --format json").Stdout
		if err := json.Unmarshal([]byte(text), &of); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range of.Containers {
			for _, way := range c.Ways {
				got = append(got, map[bool]string{true: "!"}[way.Grave]+way.What)
			}
			if c.State != "sandboxed" {
				t.Errorf("%s: got %s", tt.flags, c.State)
			}
		}
		if got := strings.Join(got, " "); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.flags, got, tt.want)
		}
		h.run("docker rm -f " + name)
	}
}
