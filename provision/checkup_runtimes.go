package provision

// RuntimeItemName is the item of a runtime that dockerd has.
func RuntimeItemName(name string) string { return "runtime " + name }

// runtimeItems say how the runtimes of ours are that dockerd knows. One that it
// does not know is part of the item dockerd. It is pure.
func runtimeItems(c Config, o Observed) []Item {
	var items []Item
	for _, w := range writesInEffect(c, o) {
		item := Item{Name: RuntimeItemName(w.Runtime)}
		w.addTo(&item)
		items = append(items, item)
	}
	return items
}
