package dockerlog

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"runsc-provisioner/provision/host"
)

// loggedDockerd are units with a log of docker.service, which was started with a command line.
type loggedDockerd struct {
	logged
	command []string
}

func (l loggedDockerd) Unit(context.Context, string) (host.Unit, error) {
	return host.Unit{Name: host.DockerUnit, LoadState: "loaded", ActiveState: "failed", ExecStart: l.command}, nil
}

// Docker's own lines quote values of daemon.json and of its flags.
func TestFault_X18_DockersErrorsAreShownWithoutSecrets(t *testing.T) {
	file := filepath.Join(t.TempDir(), "daemon.json")
	if err := os.WriteFile(file, []byte(`{"labels": ["a=hunter2"], "log-opts": {"hunter3": "hunter4`+strings.Repeat("x", maxErrorLine)+`"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	h := host.Host{Units: loggedDockerd{logged{
		`time="x" level=error msg="conflict labels for a=hunter2 and hunter2"`,
		`failed to start daemon: unknown log opt 'hunter4` + strings.Repeat("x", maxErrorLine) + `' and --label hunter5`,
		`time="x" level=info msg="hunter6"`,
	}, []string{"/usr/bin/dockerd", "--config-file=" + file, "--label", "b=hunter5"}}}
	got := strings.Join(Errors(t.Context(), &h, time.Time{}), "\n")
	want := `time="x" level=error msg="conflict labels for … and …"` + "\n" + `failed to start daemon: unknown log opt '…' and --label …`
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
