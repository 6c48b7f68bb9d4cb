// Command try shows the whole job on a throwaway host: gVisor installed,
// registered, made the default, proven, a second run with nothing to do, and a
// daemon that repairs drift.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"runsc-provisioner/test/inrelease"
	"runsc-provisioner/test/lab"
)

// release is the gVisor release that the host's server has.
const release = "20260914.0"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop)
	if err := try(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "error: %v\n", err)
		os.Exit(1)
	}
}

func try(ctx context.Context) (err error) {
	if os.Geteuid() != 0 {
		return errors.New("a throwaway host is booted with systemd-nspawn, which needs root: sudo make try")
	}
	start := time.Now()
	fmt.Println("Booting a throwaway Debian host with systemd, Docker and a release server.")
	fmt.Println("The first time this builds gVisor and a root file system, which takes minutes; then seconds.")
	cache, err := lab.OpenCache(os.Stdout)
	if err != nil {
		return err
	}
	if err := cache.Prepare(ctx, "trixie", lab.ReleaseTree); err != nil {
		return err
	}
	host, err := lab.Boot(ctx, lab.Options{Name: "try"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	// The product demands a signature by default, so the release server gets a repository that is signed for this run.
	repo := host.ServeSigned(ctx, inrelease.Panics{}, release)
	if err := os.WriteFile(host.Path(lab.LabConfigPath), []byte(lab.SignedConfig(repo)), 0o644); err != nil {
		return err
	}
	fmt.Printf("The host is up after %.1f s.\n", time.Since(start).Seconds())

	s := session{ctx: ctx, host: host, out: os.Stdout}
	if err := s.show(); err != nil {
		return err
	}
	fmt.Printf("\nEverything took %.1f s. The host is being removed.\n", time.Since(start).Seconds())
	onThisMachine()
	return nil
}

// A session types commands on the host for a spectator.
type session struct {
	ctx  context.Context
	host *lab.Host
	out  io.Writer
}

func (s session) show() error {
	steps := []struct{ say, command, want string }{
		{"Docker knows no runsc, and a container sees the host's kernel:",
			"docker info --format 'runtimes: {{range $name, $_ := .Runtimes}}{{$name}} {{end}} default: {{.DefaultRuntime}}'; docker run --rm " + lab.Image + " uname -r", ""},
		{"What apply would change:", "runsc-provisioner plan --default-runtime", "signed with a pinned key"},
		{"Change it:", "runsc-provisioner apply --default-runtime", "done in"},
		{"A container without any --runtime. The kernel inside:", "docker run -d --name demo " + lab.Image + " sleep 600 >/dev/null && docker exec demo uname -r", "gvisor"},
		{"The kernel outside:", "uname -r", ""},
		{"Its process on the host:", "ps -eo pid,user,args | grep '[r]unsc-sandbox' | cut -c -150", "runsc-sandbox"},
		{"Which containers are in a sandbox, seen from the host:", "runsc-provisioner verify", "sandboxed"},
		{"A second apply changes nothing:", "runsc-provisioner apply --default-runtime", "nothing to do"},
		{"Keep it so. Another program empties daemon.json, and a moment later it matches the configuration again:",
			"systemctl start runsc-provisioner; echo '{}' >/etc/docker/daemon.json; until runsc-provisioner status >status && grep -q 'last drift' status; do sleep 0.1; done; cat status", "enforced"},
	}
	for _, step := range steps {
		fmt.Fprintf(s.out, "\n# %s\n$ %s\n", step.say, step.command)
		var seen strings.Builder
		result, err := s.host.RunWith(s.ctx, lab.Command{
			Argv:   []string{"sh", "-c", step.command},
			Stdout: io.MultiWriter(s.out, &seen),
			Stderr: s.out,
		})
		if err != nil {
			return err
		}
		if result.Code != 0 {
			return fmt.Errorf("%s: exit code %d", step.command, result.Code)
		}
		if !strings.Contains(seen.String(), step.want) {
			return fmt.Errorf("%s: its output has no %q", step.command, step.want)
		}
	}
	return nil
}

// onThisMachine prints the command for this machine, if it has Docker.
func onThisMachine() {
	if _, err := exec.LookPath("dockerd"); err != nil {
		return
	}
	fmt.Println("\nOn this machine:  sudo make install && sudo runsc-provisioner apply")
}
