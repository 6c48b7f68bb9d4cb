package watch

import (
	"os"
	"path/filepath"

	"github.com/fsnotify/fsnotify"
)

// events turns events into hints until the Watcher is closed.
func (w *Watcher) events() {
	defer w.running.Done()
	var taken []fsnotify.Event
	for {
		select {
		case event, open := <-w.inotify.Events:
			if !open {
				return
			}
			taken = append(taken[:0], event)
			for range len(w.inotify.Events) {
				taken = append(taken, <-w.inotify.Events)
			}
			w.taken(taken)
			w.consider(taken)
		case <-w.trouble:
			w.renewAll()
		}
	}
}

// complaints receives fsnotify's errors. It is a separate goroutine because
// fsnotify holds its lock while it sends some of them (v1.10.1,
// backend_inotify.go, handleEvent: for a directory that was moved and is gone
// before its watch is removed), and events waits for that lock when it adds a
// watch.
func (w *Watcher) complaints() {
	defer w.running.Done()
	for range w.inotify.Errors {
		select {
		case w.trouble <- struct{}{}:
		default:
		}
	}
}

// consider gives a hint for those events that concern a target. It updates the
// watches first, so that every change after the hint makes an event.
func (w *Watcher) consider(events []fsnotify.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	var hint Hint
	moved := false
	for _, event := range events {
		name := filepath.Clean(event.Name) // fsnotify reports //etc
		way, tree := w.ways[name], w.trees[filepath.Dir(name)]
		hint.add(way...)
		hint.add(tree...)
		moved = moved || event.Op != fsnotify.Write && (len(way) > 0 || len(tree) > 0 && w.isDir(name))
	}
	if moved {
		found, _ := w.survey() // a failure is Lost, and the next Watch returns the error
		hint.merge(found)
	}
	w.offer(hint)
}

// isDir reports whether name is or was a directory.
func (w *Watcher) isDir(name string) bool {
	if _, watched := w.dirs[name]; watched {
		return true
	}
	info, err := os.Lstat(name)
	return err == nil && info.IsDir()
}

// renewAll renews all watches after events were lost.
func (w *Watcher) renewAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	for dir := range w.dirs {
		w.drop(dir)
	}
	hint, _ := w.survey()
	hint.Lost = true
	w.offer(hint)
}
