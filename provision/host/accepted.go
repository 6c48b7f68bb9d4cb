package host

import (
	"maps"
	"slices"
	"strings"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/daemonfile"
)

// Accepted reads the record of the accepted configuration. If there is none, Managed has the
// items that this program manages all the same: a host that was provisioned has lost the
// record.
func (h *Host) Accepted() config.Record {
	record := h.ConfigFiles().Accepted()
	if !record.Found && record.Damage == nil {
		record.Managed = managedItems(h)
	}
	return record
}

// managedItems lists the items of daemon.json that this program has set: those that the
// record of the earlier state has as managed, and runtimes that are below the store. A record
// or a file that cannot be read has none; other items report that.
func managedItems(h *Host) []string {
	items := map[string]bool{}
	if before, _, err := h.State().Before().Read(); err == nil && before != nil {
		for _, file := range before.Files {
			for item, key := range file.Keys {
				items[item] = items[item] || key.Managed
			}
		}
	}
	maps.DeleteFunc(items, func(_ string, managed bool) bool { return !managed })
	file, err := daemonfile.Read(h.Paths.DaemonJSON)
	if err != nil {
		return slices.Sorted(maps.Keys(items))
	}
	for name, runtime := range file.Doc.Runtimes() {
		if !strings.HasPrefix(runtime.Path, h.Paths.Store+"/") {
			continue
		}
		items[config.RuntimeItem(name)] = true
		if config.DefaultRuntimeIn(file.Doc) == name {
			items[config.ItemDefaultRuntime] = true
		}
	}
	return slices.Sorted(maps.Keys(items))
}
