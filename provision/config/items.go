package config

import (
	"strings"

	"runsc-provisioner/daemonjson"
)

// The managed items of a host. Each runtime in daemon.json is one more item (RuntimeItem).
const (
	ItemRelease        = "release"
	ItemLink           = "link"
	ItemDefaultRuntime = "default-runtime"
	ItemUsernsRemap    = "userns-remap"
	ItemDockerd        = "dockerd"
	ItemIDs            = "ids"    // the subordinate ids for userns-remap
	ItemBuilds         = "builds" // what BuildKit runs steps with
)

// RuntimePrefix begins the item of a runtime.
const RuntimePrefix = "runtimes."

// RuntimeItem returns the item of a runtime in daemon.json.
func RuntimeItem(name string) string { return RuntimePrefix + name }

// Items lists the items in daemon.json that c manages, in a stable order.
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

// ItemValue returns the JSON text of an item's value in doc.
func ItemValue(doc daemonjson.Document, item string) (value string, present bool) {
	if name, runtime := strings.CutPrefix(item, RuntimePrefix); runtime {
		return doc.Raw("runtimes", name)
	}
	return doc.Raw(item)
}

// DefaultRuntimeIn returns the default runtime in doc, or "".
func DefaultRuntimeIn(doc daemonjson.Document) string {
	name, _ := doc.DefaultRuntime()
	return name
}

// UsernsRemapIn returns the userns-remap in doc, or "".
func UsernsRemapIn(doc daemonjson.Document) string {
	name, _ := doc.UsernsRemap()
	return name
}
