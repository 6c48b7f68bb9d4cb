package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"runsc-provisioner/test/bench/race"
	"runsc-provisioner/test/lab"
	"runsc-provisioner/test/releases"
)

// version is the release to install: a bundle, in zstd.
const version = "20260914.0"

// byHand has the commands that a user would type without an installer.
const byHand = `set -eu
curl -fsS --cacert "$CA" -O "$URL/gvisor.tar.zstd.sha512" -O "$URL/gvisor.tar.zstd"
sha512sum -c gvisor.tar.zstd.sha512
mkdir release
tar --zstd -x -f gvisor.tar.zstd -C release
`

// installRows measures the installation of a release from a server on this
// machine into a fresh store below dir, and the same by hand.
func installRows(ctx context.Context, p pace, built programs, dir string) ([]row, error) {
	cache, err := lab.OpenCache(os.Stderr)
	if err != nil {
		return nil, err
	}
	tree, err := cache.Releases(ctx)
	if err != nil {
		return nil, err
	}
	server := httptest.NewTLSServer(releases.Handler(tree))
	defer server.Close()
	ca := filepath.Join(dir, "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o644); err != nil {
		return nil, err
	}
	scratch := filepath.Join(dir, "scratch")
	if err := os.Mkdir(scratch, 0o755); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	base := releases.URL(server.URL, "")
	result, err := raceHere(ctx, built, compare(p, scratch,
		race.Entrant{Argv: []string{self, installChild, base, ca}, Want: version},
		race.Entrant{Argv: []string{"sh", "-c", byHand}, Want: "gvisor.tar.zstd: OK", Env: []string{
			"CA=" + ca, "URL=" + base + "/release/" + version + "/" + lab.Arch(),
		}},
	))
	if err != nil {
		return nil, err
	}
	return wallAndMemory("install a release, zstd", result, aim{ofRatio, 1}, aim{})
}

// raceHere runs r on this machine with the timer.
func raceHere(ctx context.Context, built programs, r race.Race) (race.Result, error) {
	wanted, err := json.Marshal(r)
	if err != nil {
		return race.Result{}, err
	}
	cmd := exec.CommandContext(ctx, built.timer)
	// On SIGTERM it ends what it runs and cleans up.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Stdin = bytes.NewReader(wanted)
	var said, failed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &failed
	if err := cmd.Run(); err != nil {
		return race.Result{}, fmt.Errorf("%w: %s", err, failed.String())
	}
	return parseResult(said.String())
}
