// Package session records what a terminal shows while commands run on a lab host, and draws it.
package session

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"

	"runsc-provisioner/test/inrelease"
	"runsc-provisioner/test/lab"
)

// release is the gVisor release that the host's server has.
const release = "20260914.0"

// commands are what the session types.
var commands = []string{
	"sudo runsc-provisioner apply --default-runtime",
	"docker run -d --name sample --network none busybox sleep 600",
	"sudo runsc-provisioner verify",
}

// Record runs the session on a host, and returns what its terminal shows, with the colors. The
// terminal is wide: Lines wraps.
func Record(ctx context.Context, host *lab.Host, t inrelease.TB) (string, error) {
	repo := host.ServeSigned(ctx, t, release)
	if err := os.WriteFile(host.Path(lab.LabConfigPath), []byte(lab.SignedConfig(repo)), 0o644); err != nil {
		return "", err
	}
	// A stand-in for sudo, which runs its arguments; and the image under the name that readers know.
	if err := os.WriteFile(host.Path("/usr/local/bin/sudo"), []byte("#!/bin/sh\nexec \"$@\"\n"), 0o755); err != nil {
		return "", err
	}
	if _, err := onTerminal(ctx, host, "docker tag "+lab.Image+" busybox"); err != nil {
		return "", err
	}
	var session strings.Builder
	for _, command := range commands {
		said, err := onTerminal(ctx, host, command)
		if err != nil {
			return "", err
		}
		session.WriteString("\x1b[32m$\x1b[0m \x1b[1m" + command + "\x1b[0m\n" + said + "\n")
	}
	return session.String(), nil
}

// onTerminal runs a command on a terminal of the host, and returns what it printed there.
func onTerminal(ctx context.Context, host *lab.Host, command string) (string, error) {
	var out bytes.Buffer
	result, err := host.RunWith(ctx, lab.Command{
		Argv: []string{"script", "--quiet", "--return", "--command", "stty cols 1000 rows 60; " + command, "/dev/null"},
		Env:  []string{"TERM=xterm-256color"}, Stdout: &out,
	})
	if err != nil {
		return "", err
	}
	if result.Code != 0 {
		return "", fmt.Errorf("%s: exit %d: %s", command, result.Code, out.String())
	}
	return out.String(), nil
}
