package provision

import (
	"bytes"
	"fmt"

	"runsc-provisioner/provision/release"
)

// Health is how one item of a host is, in the terms of monitoring plugins.
type Health int

// In the order of how bad they are.
const (
	Healthy Health = iota
	Warning
	Unsure // it could not be seen
	Critical
)

func (s Health) String() string { return [...]string{"ok", "warning", "unknown", "critical"}[s] }

// MarshalText gives the name of s.
func (s Health) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Item is one thing that has to be right about a host.
type Item struct {
	Name   string `json:"name"`
	Health Health `json:"status"`
	Seen   string `json:"seen"`
	Remedy string `json:"remedy,omitempty"` // what to do when it is not ok
}

const applyRemedy = "sudo runsc-provisioner apply"

// Checkup says how a host is that should be as c: its release, the files of
// it, the link, daemon.json and what dockerd runs with. It is pure. The error
// is NewPlan's.
func Checkup(c Config, o Observed) ([]Item, error) {
	b := builder{config: c, observed: o}
	b.release(Options{})
	registered, err := b.register()
	if err != nil {
		return nil, err
	}
	chosen, err := b.choose(registered)
	if err != nil {
		return nil, err
	}
	items := []Item{b.releaseItem(), b.linkItem()}
	file := Item{Name: "daemon.json", Seen: o.File.Path + " has what is wanted"}
	if !bytes.Equal(o.File.Doc.Bytes(), chosen.Bytes()) {
		file.Health, file.Remedy = Critical, applyRemedy
		file.Seen = o.File.Path + " differs from what is wanted"
	}
	if o.Conflict != nil && c.Docker.DefaultRuntime != "" {
		file.Health, file.Remedy = Critical, "remove the flag: dockerd does not start with the option in both places"
		file.Seen = o.Conflict.Error()
	}
	return append(items, file, b.engineItem(Confirm{Runtimes: b.managed(chosen), Default: c.Docker.DefaultRuntime})), nil
}

func (b *builder) releaseItem() Item {
	item := Item{Name: "release", Remedy: applyRemedy}
	installed, found := satisfying(b.observed.Releases, b.config.Spec())
	switch {
	case !found:
		item.Health, item.Seen = Critical, b.config.Release.Version+" is not installed"
	case !installed.State.Intact():
		item.Health, item.Seen = Critical, installed.Dir+" is damaged: "+installed.State.Reason
	default:
		item.Remedy = ""
		item.Seen = fmt.Sprintf("%s in %s, %d files as installed, trust %s", installed.Name, installed.Dir, len(installed.Manifest.Files), installed.Manifest.Trust)
	}
	return item
}

func (b *builder) linkItem() Item {
	link := b.observed.Link
	item := Item{Name: "link", Seen: link.Path + " → " + b.current.Runsc}
	switch {
	case link.Kind == release.LinkForeign:
		item.Health, item.Seen = Warning, link.Path+" is "+link.Is
		item.Remedy = "nothing needs it; remove it to get the link"
	case link.Kind != release.LinkOurs || link.Release != b.current.Name:
		item.Health, item.Seen, item.Remedy = Warning, link.Path+" does not lead to the release", applyRemedy
	}
	return item
}

func (b *builder) engineItem(want Confirm) Item {
	info := b.observed.Engine
	if info == nil {
		return Item{Name: "dockerd", Health: Unsure, Seen: b.observed.Unit.Name + " is " + b.observed.Unit.ActiveState, Remedy: "systemctl start " + b.observed.Unit.Name}
	}
	if err := want.missing(*info); err != nil {
		return Item{Name: "dockerd", Health: Critical, Seen: err.Error(), Remedy: applyRemedy}
	}
	return Item{Name: "dockerd", Seen: fmt.Sprintf("%s runs with it, default runtime %s", info.Version, info.DefaultRuntime)}
}
