package checkup

import (
	"fmt"
	"strings"

	"runsc-provisioner/provision/host"
	"runsc-provisioner/verify"
)

// NotStartedItemName is the name of the item of containers that stayed down.
const NotStartedItemName = "stopped containers"

// maxNotStarted is how many of them the item names.
const maxNotStarted = 10

// StartRemedy is the remedy for containers that stayed down because dockerd did not find their runtime.
func StartRemedy(down ...host.NotStarted) string {
	var names []string
	registered := true
	for i, one := range down {
		registered = registered && one.Registered
		if i < maxNotStarted {
			names = append(names, verify.Printable(one.Name))
		}
	}
	text := "docker start " + strings.Join(names, " ")
	if more := len(down) - maxNotStarted; more > 0 {
		text += fmt.Sprintf(", and %d more", more)
	}
	if !registered {
		return ApplyRemedy + " registers the runtime; then " + text
	}
	return text
}

// WhyNotStarted says why a container stayed down.
func WhyNotStarted(one host.NotStarted) string {
	return "its restart policy starts it, but dockerd did not find its runtime " + verify.Printable(one.Runtime) + " then, and does not try again"
}

// StoppedUnseen says that not all stopped containers were looked at.
const StoppedUnseen = "not all stopped containers were looked at: there are more than 1000, or dockerd's answer about one is unusable"

// NotStartedItem is the item of containers that stayed down. partial says that some were not looked at; err
// is why none was.
func NotStartedItem(down []host.NotStarted, partial bool, err error) Item {
	item := Item{Name: NotStartedItemName}
	switch {
	case len(down) == 1:
		item.Health, item.Seen, item.Remedy = Warning, verify.Printable(down[0].Name)+" did not start: "+WhyNotStarted(down[0]), StartRemedy(down...)
	case len(down) > 1:
		item.Health, item.Remedy = Warning, StartRemedy(down...)
		item.Seen = fmt.Sprintf("%d containers did not start: their restart policy starts them, but dockerd did not find their runtime then, and does not try again", len(down))
	case err != nil:
		item.Health, item.Seen, item.Remedy = Unsure, err.Error(), "docker ps -a --filter status=exited lists them"
	case partial:
		item.Seen = StoppedUnseen
	default:
		item.Seen = "none stayed down for want of its runtime"
	}
	return item
}
