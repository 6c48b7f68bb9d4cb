package watch

import "slices"

// Hint says which targets may have changed.
type Hint struct {
	Paths []string // of the targets, as given to Watch, sorted
	// Lost means that changes may have been missed: the kernel's queue
	// overflowed, a directory cannot be watched, or one on the way to a target
	// is gone or was replaced. By then, everything that exists is watched
	// again.
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

// offer leaves a hint for the caller, merged with the one not yet taken. It
// never blocks: only the holder of w.mu sends.
func (w *Watcher) offer(hint Hint) {
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
