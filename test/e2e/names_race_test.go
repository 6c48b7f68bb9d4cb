package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"runsc-provisioner/provision/containerdir"
	"runsc-provisioner/provision/hostsfile"
	"runsc-provisioner/test/lab"
)

// TestNames_LosesNoLineOfDockerd: dockerd adds a line to a container's hosts file 200 times, and takes it away, while a
// writer of ours changes the same file all the time. dockerd has no lock to share. RUNSC_MATRIX=1 tries the newest engine
// too, which appends in another way.
func TestNames_LosesNoLineOfDockerd(t *testing.T) {
	engines := []string{""}
	if os.Getenv(matrixEnv) == "1" {
		engines = append(engines, lab.Newest)
	}
	for _, engine := range engines {
		t.Run("engine"+engine, func(t *testing.T) { racesDockerd(t, engine) })
	}
}

func racesDockerd(t *testing.T, engine string) {
	h := boot(t, lab.Options{Engine: engine, Name: "names-race" + engine})
	h.run("docker network create app; docker network create extra; docker run -d --name web --hostname own --network app busybox:lab sleep 100000")
	id := h.run("docker inspect -f '{{.Id}}' web")
	path := h.Path(filepath.Join("/var/lib/docker/containers", id, "hosts"))
	root, err := containerdir.Open(h.Path("/var/lib/docker"))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	stop, writes := make(chan struct{}), 0
	var writing sync.WaitGroup
	writing.Go(func() {
		for round := 0; ; round++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := writeNames(root, id, round); err == nil {
				writes++
			} else if !errors.Is(err, containerdir.ErrChanged) && !isIncomplete(err) {
				t.Errorf("round %d: %v", round, err)
				return
			}
		}
	})
	for i := range 200 {
		h.dockerPost("/networks/extra/connect", `{"Container":"web"}`)
		text := readText(t, path)
		if !strings.Contains(text, "\n172.19.0.2\town\n") || !strings.HasPrefix(text, "127.0.0.1\tlocalhost\n") || strings.Contains(text, "\x00\n") {
			t.Errorf("after connect %d, a line of dockerd is missing:\n%s", i, text)
			break
		}
		h.dockerPost("/networks/extra/disconnect", `{"Container":"web"}`)
		if text := readText(t, path); !strings.HasPrefix(text, "127.0.0.1\tlocalhost\n::1\t") || strings.Contains(text, "\n172.19.0.2\town\n") {
			t.Errorf("after disconnect %d:\n%s", i, text)
			break
		}
	}
	close(stop)
	writing.Wait()
	t.Logf("%d writes beside 400 of dockerd", writes)
	if writes < 400 {
		t.Errorf("only %d writes: there was no race", writes)
	}
}

func isIncomplete(err error) bool {
	var incomplete *hostsfile.IncompleteError
	return errors.As(err, &incomplete)
}

// writeNames writes other names in each round, as the service does.
func writeNames(root *containerdir.Root, id string, round int) error {
	f, err := root.Open(id, containerdir.HostsName)
	if err != nil {
		return err
	}
	if err := hostsfile.CheckHosts(f.Text, map[string]bool{"own": true}); err != nil {
		return err
	}
	var records []hostsfile.Record
	for i := range 1 + round%5 {
		addr := netip.AddrFrom4([4]byte{172, 18, byte(round), byte(i)})
		records = append(records, hostsfile.Record{Addr: addr, Names: []string{fmt.Sprintf("c%d.app", round*i), "svc"}})
	}
	lines, _ := hostsfile.Lines(records)
	return f.Apply(hostsfile.Maintain(f.Text, lines), 0)
}

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// dockerPost asks dockerd to do something. The docker command would take ten times as long.
func (h host) dockerPost(path, body string) {
	h.t.Helper()
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", h.Path("/run/docker.sock"))
	}, DisableKeepAlives: true}}
	response, err := client.Post("http://docker"+path, "application/json", strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode >= 300 {
		h.t.Fatalf("%s: %s", path, response.Status)
	}
}
