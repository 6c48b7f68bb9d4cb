package doctor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
)

func TestFacts_ABrokenPartHidesNoOther(t *testing.T) {
	dockerd := running("/usr/bin/dockerd", "-H", "fd://", "--label", "hunter2")
	unit := "load loaded\nactive active (running)\nresult success\nfragment \ndrop-ins []\nneeds daemon-reload false\narguments /usr/bin/dockerd -H fd:// --label …\nvariables \n"
	flags := "flags /usr/bin/dockerd -H fd:// --label …\n"
	for _, tt := range []struct {
		situation  string
		units      saidUnits
		daemonJSON string
		want       map[string]string
	}{
		{"dockerd hangs", saidUnits{host.DockerUnit: dockerd}, `{"labels": ["hunter2"]}`, map[string]string{
			"docker.service.txt": unit,
			"dockerd.txt":        flags + "engine not read: no answer within 1s\n",
			"daemon.json.txt":    "DIR/daemon.json, mode 644 of UID:GID, masked, so no longer JSON\n\n{\"labels\": [\"***\"]}",
			"releases.txt":       "none\n",
			"journal.txt":        "said\n",
		}},
		{"dockerd hangs, and daemon.json is broken", saidUnits{host.DockerUnit: dockerd}, `{"labels": ["hunter2"],}`, map[string]string{
			"docker.service.txt": unit,
			"dockerd.txt":        flags + "engine not read: no answer within 1s\n",
			"daemon.json.txt":    "not parsed: DIR/daemon.json: line 1, column 23: trailing comma: remove it\n\noutline:\n\n{\"labels\": [\"***\"],}",
			"releases.txt":       "none\n",
			"journal.txt":        "said\n",
		}},
		{"systemd hangs", nil, "", map[string]string{
			"docker.service.txt": "not read: no answer within 1s\n",
			"dockerd.txt":        flags + "engine not read: not asked: unknown whether it runs\n",
			"daemon.json.txt":    "DIR/daemon.json is missing\n",
			"releases.txt":       "none\n",
			"journal.txt":        "not read: no answer within 1s\n",
		}},
	} {
		t.Run(tt.situation, func(t *testing.T) {
			t.Parallel()
			h := dockerOf(t, tt.units, tt.daemonJSON)
			process := filepath.Join(h.Paths.Proc, "7")
			if err := errors.Join(os.MkdirAll(process, 0o755),
				os.WriteFile(filepath.Join(process, "comm"), []byte("dockerd\n"), 0o644),
				os.WriteFile(filepath.Join(process, "status"), []byte("NSpid:\t7\n"), 0o644),
				os.WriteFile(filepath.Join(process, "cmdline"), []byte(strings.Join(dockerd.ExecStart, "\x00")+"\x00"), 0o644)); err != nil {
				t.Fatal(err)
			}
			got := Facts(t.Context(), h, config.Default())
			known := strings.NewReplacer(filepath.Dir(h.Paths.Socket), "DIR", fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid()), "UID:GID")
			for name := range got {
				got[name] = known.Replace(got[name])
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
