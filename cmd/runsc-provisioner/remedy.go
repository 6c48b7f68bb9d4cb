package main

import (
	"cmp"
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
	"runsc-provisioner/provision/bundle"
	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/distro"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/prepare"
	"runsc-provisioner/provision/proof"
	"runsc-provisioner/provision/redact"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/subid"
	"runsc-provisioner/provision/transaction"
	"runsc-provisioner/systemd"
)

// Exit codes of every command but verify and doctor, after sysexits.h where it has one.
const (
	exitDone        = 0  // done, or nothing to do
	exitFailed      = 1  // failed, and nothing was changed in Docker
	exitChanges     = 2  // plan --detailed-exitcode: changes are pending
	exitRolledBack  = 3  // failed in Docker: the old state is back
	exitHeld        = 4  // something needs more consent than it has
	exitUsage       = 64 // wrong command line
	exitRefusedData = 65 // a downloaded or installed release is bad
	exitOutOfReach  = 69 // Docker or systemd does not answer
	exitNotUndone   = 70 // the rollback failed: Docker is down, or part of the change stays
	exitTryAgain    = 75 // network, lock
	exitNotRoot     = 77
	exitRefused     = 78 // our configuration or daemon.json
)

// exitError ends a command with a code and without a message.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit %d", int(e)) }

// usageError is a wrong command line, with a hint or "".
type usageError struct {
	error
	hint string
}

func (e *usageError) Unwrap() error { return e.error }

var errNotRoot = errors.New("this changes the host and needs root")

// explain prints err with a hint, and returns the exit code.
func (to *console) explain(err error) int {
	code, hint := remedy(err)
	to.printError(err, hint)
	return code
}

// printError prints err with the output of runsc and Docker, and a hint.
func (to *console) printError(err error, hint string) {
	// errors.Join puts each of its errors on a line of its own.
	to.complain("error: %s\n", printable(strings.ReplaceAll(err.Error(), "\n", ": ")))
	var proof *proof.Failed
	if errors.As(err, &proof) {
		hidden := redact.InArguments(proof.Args)
		for _, line := range proof.Said() {
			to.complain("  runsc: %s\n", printable(hidden.Hide(line)))
		}
	}
	var beside *besideJournal
	if errors.As(err, &beside) {
		to.complain("note: %s: %s: %s\n", beside.item.Name, printable(beside.item.Seen), printable(beside.item.Remedy))
	}
	for _, line := range dockerLog(err) {
		to.complain("  docker: %s\n", printable(line))
	}
	if hint != "" {
		to.complain("hint: %s\n", hint)
	}
}

// dockerLog is what Docker logged while a change failed.
func dockerLog(err error) []string {
	var down *transaction.DockerDown
	var rolledBack *transaction.RolledBack
	switch {
	case errors.As(err, &down):
		return down.Said
	case errors.As(err, &rolledBack):
		return rolledBack.Said
	}
	return nil
}

// remedy returns the exit code of an error, and what the user can do about it.
func remedy(err error) (code int, hint string) {
	var (
		usage      *usageError
		down       *transaction.DockerDown
		rolledBack *transaction.RolledBack
		conf       *config.Error
		failed     *proof.Failed
		unseen     *proof.UnseenWrites
		refused    *release.RefusedError
		gone       *release.UnavailableError
		reach      *blocked.Unreachable
		flag       *commandline.FlagConflict
		syntax     *daemonjson.Error
		refusal    *blocked.Refused
		unsafe     *durable.UnsafeError
		foreign    *release.ForeignError
		ended      *provision.Interrupted
		record     *config.RecordError
		proxy      *proxyMissing
		declare    *prepare.DeclareError
		fixed      *durable.ImmutableError
		carried    *bundle.BadError
		older      *release.OlderError
		previous   *provision.NoPreviousError
		changed    *distro.ChangedError
		left       *provision.LeftoverError
	)
	switch {
	case errors.As(err, &down):
		return exitNotUndone, downHint(down.Left)
	case errors.As(err, &rolledBack) && rolledBack.Restore != nil:
		return exitNotUndone, notUndoneHint(rolledBack.Left)
	case errors.As(err, &rolledBack) && errors.As(err, &ended):
		return exitRolledBack, interruptedHint(ended)
	case errors.As(err, &rolledBack) && isFull(err):
		return exitRolledBack, fullHint(err)
	case errors.As(err, &rolledBack) && errors.As(err, &unseen):
		return exitRolledBack, unseenWritesHint
	case errors.As(err, &rolledBack) && errors.Is(err, transaction.ErrStartLimit):
		return exitRolledBack, "wait as long as StartLimitIntervalSec= of docker.service says (systemctl show -p StartLimitIntervalUSec docker.service), then run this again; you need not undo anything"
	case errors.As(err, &rolledBack) && (rolledBack.DockerEnded || rolledBack.DockerState != ""):
		return exitRolledBack, "check Docker and your containers: systemctl status docker.service, docker ps -a; journalctl -u docker.service shows the error of dockerd"
	case errors.As(err, &rolledBack) && errors.Is(err, systemd.ErrReloadHung):
		return exitRolledBack, "systemctl cat docker.service shows its ExecReload, which must end: correct it, then run this again; you need not undo anything"
	case errors.As(err, &rolledBack):
		return exitRolledBack, "journalctl -u docker.service shows the error of dockerd; you need not undo anything"
	case errors.As(err, &left):
		return exitFailed, "run uninstall again: it goes on from here"
	case errors.As(err, &ended):
		return exitFailed, interruptedHint(ended)
	case errors.Is(err, context.Canceled):
		return exitFailed, "the run was interrupted before it changed anything"
	case errors.As(err, &usage):
		return exitUsage, cmp.Or(usage.hint, "runsc-provisioner --help lists the commands")
	case errors.Is(err, errNotInstalled):
		return exitFailed, "install it first: sudo runsc-provisioner apply"
	case errors.Is(err, errNotRoot):
		return exitNotRoot, "run it with sudo; `runsc-provisioner plan` shows what apply would do"
	case errors.As(err, &unsafe):
		return exitRefused, unsafeHint(unsafe)
	case errors.As(err, &foreign):
		return exitRefused, "another program put it there: move it away if you do not need it"
	case errors.As(err, &conf) && errors.Is(err, fs.ErrPermission):
		return exitRefused, "run it with sudo"
	case errors.As(err, &conf) && (conf.Key == "docker.default_runtime" || conf.Key == "docker.builds"):
		return exitRefused, "to add a runtime, write [docker.runtimes.NAME] into config.toml; `runsc-provisioner config show` lists those that are there"
	case errors.As(err, &conf) && conf.Source == config.FlagSource:
		return exitRefused, "runsc-provisioner apply --help says which values a flag takes"
	case errors.As(err, &conf):
		return exitRefused, "`runsc-provisioner config show` lists every value and its source"
	case errors.As(err, &declare):
		return exitRefused, declareHint(declare)
	case errors.As(err, &unseen):
		return exitFailed, unseenWritesHint
	case errors.As(err, &failed) && len(failed.Rejected) > 0:
		return exitFailed, "nothing was changed in Docker; correct or remove " + strings.Join(redact.Rejected(failed.Rejected), ", ") + ", or choose another release with --release"
	case errors.As(err, &failed) && strings.Contains(failed.Output, "cgroup controller"):
		return exitFailed, "nothing was changed in Docker; this host lacks cgroup controllers that runsc needs: `runsc-provisioner doctor` lists them"
	case errors.As(err, &failed):
		return exitFailed, "nothing was changed in Docker; the lines above are from runsc"
	case isFull(err):
		return exitFailed, fullHint(err)
	case errors.As(err, &carried):
		return exitRefusedData, "nothing was changed; copy the file again, or make it again with: runsc-provisioner bundle create FILE"
	case errors.As(err, &older):
		return exitRefusedData, "nothing was changed; to use it all the same: --allow-downgrade"
	case errors.As(err, &previous) && previous.Used != "":
		return exitFailed, "install one: sudo runsc-provisioner apply --release=RELEASE --allow-downgrade"
	case errors.As(err, &previous):
		return exitFailed, "register one first: sudo runsc-provisioner apply"
	case errors.As(err, &changed):
		return exitRefusedData, "nothing was changed; if you did not change that file, find out who did; then let " + changed.Package.Manager + " install package " + changed.Package.Name + " again"
	case errors.As(err, &refused) && refused.Act == "check" && !strings.Contains(refused.Object, "://"):
		return exitRefusedData, "nothing was installed; what is there is not what was asked for: ask for it, or install what you ask for"
	case errors.As(err, &refused):
		return exitRefusedData, "nothing was installed; check whether a proxy or login page answered instead of the server"
	case errors.As(err, &gone) && errors.As(err, &proxy):
		return exitTryAgain, proxy.hint()
	case errors.As(err, &gone):
		return exitTryAgain, "nothing was changed; the release server did not answer properly: try again later"
	case errors.Is(err, fs.ErrExist):
		return exitFailed, "nothing is overwritten: choose another name, or remove what is there"
	case errors.Is(err, syscall.EROFS):
		return exitFailed, "that file system is read-only: mount it writable, then run it again; the kernel's log says why it is read-only"
	case errors.Is(err, syscall.EPERM):
		return exitFailed, "not even root may change that: lsattr shows the attributes i (immutable) and a (append-only) of a file or directory, and chattr -i -a removes them"
	case errors.Is(err, state.ErrLocked):
		return exitTryAgain, "wait for the other run to end, or wait longer with --lock-timeout"
	case errors.Is(err, state.ErrDaemonRuns):
		return exitTryAgain, "one daemon is enough: `runsc-provisioner status` shows what it knows"
	case errors.Is(err, subid.ErrLocked):
		return exitTryAgain, "wait until useradd, usermod or vipw ends; /etc/.pwd.lock, /etc/subuid.lock and /etc/subgid.lock name the process"
	case errors.Is(err, transaction.ErrBusy):
		return exitTryAgain, "another program keeps writing daemon.json (configuration management?): stop it, then run this again"
	case errors.As(err, &reach):
		return exitOutOfReach, reachHint(reach)
	case errors.As(err, &flag):
		return exitRefused, checkup.FlagRemedy(flag.Option) + ", then run this again"
	case errors.As(err, &syntax):
		return exitRefused, "dockerd cannot read this file, or reads it differently: fix the file, then run this again"
	case errors.As(err, &record):
		return exitHeld, "there is no configuration file, and the record of the last one is unreadable: put the configuration file back, or start without it: sudo runsc-provisioner apply --give-up"
	case errors.As(err, &fixed):
		return exitRefused, "to let it be changed: sudo chattr -i -a " + fixed.Path
	case errors.As(err, &refusal):
		return exitRefused, ""
	default:
		return exitFailed, ""
	}
}

// unsafeHint is for a path that other users can change.
func unsafeHint(e *durable.UnsafeError) string {
	hint := "must be writable by root only: anyone who can write there controls what root runs"
	if e.Remedy == "" {
		return hint + "; choose another path"
	}
	return hint + "; look at what is there, then: " + e.Remedy
}

// declareHint has the lines for a daemon.json that cannot be replaced.
func declareHint(e *prepare.DeclareError) string {
	hint := "if another program makes this file from a description of the system, add these settings there, let it make the file, and run apply again"
	if e.Placeholder {
		hint += "; apply installs the release first, and then names its path here"
	}
	return hint + ":\n" + strings.TrimRight(e.Lines, "\n")
}

// interruptedHint says which changes of an interrupted run stay.
func interruptedHint(ended *provision.Interrupted) string {
	var actions []string
	for _, step := range ended.Stays {
		if !slices.Contains(actions, step.Kind().Action) {
			actions = append(actions, step.Kind().Action)
		}
	}
	done := strings.Join(actions, ", ")
	switch {
	case ended.Docker():
		return "what was done before is in effect (" + done + "), and the next run goes on from there"
	case len(actions) > 0:
		return "Docker is unchanged; what was done before stays (" + done + "), and the next run goes on from there"
	case ended.Changed:
		return "nothing else was changed: run it again"
	default:
		return "nothing was changed: run it again"
	}
}

// unseenWritesHint is for a Docker that does not see a container's writes.
const unseenWritesHint = `give the runtime the argument --overlay2=none and no other overlay flag; or set rootfs = "sandbox" in [docker.runtimes.NAME], if you do not need docker cp, commit and diff`

// reachHint is for a systemd or Docker that is out of reach.
func reachHint(reach *blocked.Unreachable) string {
	switch {
	case errors.Is(reach, fs.ErrPermission):
		return "run it with sudo"
	case errors.Is(reach, blocked.ErrSnap):
		return checkup.SnapRemedy
	case errors.Is(reach, blocked.ErrNoUnixSocket):
		return checkup.UnixSocketRemedy
	case errors.Is(reach, blocked.ErrMasked):
		return "to run Docker here: systemctl unmask docker.service"
	case errors.Is(reach, blocked.ErrNotInstalled):
		return "install Docker from your distribution or from docker.com, then run this again"
	case errors.Is(reach, systemd.ErrSilent):
		return "`systemctl status` waits too; `find /etc/systemd /run/systemd -type p` lists named pipes that systemd may wait for: `timeout 1 tee PIPE </dev/null` ends such a wait; then remove the pipe"
	case reach.Object == "systemd":
		return "run it on the host itself: without systemd, the state of docker.service is unknown"
	default:
		return "systemctl status docker.service shows its state"
	}
}

// lookHint is the hint for an error of verify or doctor.
func lookHint(err error) string {
	var (
		slow  *host.NoAnswer
		usage *usageError
	)
	switch {
	case errors.As(err, &usage):
		return cmp.Or(usage.hint, "runsc-provisioner verify --help and runsc-provisioner doctor --help list the flags")
	case errors.As(err, &slow):
		return "check systemctl status docker.service and the load of the machine; --timeout waits longer"
	case errors.Is(err, context.Canceled):
		return "the run was interrupted: run it again"
	}
	_, hint := remedy(err)
	return hint
}
