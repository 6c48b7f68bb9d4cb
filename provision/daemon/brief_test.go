package daemon

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/status"
	"runsc-provisioner/verify"
)

// event is one that dockerd reports of the container called name.
func event(name, action string) engine.Event {
	return engine.Event{Type: "container", Action: action, ID: strings.Repeat(name[:1], 64)}
}

// answers gives dockerd's answer about the container called name, which was created with a
// runtime. "" is a container that is gone.
func (l *loop) answers(name, runtime string) {
	l.brief.asking++
	c := creation{id: strings.Repeat(name[:1], 64), learned: true, known: runtime != ""}
	if c.known {
		c.container = verify.Container{Name: name, Runtime: runtime}
		c.sandboxed = runsOurs(l.lastOutcome.config.Config, l.lastOutcome.observed, runtime)
		c.allowed = strings.HasPrefix(name, "allowed")
	}
	l.heardOf(c)
}

func TestFault_X19_ContainersThatEndBeforeALook(t *testing.T) {
	const runs, ends = "start", "die"
	for _, test := range []struct {
		name    string
		happens func(l *loop)
		managed bool
		want    status.BriefCounts
		told    []string
	}{
		{"learned at once", func(l *loop) {
			l.heardEvent(event("a", "create"), true)
			l.answers("a", "runsc")
			l.heardEvent(event("a", runs), true)
			l.heardEvent(event("a", ends), true)
		}, true, status.BriefCounts{Sandboxed: 1}, nil},
		{"learned after it has ended", func(l *loop) {
			for _, action := range []string{"create", runs, ends, "destroy"} {
				l.heardEvent(event("b", action), true)
			}
			l.answers("b", "runc")
		}, true, status.BriefCounts{Outside: 1}, []string{"unsandboxed b"}},
		{"outside, and no sandbox is the default", func(l *loop) {
			for _, action := range []string{"create", runs, ends} {
				l.heardEvent(event("c", action), true)
			}
			l.answers("c", "runc")
		}, false, status.BriefCounts{Outside: 1}, nil},
		{"outside, and its image is allowed", func(l *loop) {
			l.heardEvent(event("allowed", "create"), true)
			l.answers("allowed", "runc")
			l.heardEvent(event("allowed", runs), true)
			l.heardEvent(event("allowed", ends), true)
		}, true, status.BriefCounts{Outside: 1}, nil},
		{"gone before dockerd answers", func(l *loop) {
			for _, action := range []string{"create", runs, ends, "destroy"} {
				l.heardEvent(event("d", action), true)
			}
			l.answers("d", "")
		}, true, status.BriefCounts{Unknown: 1}, nil},
		{"created before the daemon listened", func(l *loop) {
			l.heardEvent(event("e", runs), true)
			l.heardEvent(event("e", ends), true)
			l.answers("e", "runc")
		}, true, status.BriefCounts{Outside: 1}, []string{"unsandboxed e"}},
		{"its look comes too late", func(l *loop) {
			l.heardEvent(event("f", "create"), true)
			l.answers("f", "runc")
			l.heardEvent(event("f", runs), true)
			c := &l.containers
			look := &lookResult{starts: c.pending}
			c.busy, c.gone, c.pending = true, map[string]bool{}, map[string]start{}
			l.heardEvent(event("f", ends), true)
			l.finishLook(t.Context(), look)
		}, true, status.BriefCounts{Outside: 1}, []string{"unsandboxed f"}},
		{"it was looked at", func(l *loop) {
			l.heardEvent(event("g", "create"), true)
			l.answers("g", "runc")
			l.heardEvent(event("g", runs), true)
			l.sees(false, verdictOf("g", verify.Sandboxed))
			l.heardEvent(event("g", ends), true)
		}, true, status.BriefCounts{}, nil},
		{"it never started", func(l *loop) {
			l.heardEvent(event("h", "create"), true)
			l.answers("h", "runc")
			l.heardEvent(event("h", "destroy"), true)
		}, true, status.BriefCounts{}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			l, told := watched(t)
			conf := config.Default()
			if test.managed {
				conf.Docker.DefaultRuntime = config.DefaultRuntimeName
			}
			l.lastOutcome = &outcome{config: keptConfig{Layered: config.Layered{Config: conf}}}
			test.happens(l)
			if diff := cmp.Diff(test.want, l.status.Counts.Brief); diff != "" {
				t.Errorf("counts (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.told, append([]string(nil), *told...)); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
			if len(l.brief.created) != 0 && test.name != "it was looked at" {
				t.Errorf("got %v still remembered, want none", l.brief.created)
			}
		})
	}
}

func TestContainersThatAreCreatedAreLimited(t *testing.T) {
	l, _ := watched(t)
	for n := range 2 * maxCreated {
		l.heardEvent(engine.Event{Type: "container", Action: "create", ID: fmt.Sprintf("%064d", n)}, true)
	}
	if len(l.brief.created) != maxCreated || len(l.brief.asks) != maxCreated {
		t.Errorf("got %d remembered and %d to ask about, want %d", len(l.brief.created), len(l.brief.asks), maxCreated)
	}
	l.brief.forget()
	if len(l.brief.created)+len(l.brief.asks) != 0 {
		t.Error("got containers after Docker has stopped, want none")
	}
}
