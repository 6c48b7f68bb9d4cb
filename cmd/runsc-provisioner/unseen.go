package main

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/status"
)

// besideJournal is an error of a command that only looks, beside a change of another run that
// did not end.
type besideJournal struct {
	error
	item checkup.Item
}

func (e *besideJournal) Unwrap() error { return e.error }

// besideJournal adds to err the change that a run did not finish, if there is one: it may be why
// the host cannot be read.
func (a *app) besideJournal(err error) error {
	open := a.hostForRecords().State().Journal().Open()
	if open == nil || open.State == state.JournalUnknown {
		return err
	}
	return &besideJournal{err, checkup.AddJournalItem(nil, open)[0]}
}

// unseen says what a plan could not take into account, because only root may read it.
func (a *app) unseen() []string {
	if a.hostForRecords().State().KnownRejections() != nil {
		return nil
	}
	return []string{"only root may see which arguments of runsc a release has rejected: " +
		"apply may hold a release that this plan uses"}
}

// ownUnit is the unit of the daemon.
const ownUnit = "runsc-provisioner.service"

// statusWithoutRoot prints what every user may see: the daemon's summary, and the states of the
// units. The exit code is at best that of denied.
func (a *app) statusWithoutRoot(ctx context.Context, denied error) error {
	units, err := a.systemd(ctx)
	if err != nil {
		return errors.Join(denied, err)
	}
	defer units.Close()
	own, err := units.Unit(ctx, ownUnit)
	if err != nil {
		return errors.Join(denied, err)
	}
	docker, err := units.Unit(ctx, host.DockerUnit)
	if err != nil {
		return errors.Join(denied, err)
	}
	runs := own.Running() && own.StatusText != ""
	if runs {
		a.printf("%s\n\n", printable(own.StatusText))
	}
	table := a.newTable()
	daemonState := printable(own.ActiveState)
	if own.LoadState == "not-found" {
		daemonState = "not installed as a service"
	}
	table.row("daemon", daemonState)
	table.row("docker", printable(docker.ActiveState))
	if err := table.flush(); err != nil {
		return err
	}
	a.printf("%s only root may see the rest: sudo runsc-provisioner status\n", a.style(yellow, "note:"))
	if !runs {
		return exitError(exitNotRoot)
	}
	word, _, _ := strings.Cut(own.StatusText, ":")
	if code := statusCode(status.Status{State: status.State(word)}); code != exitDone {
		return exitError(code)
	}
	return exitError(exitNotRoot)
}

// deniedError says that only root may read a file. It counts as an errNotRoot, but
// keeps its own text, because nothing was to be changed.
type deniedError struct{ error }

func (e deniedError) Unwrap() error        { return e.error }
func (e deniedError) Is(target error) bool { return target == errNotRoot }

// deniedIf is err, as a deniedError if only root may read a file.
func deniedIf(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return deniedError{err}
	}
	return err
}
