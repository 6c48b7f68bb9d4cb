// Package proof proves that a release of gVisor works on this host: it starts a sandbox,
// outside Docker or through it, and accepts only a process of that release that it sees in
// the host's /proc. It leaves no container, image or bundle behind, and removes those of
// killed runs.
package proof

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/command"
	"runsc-provisioner/provision/evidence"
	"runsc-provisioner/provision/failpoint"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/verify"
)

const (
	// InitArg, as the first argument, makes this program the init process of the proof's
	// sandbox (Init).
	InitArg = "proof-init"
	// proofTimeout is far above the 80 ms that a sandbox takes to start.
	proofTimeout = 30 * time.Second
	dirPrefix    = "runsc-proof-"
)

// Init runs inside the sandbox. Its argument, if any, is a nonce: it first makes the changes
// of trialWrites to its root file system. Then it prints what it sees of the kernel
// (insideView). It waits for the end of its input: until then, the host can look at it.
func Init(args []string, stdin io.Reader, stdout io.Writer) error {
	if len(args) > 0 {
		if err := (trialWrites{args[0]}).makeChanges("/"); err != nil {
			return fmt.Errorf("change the root file system: %w", err)
		}
	}
	view, err := lookInside()
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(stdout, view); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, stdin)
	return err
}

// Runner starts sandboxes of releases on Host, and checks them from outside.
type Runner struct {
	*host.Host
	// Self is the path of this program's own static binary, which runs inside the sandbox
	// with InitArg.
	Self string
}

// Prove runs a container with the release's runsc, without Docker, and checks from the host
// that it is in a sandbox of that release. It leaves nothing behind. The result is what was
// seen, in a few words. The error of a proof that failed is a *Failed with runsc's output.
func (r Runner) Prove(ctx context.Context, s steps.Prove) (result string, err error) {
	ctx, cancel := context.WithTimeout(ctx, proofTimeout)
	defer cancel()
	installed, err := r.Installed(ctx, s.Release)
	if err != nil {
		return "", err
	}
	p := proof{step: s, release: installed, id: dirPrefix + strings.ToLower(rand.Text()), store: r.Store(), proc: r.Proc()}
	p.dir = filepath.Join(r.Paths.State, p.id)
	defer func() { err = errors.Join(err, p.clear(context.WithoutCancel(ctx))) }()
	failpoint.Here("proof: before the bundle")
	if err := p.bundle(r.Self); err != nil {
		return "", fmt.Errorf("prepare the proof in %s: %w", p.dir, err)
	}
	kernel, err := p.run(ctx)
	if errors.Is(ctx.Err(), context.Canceled) {
		return "", fmt.Errorf("prove release %s: %w", s.Release, context.Canceled)
	}
	if err != nil {
		return "", &Failed{Release: s.Release, Runtime: s.Runtime, Args: s.Args, Err: err, Output: p.output.String()}
	}
	return "kernel inside: " + kernel, nil
}

// proof is one container under one runsc.
type proof struct {
	step    steps.Prove
	release release.Installed
	store   release.Store
	id      string
	dir     string // holds the bundle and runsc's own state
	proc    *verify.FS
	output  command.Output
}

// run starts the container, finds its sandbox on the host, and lets it end.
func (p *proof) run(ctx context.Context) (kernel string, err error) {
	cmd := p.runsc(ctx, "run", "-bundle", p.dir, p.id)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return "", err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	cmd.Stderr = &p.output
	if err := cmd.Start(); err != nil {
		return "", err
	}
	failpoint.Here("proof: started")
	kernel, lookErr := p.findSandbox(ctx, stdout)
	failpoint.Here("proof: looked at")
	stdin.Close()
	if lookErr != nil {
		// Wait also collects what runsc printed instead of the line.
		waitErr := cmd.Wait()
		return "", errors.Join(lookErr, waitErr)
	}
	if err := cmd.Wait(); err != nil {
		return "", err
	}
	return kernel, nil
}

// findSandbox waits for the container's first line and finds its sandbox on the host.
func (p *proof) findSandbox(ctx context.Context, stdout io.Reader) (kernel string, err error) {
	line, err := bufio.NewReader(io.LimitReader(stdout, 256)).ReadString('\n')
	if err != nil {
		return "", errors.New("it ended before a process ran inside")
	}
	known, err := evidence.Releases(ctx, p.store, []release.Installed{p.release})
	if err != nil {
		return "", err
	}
	survey, err := p.proc.Look(ctx, nil, known)
	if err != nil {
		return "", err
	}
	for _, s := range survey.Sandboxes {
		if s.ContainerID == p.id && s.File.Release == p.release.Name {
			return parseInsideView(line).kernel, nil
		}
	}
	return "", errors.New("its process ran, but no sandbox of this release was seen on the host")
}

// runsc is a command of the release, with the arguments that dockerd will give it, in a
// clean environment.
func (p *proof) runsc(ctx context.Context, args ...string) *exec.Cmd {
	argv := append([]string{"--root", filepath.Join(p.dir, "state")}, p.step.Args...)
	if p.step.CgroupDriver == cgroupSystemd {
		argv = append(argv, "--systemd-cgroup")
	}
	cmd := command.New(ctx, p.release.Runsc, append(argv, args...)...)
	// The mounts of runsc (a network namespace in its root directory) end with the mount
	// namespace, even if this process is killed.
	cmd.SysProcAttr.Unshareflags = unix.CLONE_NEWNS
	return cmd
}

// clear removes the bundle and the container, even one that hangs.
func (p *proof) clear(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, proofTimeout)
	defer cancel()
	if _, err := os.Stat(filepath.Join(p.dir, "state")); err == nil {
		// An error says only that the container is already gone.
		_ = p.runsc(ctx, "delete", "-force", p.id).Run()
	}
	failpoint.Here("proof: deleted")
	return os.RemoveAll(p.dir)
}
