package difference

import (
	"cmp"
	"slices"
	"strings"

	"runsc-provisioner/verify"
)

// An Item is one thing that differs, and the containers that it concerns.
type Item struct {
	Feature    Feature    `json:"feature"`
	Differs    string     `json:"differs"`
	WayOut     string     `json:"way_out"`
	Containers []Affected `json:"containers"`
}

// Affected is a container that an Item concerns.
type Affected struct {
	Name  string   `json:"name"`
	Given []string `json:"given,omitempty"` // the parts of its definition that are to blame
}

// List lists what differs for containers, in the order of the table. runtimeOf returns the runtime that a container
// has; false leaves the container out. It also leaves out those that dockerd's answer does not describe.
func List(containers []Container, runtimeOf func(Container) (Runtime, bool)) []Item {
	return list(sorted(containers), func(c Container) []Lack {
		if r, is := runtimeOf(c); is {
			return r.Lacks(c)
		}
		return nil
	})
}

func list(containers []Container, lacks func(Container) []Lack) []Item {
	affected := map[Feature][]Affected{}
	for _, c := range containers {
		for _, lack := range lacks(c) {
			affected[lack.Feature] = addTo(affected[lack.Feature], c, lack.Given)
		}
	}
	var items []Item
	for _, row := range Table() {
		if concerned := affected[row.Feature]; len(concerned) > 0 {
			items = append(items, Item{row.Feature, row.Differs, row.WayOut, concerned})
		}
	}
	return items
}

// addTo adds what c was given to its entry, which is the last one if there is one.
func addTo(all []Affected, c Container, given string) []Affected {
	if len(all) == 0 || all[len(all)-1].Name != c.shown() {
		all = append(all, Affected{Name: c.shown()})
	}
	if last := &all[len(all)-1]; given != "" {
		last.Given = append(last.Given, given)
	}
	return all
}

func (c Container) shown() string { return verify.Printable(cmp.Or(c.Name, c.ID)) }

// sorted are the containers that dockerd's answer describes, by name.
func sorted(containers []Container) []Container {
	all := slices.DeleteFunc(slices.Clone(containers), func(c Container) bool { return c.Unread != nil })
	slices.SortFunc(all, func(a, b Container) int { return strings.Compare(a.shown(), b.shown()) })
	return all
}

// A Switch is a change of the default runtime to one of gVisor's. A container keeps the runtime that it was created
// with, so it differs only once it is created again.
type Switch struct {
	From string `json:"from"`
	To   string `json:"to"`
	// FromSandbox says that From is a runtime of gVisor's as well.
	FromSandbox bool `json:"from_sandbox,omitempty"`
	// Items are what differs for the containers that have From.
	Items []Item `json:"differences,omitempty"`
	// Keeping are all containers that have From, by name, and keep it until they are created again.
	Keeping []Keeping `json:"containers,omitempty"`
	// Unseen says what was not looked at, and why.
	Unseen []string `json:"unseen,omitempty"`
}

// Keeping is a container that keeps its runtime until it is created again.
type Keeping struct {
	Name string `json:"name"`
	// Lacks are what it loses then. Each completes "it then has".
	Lacks []string `json:"lacks,omitempty"`
}

// NewSwitch compares the containers that have the runtime from with what they are in to. Nothing tells whether a
// container asked for from by its name: it then has from again. With was, from is a runtime of gVisor's itself, and
// what its containers lack already is left out.
func NewSwitch(containers []Container, from string, was *Runtime, to Runtime) Switch {
	s := Switch{From: verify.Printable(from), To: verify.Printable(to.Name), FromSandbox: was != nil}
	var follow []Container
	for _, c := range sorted(containers) {
		if c.Runtime == from {
			follow = append(follow, c)
		}
	}
	lacks := func(c Container) []Lack {
		all := to.Lacks(c)
		if was == nil {
			return all
		}
		before := was.Lacks(c)
		return slices.DeleteFunc(all, func(l Lack) bool { return slices.Contains(before, l) })
	}
	s.Items = list(follow, lacks)
	for _, c := range follow {
		keeping := Keeping{Name: c.shown()}
		for _, lack := range lacks(c) {
			if lack.Text != "" {
				keeping.Lacks = append(keeping.Lacks, lack.Text)
			}
		}
		s.Keeping = append(s.Keeping, keeping)
	}
	return s
}
