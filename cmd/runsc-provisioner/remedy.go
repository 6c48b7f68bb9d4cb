package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision"
	"runsc-provisioner/provision/blocked"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/state"
)

// Exit codes of every command but verify and doctor, after sysexits.h where it has one.
const (
	exitDone        = 0  // done, or nothing to do
	exitFailed      = 1  // failed, nothing left changed
	exitChanges     = 2  // plan --detailed-exitcode: changes are pending
	exitRolledBack  = 3  // dockerd did not take it: the old state is back
	exitHeld        = 4  // something needs more consent than was given
	exitUsage       = 64 // the command line
	exitRefusedData = 65 // what was fetched or found installed
	exitOutOfReach  = 69 // Docker or systemd
	exitDockerDown  = 70 // Docker did not come up again
	exitTryAgain    = 75 // network, lock
	exitNotRoot     = 77
	exitRefused     = 78 // own config or daemon.json
)

// exitError ends a command with a code and no further words.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit %d", int(e)) }

type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

var errNotRoot = errors.New("this changes the host and needs root")

// explain prints err with what to do about it, and gives the exit code.
func (a *app) explain(err error) int {
	code, hint := remedy(err)
	a.tell(err, hint)
	return code
}

// tell prints err with what others said of it, and a hint.
func (a *app) tell(err error, hint string) {
	// errors.Join puts each of its errors on a line of its own.
	fmt.Fprintf(a.stderr, "error: %s\n", printable(strings.ReplaceAll(err.Error(), "\n", ": ")))
	var proof *provision.ProofFailed
	if errors.As(err, &proof) {
		for line := range strings.Lines(strings.TrimSpace(proof.Output)) {
			fmt.Fprintf(a.stderr, "  runsc: %s\n", printable(strings.TrimRight(line, "\n")))
		}
	}
	for _, line := range said(err) {
		fmt.Fprintf(a.stderr, "  docker: %s\n", printable(line))
	}
	if hint != "" {
		fmt.Fprintf(a.stderr, "hint: %s\n", hint)
	}
}

// said is what Docker logged as a change failed.
func said(err error) []string {
	var down *provision.DockerDown
	var rolledBack *provision.RolledBack
	switch {
	case errors.As(err, &down):
		return down.Said
	case errors.As(err, &rolledBack):
		return rolledBack.Said
	}
	return nil
}

// remedy knows the exit code of every error and what a person can do about it.
func remedy(err error) (code int, hint string) {
	var (
		usage      *usageError
		down       *provision.DockerDown
		rolledBack *provision.RolledBack
		conf       *config.Error
		proof      *provision.ProofFailed
		unseen     *provision.UnseenWrites
		refused    *release.RefusedError
		gone       *release.UnavailableError
		room       *release.SpaceError
		reach      *blocked.Unreachable
		flag       *engine.FlagConflict
		syntax     *daemonjson.Error
		refusal    *blocked.Refused
		unsafe     *release.UnsafeError
		foreign    *release.ForeignError
		ended      *provision.Interrupted
		record     *config.RecordError
	)
	switch {
	case errors.As(err, &down):
		return exitDockerDown, "systemctl status docker.service and journalctl -u docker.service say why; daemon.json is as it was before, and the next apply tries once more to start Docker"
	case errors.As(err, &rolledBack) && rolledBack.Restore != nil:
		return exitRolledBack, "compare daemon.json with the copy in /var/lib/runsc-provisioner/backup, and see journalctl -u docker.service; the next apply tries once more, and sets aside what cannot be undone"
	case errors.As(err, &rolledBack) && errors.As(err, &ended):
		return exitRolledBack, stays(ended)
	case errors.As(err, &rolledBack) && errors.As(err, &unseen):
		return exitRolledBack, unseenHint
	case errors.As(err, &rolledBack):
		return exitRolledBack, "journalctl -u docker.service shows what dockerd said; nothing needs to be undone"
	case errors.As(err, &ended):
		return exitFailed, stays(ended)
	case errors.Is(err, context.Canceled):
		return exitFailed, "it was interrupted before it changed anything"
	case errors.As(err, &usage):
		return exitUsage, "runsc-provisioner --help lists the commands"
	case errors.Is(err, errNotRoot):
		return exitNotRoot, "run it with sudo; `runsc-provisioner plan` shows what it would do"
	case errors.As(err, &unsafe):
		return exitRefused, "only root may be able to write there: whoever else can, decides what root runs"
	case errors.As(err, &foreign):
		return exitRefused, "move it away, or leave things as they are"
	case errors.As(err, &conf) && errors.Is(err, fs.ErrPermission):
		return exitRefused, "run it with sudo"
	case errors.As(err, &conf):
		return exitRefused, "`runsc-provisioner config show` lists every value and where it comes from"
	case errors.As(err, &unseen):
		return exitFailed, unseenHint
	case errors.As(err, &proof):
		return exitFailed, "nothing was changed in Docker; the lines above are runsc's own"
	case errors.As(err, &refused):
		return exitRefusedData, "nothing was installed; if a proxy or portal answers in the server's place, fix that first"
	case errors.As(err, &gone):
		return exitTryAgain, "the release server could not be reached as it should; nothing was changed, try again later"
	case errors.As(err, &room):
		return exitFailed, "make room on that file system, then run it again"
	case errors.Is(err, syscall.EROFS):
		return exitFailed, "that file system is mounted read-only: mount it writable (the kernel's log says why it is not), then run it again"
	case errors.Is(err, state.ErrLocked):
		return exitTryAgain, "wait for the other run, or give it more time with --lock-timeout"
	case errors.Is(err, provision.ErrAccountsLocked):
		return exitTryAgain, "wait until useradd, usermod or vipw has ended; /etc/.pwd.lock, /etc/subuid.lock and /etc/subgid.lock say who it is"
	case errors.Is(err, provision.ErrBusy):
		return exitTryAgain, "find out what else writes daemon.json (configuration management?), then run it again"
	case errors.As(err, &reach):
		return exitOutOfReach, reachHint(reach)
	case errors.As(err, &flag):
		return exitRefused, "dockerd does not start with an option in both places: remove the flag, then run this again"
	case errors.As(err, &syntax):
		return exitRefused, "dockerd would not read it either, or read it in another way: mend the file, then run this again"
	case errors.As(err, &record):
		return exitHeld, "there is no configuration file, and the configuration that was last accepted cannot be read: put the configuration back, or start again without it: sudo runsc-provisioner apply --give-up"
	case errors.As(err, &refusal):
		return exitRefused, ""
	default:
		return exitFailed, ""
	}
}

// stays is what an interrupted run has left.
func stays(ended *provision.Interrupted) string {
	var actions []string
	for _, step := range ended.Stays {
		if !slices.Contains(actions, step.Kind().Action) {
			actions = append(actions, step.Kind().Action)
		}
	}
	done := strings.Join(actions, ", ")
	switch {
	case ended.Docker():
		return "what was done before that is in effect (" + done + "), and the next run goes on from there"
	case len(actions) > 0:
		return "Docker was left as it was; what was done before that stays (" + done + "), and the next run goes on from there"
	case ended.Changed:
		return "nothing else was changed: run it again"
	default:
		return "nothing was changed: run it again"
	}
}

// unseenHint is what to do where Docker does not see a container's writes.
const unseenHint = `give the runtime the argument --overlay2=none and no other flag of an overlay, or set rootfs = "sandbox" in [docker.runtimes.NAME] to do without docker cp, commit and diff`

// reachHint is what to do about somebody who cannot be asked.
func reachHint(reach *blocked.Unreachable) string {
	switch {
	case errors.Is(reach, fs.ErrPermission):
		return "run it with sudo"
	case errors.Is(reach, blocked.ErrMasked):
		return "if Docker is to run here: systemctl unmask docker.service"
	case errors.Is(reach, blocked.ErrNotInstalled):
		return "install Docker, from your distribution or from docker.com, then run this again"
	case reach.Object == "systemd":
		return "run it on the host itself: where systemd does not answer, nothing can be said of docker.service"
	default:
		return "systemctl status docker.service shows its state"
	}
}

// lookHint is what to do about an error of a command that only looks.
func lookHint(err error) string {
	var (
		slow  *host.NoAnswer
		usage *usageError
	)
	switch {
	case errors.As(err, &usage):
		return "runsc-provisioner verify --help and doctor --help list their flags"
	case errors.As(err, &slow):
		return "systemctl status docker.service, and the load of the machine, may say why; --timeout gives it longer"
	case errors.Is(err, context.Canceled):
		return "it was interrupted: run it again"
	}
	_, hint := remedy(err)
	return hint
}
