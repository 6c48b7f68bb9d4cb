package daemon

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/provision"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/status"
	"runsc-provisioner/verify"
)

// watched is a loop on a host where a sandbox is the default and what runs outside
// is stopped. It tells only the test, by kind and container.
func watched(t *testing.T) (l *loop, told *[]string) {
	t.Helper()
	told = new([]string)
	d := &Daemon{
		Host: &provision.Provisioner{},
		Tell: func(n status.Notice) {
			*told = append(*told, strings.TrimSpace(string(n.Kind)+" "+n.Fields[status.FieldName]))
		},
		Measure: func(Measure, time.Duration) {},
		Now:     func() time.Time { return at(0) },
	}
	l = &loop{Daemon: d, standing: map[status.Kind]string{}}
	l.containers.init(d)
	l.brief.init()
	return l, told
}

// sees takes in one look as it would have been made now. stopped are those that
// it would stop.
func (l *loop) sees(all bool, verdicts ...verify.Verdict) (stopped []string) {
	c := &l.containers
	conf := config.Default()
	conf.Docker.DefaultRuntime, conf.Enforce.Unsandboxed = config.DefaultRuntimeName, config.UnsandboxedStop
	look := look{host: &l.Host.Host, config: conf, whole: c.sawAll, judged: c.judged, lookResult: &lookResult{all: all, starts: c.pending}}
	c.pending, c.gone = map[string]start{}, map[string]bool{}
	for _, v := range verdicts {
		f := look.find(context.Background(), v)
		if f.mustStop {
			stopped = append(stopped, v.Container.Name)
		}
		f.mustStop = false // there is no dockerd
		look.findings = append(look.findings, f)
	}
	l.finishLook(context.Background(), look.lookResult)
	return stopped
}

func verdictOf(name string, state verify.State) verify.Verdict {
	v := verify.Verdict{Container: verify.Container{ID: strings.Repeat(name[:1], 64), Name: name}, State: state}
	if state == verify.Unknown {
		v.Container.Unread = errors.New("answer too large")
	}
	return v
}

func TestFault_V09_ContainerThatCannotBeInspectedIsToldOfOnceAndLeft(t *testing.T) {
	l, told := watched(t)
	l.sees(true, verdictOf("web", verify.Sandboxed))
	fat, out := verdictOf("fat", verify.Unknown), verdictOf("out", verify.NotSandboxed)
	l.containers.started(fat.Container.ID, at(0))
	l.containers.started(out.Container.ID, at(0))
	if got := l.sees(false, fat, out); len(got) != 1 || got[0] != "out" {
		t.Errorf("got %v stopped, want the other one alone", got)
	}
	for range 2 * maxTries { // while it is tried, and at the looks at all
		if got := l.sees(len(l.containers.pending) == 0, fat, verdictOf("web", verify.Sandboxed)); got != nil {
			t.Errorf("got %v stopped, want none", got)
		}
	}
	if diff := cmp.Diff([]string{"unsandboxed out", "unjudged fat"}, *told); diff != "" {
		t.Errorf("told -want +got:\n%s", diff)
	}
	want := status.Containers{Known: true, Sandboxed: 1, Unknown: 1}
	if diff := cmp.Diff(want, l.containers.count()); diff != "" {
		t.Errorf("status -want +got:\n%s", diff)
	}
	if got := want.InWords(); got != "1 of 2 containers in a sandbox, 1 cannot be judged" {
		t.Errorf("got %q", got)
	}
	// Once it can be inspected, it has not run from before.
	if got := l.sees(true, verdictOf("fat", verify.NotSandboxed)); len(got) != 1 {
		t.Errorf("got %v stopped, want fat", got)
	}
}

// On a busy machine a look at all containers may find one before its start is
// heard of.
func TestStartHeardOfLateIsToldOnce(t *testing.T) {
	l, told := watched(t)
	l.sees(true)
	out := verdictOf("out", verify.NotSandboxed)
	out.Container.PID = 7
	if got := l.sees(true, out); len(got) != 1 {
		t.Errorf("got %v stopped, want out", got)
	}
	l.containers.started(out.Container.ID, at(1))
	if got := l.sees(false, out); got != nil {
		t.Errorf("start heard of late: got %v stopped, want none", got)
	}
	l.containers.started(out.Container.ID, at(2))
	out.Container.PID = 8
	if got := l.sees(false, out); len(got) != 1 {
		t.Errorf("started again: got %v stopped, want out", got)
	}
	if diff := cmp.Diff([]string{"unsandboxed out", "unsandboxed out"}, *told); diff != "" {
		t.Errorf("told -want +got:\n%s", diff)
	}
}

func TestContainerThatRanBeforeIsNeverStopped(t *testing.T) {
	l, told := watched(t)
	for _, state := range []verify.State{verify.Unknown, verify.NotSandboxed, verify.NotSandboxed} {
		if got := l.sees(true, verdictOf("old", state)); got != nil {
			t.Errorf("%s: got %v stopped, want none", state, got)
		}
	}
	if len(*told) != 0 || len(l.containers.count().Strays) != 1 {
		t.Errorf("told %v, %+v, want nothing told and one stray", *told, l.containers.count())
	}
}

func TestLooksThatFailAreToldOf(t *testing.T) {
	l, told := watched(t)
	for range 3 * maxTries {
		l.finishLook(t.Context(), &lookResult{all: true, err: errors.New("no answer")})
	}
	if diff := cmp.Diff([]string{"unjudged"}, *told); diff != "" {
		t.Errorf("told -want +got:\n%s", diff)
	}
	l.sees(true)
	l.finishLook(t.Context(), &lookResult{all: true, err: errors.New("no answer")})
	if len(*told) != 1 || !l.containers.lookAtAll {
		t.Errorf("told %v, want a single failure not told of, and another look at all", *told)
	}
}

// An event that was too long may have been any container's.
func TestFault_V09_LostEventHasAllLookedAt(t *testing.T) {
	l, _ := watched(t)
	l.heardEvent(engine.Event{Type: engine.EventLost}, true)
	if !l.containers.lookAtAll {
		t.Error("nothing is looked at for it")
	}
}

func TestLookDuringWhichDockerStopsIsDropped(t *testing.T) {
	l, told := watched(t)
	l.containers.busy = true
	l.containers.forget()
	l.sees(true, verdictOf("old", verify.NotSandboxed))
	if got := l.containers.count(); got.Known || got.Outside != 0 || len(*told) != 0 {
		t.Errorf("got %+v, told %v, want nothing known", got, *told)
	}
	if got := l.sees(true, verdictOf("old", verify.NotSandboxed)); got != nil {
		t.Errorf("Docker is back: got %v stopped, want none", got)
	}
}
