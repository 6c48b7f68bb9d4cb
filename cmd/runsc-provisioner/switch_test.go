package main

import (
	"fmt"
	"strings"
	"testing"

	"runsc-provisioner/provision/difference"
	"runsc-provisioner/test/fakedockerd"
)

// dockerd is asked about containers only if the default runtime changes: a question costs it 10 ms.
func TestOnlyASwitchAsksAboutContainers(t *testing.T) {
	h := olderHost(t)
	asked := func(args ...string) int {
		before := h.dockerd.Asked()
		h.want(exitDone, args...)
		return h.dockerd.Asked() - before
	}
	commands := [][]string{{"apply"}, {"plan"}, {"plan", "--default-runtime=runc"}}
	var alone []int
	for _, args := range commands {
		alone = append(alone, asked(args...))
	}
	for i := range 5 {
		h.dockerd.Containers = append(h.dockerd.Containers, fakedockerd.Container{
			ID: fmt.Sprintf("%064x", i), Name: fmt.Sprint("c", i), Runtime: "runc", Given: map[string]any{"Privileged": true},
		})
	}
	for i, args := range commands {
		if got := asked(args...); got != alone[i] {
			t.Errorf("%s: got %d questions beside five containers, want the %d without them", strings.Join(args, " "), got, alone[i])
		}
	}
	h.dockerd.Forget() // dockerd has runc as its default again
	if got := h.want(exitDone, "plan").stdout; !strings.Contains(got, "containers: c0 (--privileged), c1") {
		t.Errorf("got %s, want the five containers", got)
	}
}

func TestListsOfContainersAreBounded(t *testing.T) {
	var many []difference.Affected
	for i := range maxNames + 3 {
		many = append(many, difference.Affected{Name: fmt.Sprintf("c%02d", i)})
	}
	many[0].Given = []string{"/a", "/b", "/c", "/d", "/e"}
	got := affectedList(many)
	if !strings.HasPrefix(got, "c00 (/a, /b, /c and 2 more), c01, ") || !strings.HasSuffix(got, ", c19 and 3 more (--format json lists them)") {
		t.Errorf("got %q", got)
	}
}
