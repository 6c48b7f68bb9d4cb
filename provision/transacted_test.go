package provision

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/provision/transaction"
	"runsc-provisioner/test/dockerhost"
)

func TestFault_X01_WhatARecoveryDidIsReported(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(pr *Provisioner) error // after the kill
		want EventKind
	}{
		{name: "it is undone", want: Recovered, do: func(*Provisioner) error { return nil }},
		{name: "the journal is damaged", want: Abandoned, do: func(pr *Provisioner) error {
			return os.WriteFile(pr.State().Journal().Path(), []byte("{\"schema_"), 0o600)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			pr, _, o := hostWithDockerd(t, oldText)
			_, err := transaction.Begin(pr.docker(), dockerhost.Upgrade(o, newText), o, config.Default().RuntimeNames())
			j, _, readErr := pr.State().Journal().Read()
			j.Trial = "" // a fake dockerd has no containers
			if err := errors.Join(err, readErr, pr.State().Journal().Write(j), test.do(pr)); err != nil {
				t.Fatal(err)
			}
			var events []Event
			pr.Report = func(e Event) { events = append(events, e) }
			changed, err := pr.recoverAndReport(t.Context(), plan.Options{})
			if err != nil || !changed || len(events) != 1 || events[0].Kind != test.want || events[0].Text == "" {
				t.Errorf("got changed %t, error %v, events %+v, want kind %d", changed, err, events, test.want)
			}
			if changed, err := pr.recoverAndReport(t.Context(), plan.Options{}); err != nil || changed || len(events) != 1 {
				t.Errorf("a second time: got changed %t, error %v, events %+v, want nothing to do", changed, err, events)
			}
		})
	}
}

func TestFault_X01_AnInterruptedRunRecoversNothing(t *testing.T) {
	pr, _, o := hostWithDockerd(t, oldText)
	if _, err := transaction.Begin(pr.docker(), dockerhost.Upgrade(o, newText), o, config.Default().RuntimeNames()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	signal := errors.New("the signal of the test")
	cancel(signal)
	if changed, err := pr.recoverAndReport(ctx, plan.Options{}); changed || !errors.Is(err, signal) || !pr.isOpen(t) {
		t.Errorf("got changed %t, error %v, journal open: %t, want only %v", changed, err, pr.isOpen(t), signal)
	}
}

// The way back restarts Docker, and the user sees it like a step.
func TestFault_E05_TheWayBackIsReported(t *testing.T) {
	pr, f, o, p := switching(t, "userns", nil)
	f.Edit = dockerhost.EditDebug
	type seen struct {
		kind    EventKind
		restart bool
		failed  bool
	}
	var events []seen
	pr.Report = func(e Event) {
		step, restart := e.Step.(steps.Restart)
		if restart || e.Kind == RollingBack {
			events = append(events, seen{e.Kind, restart, e.Err != nil})
		}
		if restart && step.Unit != host.DockerUnit {
			t.Errorf("got a restart of %s", step.Unit)
		}
	}
	_, err := pr.apply(t.Context(), p, config.Default(), o)
	var back *transaction.RolledBack
	if !errors.As(err, &back) {
		t.Errorf("got error %v, want a *RolledBack", err)
	}
	want := []seen{{StepStarted, true, false}, {StepDone, true, true}, {RollingBack, false, true}, {StepStarted, true, false}, {StepDone, true, false}}
	if !slices.Equal(events, want) {
		t.Errorf("got %+v\nwant %+v", events, want)
	}
}
