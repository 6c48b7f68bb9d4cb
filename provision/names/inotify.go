package names

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/containerdir"
)

// event is something that happened to an entry of a directory.
type event struct {
	id   string // of the container whose directory it is; "" is the directory of all
	name string
	mask uint32
}

// lost reports whether other events were lost.
func (e event) lost() bool { return e.mask&unix.IN_Q_OVERFLOW != 0 }

// inotify reports the ends of writes and the renames in the directories of containers. fsnotify does not report the end
// of a write (IN_CLOSE_WRITE), and dockerd truncates a file before it writes to it.
type inotify struct {
	file   *os.File // pollable: close ends a read
	fd     int
	events chan []event
	done   chan struct{}

	mu      sync.Mutex
	watches map[int32]watched
}

// watched is what a watch is on: the directory of a container, or a file in it.
type watched struct{ id, file string }

// written are the events of a write.
const written = unix.IN_CLOSE_WRITE | unix.IN_MODIFY

// wanted are the events that matter in each directory.
const wanted = unix.IN_CLOSE_WRITE | unix.IN_MOVED_TO | unix.IN_CREATE | unix.IN_DELETE | unix.IN_DELETE_SELF |
	unix.IN_MOVE_SELF | unix.IN_ONLYDIR | unix.IN_DONT_FOLLOW | unix.IN_EXCL_UNLINK

func newInotify() (*inotify, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if errors.Is(err, unix.EMFILE) {
		return nil, fmt.Errorf("inotify: %w (fs.inotify.max_user_instances may be in use)", err)
	}
	if err != nil {
		return nil, fmt.Errorf("inotify: %w", err)
	}
	n := &inotify{
		file: os.NewFile(uintptr(fd), "inotify"), fd: fd, events: make(chan []event), done: make(chan struct{}),
		watches: map[int32]watched{},
	}
	go n.read()
	return n, nil
}

// add watches a directory; id is that of its container.
func (n *inotify) add(path, id string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	watch, err := unix.InotifyAddWatch(n.fd, path, wanted)
	if errors.Is(err, unix.ENOSPC) {
		return fmt.Errorf("watch %s: %w (fs.inotify.max_user_watches are in use)", path, err)
	}
	if err != nil {
		return fmt.Errorf("watch %s: %w", path, err)
	}
	n.watches[int32(watch)] = watched{id: id}
	return nil
}

// addFiles watches the two files of a container that its own program can write to. A sandbox keeps them open, so the end of
// its write is not heard. (In the whole directory, each line of the container's log would be.) Without it, such a write is
// found with the next change.
func (n *inotify) addFiles(dir, id string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, name := range []string{containerdir.HostsName, containerdir.ResolvName} {
		watch, err := unix.InotifyAddWatch(n.fd, filepath.Join(dir, name), unix.IN_MODIFY|unix.IN_DONT_FOLLOW)
		if err == nil {
			n.watches[int32(watch)] = watched{id, name}
		}
	}
}

func (n *inotify) close() {
	_ = n.file.Close() // it has nothing to write
	close(n.done)
}

const (
	// flood is how many reads a second are usual at most. A container that writes to its files all the time makes more.
	flood = 500
	// pause is how long to wait between two reads then. The kernel merges what happens again meanwhile.
	pause = 2 * time.Millisecond
)

func (n *inotify) read() {
	buffer := make([]byte, 64<<10)
	reads, second := 0, time.Now()
	for {
		size, err := n.file.Read(buffer)
		if err != nil {
			return
		}
		if reads++; time.Since(second) > time.Second {
			reads, second = 0, time.Now()
		}
		if reads > flood {
			time.Sleep(pause)
		}
		select {
		case n.events <- n.parse(buffer[:size]):
		case <-n.done:
			return
		}
	}
}

// parse reads events as inotify(7) lays them out.
func (n *inotify) parse(text []byte) (events []event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for len(text) >= unix.SizeofInotifyEvent {
		watch := int32(binary.NativeEndian.Uint32(text))
		mask := binary.NativeEndian.Uint32(text[4:])
		end := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(text[12:]))
		name, _, _ := bytes.Cut(text[unix.SizeofInotifyEvent:end], []byte{0})
		on, known := n.watches[watch]
		if mask&unix.IN_IGNORED != 0 {
			delete(n.watches, watch)
		}
		switch {
		case on.file != "" && mask&unix.IN_MODIFY != 0:
			events = append(events, event{on.id, on.file, mask})
		case on.file != "": // it was removed
		case known || mask&unix.IN_Q_OVERFLOW != 0:
			events = append(events, event{on.id, string(name), mask})
		}
		text = text[end:]
	}
	return events
}
