package config

import (
	"strings"

	"runsc-provisioner/daemonjson"
)

// The items of a host that are managed and may drift. Each runtime of daemon.json
// is one more (RuntimeItem).
const (
	ItemRelease        = "release"
	ItemLink           = "link"
	ItemDefaultRuntime = "default-runtime"
	ItemUsernsRemap    = "userns-remap"
	ItemDockerd        = "dockerd"
)

const RuntimePrefix = "runtimes."

// RuntimeItem is the item of a runtime in daemon.json.
func RuntimeItem(name string) string { return RuntimePrefix + name }

// Items are the items in daemon.json that c manages, in a stable order.
func (c Config) Items() []string {
	var items []string
	for _, name := range c.RuntimeNames() {
		items = append(items, RuntimeItem(name))
	}
	if c.Docker.DefaultRuntime != "" {
		items = append(items, ItemDefaultRuntime)
	}
	if c.Docker.Remap() != RemapAny {
		items = append(items, ItemUsernsRemap)
	}
	return items
}

// ItemValue is the text of an item's value in doc.
func ItemValue(doc daemonjson.Document, item string) (value string, present bool) {
	if name, runtime := strings.CutPrefix(item, RuntimePrefix); runtime {
		return doc.Raw("runtimes", name)
	}
	return doc.Raw(item)
}

// DefaultRuntimeIn is the default runtime that doc names, or "".
func DefaultRuntimeIn(doc daemonjson.Document) string {
	name, _ := doc.DefaultRuntime()
	return name
}

// UsernsRemapIn is the userns-remap that doc has, or "".
func UsernsRemapIn(doc daemonjson.Document) string {
	name, _ := doc.UsernsRemap()
	return name
}
