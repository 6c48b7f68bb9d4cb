package daemon

import (
	"fmt"
	"slices"

	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/status"
)

// maxNotStarted is how many containers that did not start a Status names.
const maxNotStarted = 50

// finishNotStarted records the containers that stayed down because dockerd did not find their runtime, and
// reports each once. If dockerd could not be asked, the last ones are kept.
func (l *loop) finishNotStarted(s *lookResult) {
	c := &l.containers
	if s.notStartedErr != nil {
		return
	}
	down := s.notStarted[:min(len(s.notStarted), maxNotStarted)]
	// One may have started, or another start may be due, since dockerd was asked.
	down = slices.DeleteFunc(down, func(n host.NotStarted) bool { _, started := c.pending[n.ID]; return started })
	for _, one := range down {
		if slices.ContainsFunc(c.notStarted, func(before host.NotStarted) bool { return before.ID == one.ID }) {
			continue
		}
		why := checkup.WhyNotStarted(one)
		l.tell(status.Notice{Kind: status.NotStarted, Text: fmt.Sprintf("container %.12s (%q) did not start: %s; %s", one.ID, one.Name, why, checkup.StartRemedy(one)),
			Fields: map[string]string{status.FieldContainer: one.ID, status.FieldName: one.Name, status.FieldRuntime: one.Runtime, status.FieldWhy: why}})
	}
	c.notStarted = down
}
