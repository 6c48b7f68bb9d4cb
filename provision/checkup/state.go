package checkup

import (
	"errors"
	"fmt"
	"strings"

	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/state"
)

// Names of the items of what this program remembers, and of what others may change.
const (
	StateItemName = "state"
	TrustItemName = "permissions"
)

// StateItems are the items of records that cannot be used, and of files that other users may
// change; none if all is well. untrusted are records that the daemon has moved away.
func StateItems(refusals []error, defects []state.Defect, untrusted []string) []Item {
	var items []Item
	for _, refused := range refusals {
		items = append(items, refusedItem(refused))
	}
	for _, d := range defects {
		items = append(items, Item{Name: StateItemName, Health: Warning, Seen: d.Path + " cannot be used: " + d.Reason,
			Remedy: ApplyRemedy + " moves it away, and goes on without it"})
	}
	if len(untrusted) > 0 {
		items = append(items, movedItem("another user could have written it", untrusted))
	}
	return items
}

// UnreadItem is the item of records that earlier runs have moved away, because they could not
// be used; false if there are none.
func UnreadItem(moved []string) (Item, bool) {
	if len(moved) == 0 {
		return Item{}, false
	}
	return movedItem("it could not be used", moved), true
}

func movedItem(reason string, moved []string) Item {
	return Item{Name: StateItemName, Health: Warning, Seen: fmt.Sprintf("moved away, because %s: %s", reason, strings.Join(moved, ", ")),
		Remedy: "look at it, then remove it: sudo rm -r " + strings.Join(moved, " ")}
}

func refusedItem(refused error) Item {
	var unsafe *durable.UnsafeError
	if errors.As(refused, &unsafe) {
		return Item{Name: TrustItemName, Health: Critical, Seen: unsafe.Error() + ": it must be writable by root only",
			Remedy: strings.TrimSpace("look at what is there, then: " + unsafe.Remedy)}
	}
	return Item{Name: StateItemName, Health: Critical, Seen: refused.Error()}
}
