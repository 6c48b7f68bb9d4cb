package watch

import "slices"

// Hint is what may have changed.
type Hint struct {
	Paths []string // of the targets, as they were given, sorted
	// Lost says that something may have been missed: the kernel's queue ran
	// over, a directory cannot be watched, or one on the way to a target is gone
	// or was replaced. All is watched again by then, as far as it exists.
	Lost bool
}

func (h *Hint) add(paths ...string) {
	for _, path := range paths {
		if at, has := slices.BinarySearch(h.Paths, path); !has {
			h.Paths = slices.Insert(h.Paths, at, path)
		}
	}
}

func (h *Hint) merge(other Hint) {
	h.add(other.Paths...)
	h.Lost = h.Lost || other.Lost
}

// give leaves a hint for the caller, together with the one not yet taken. It
// never blocks: only the holder of w.mu sends.
func (w *Watcher) give(hint Hint) {
	if len(hint.Paths) == 0 && !hint.Lost {
		return
	}
	select {
	case pending := <-w.hints:
		hint.merge(pending)
	default:
	}
	w.hints <- hint
}
