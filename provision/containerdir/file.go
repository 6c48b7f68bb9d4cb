package containerdir

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/hostsfile"
)

// maxText is how large a file of a container may be. Ours is at most hostsfile.MaxBlock larger than dockerd's, before its
// lines are used again.
const maxText = 4 * hostsfile.MaxBlock

// File is the hosts or resolv.conf of a container, with the text that it had.
type File struct {
	Text string

	root     *Root
	id, name string
	seen     unix.Stat_t // before the text was read
}

// Open reads a file of a container. The error is an *OddError for a file that dockerd has not made, and one that IsGone
// knows if the container was removed.
func (r *Root) Open(id, name string) (*File, error) {
	file, stat, err := r.open(id, name, 0)
	if errors.Is(err, fs.ErrNotExist) && r.exists(id) {
		return nil, &OddError{filepath.Join(r.Dir(id), name), "it is missing"}
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxText+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxText {
		return nil, &OddError{file.Name(), fmt.Sprintf("it has more than %d KiB", maxText>>10)}
	}
	return &File{Text: string(text), root: r, id: id, name: name, seen: stat}, nil
}

// exists reports whether a container is there.
func (r *Root) exists(id string) bool {
	return !r.modified(id, ConfigName).IsZero()
}

// ErrChanged means that another program has changed a file since it was read. Nothing was written. Read it again.
var ErrChanged = errors.New("another program has just changed the file")

// writable opens the file again, to write to it; each close of such a file is an event for all who watch it. owner is the
// only user besides root that the file may belong to. The error is ErrChanged if it is not as it was read.
func (f *File) writable(owner uint32) (*os.File, error) {
	if f.seen.Uid != 0 && f.seen.Uid != owner {
		return nil, &OddError{f.root.Dir(f.id) + "/" + f.name, fmt.Sprintf("it belongs to user %d", f.seen.Uid)}
	}
	file, now, err := f.root.open(f.id, f.name, unix.O_RDWR)
	if err != nil {
		return nil, err
	}
	if now.Ino != f.seen.Ino || now.Dev != f.seen.Dev || now.Uid != f.seen.Uid || now.Mtim != f.seen.Mtim || now.Size != int64(len(f.Text)) {
		return nil, errors.Join(ErrChanged, file.Close())
	}
	return file, nil
}

// Apply makes an edit of the text that was read. If the disk has no room for what is appended, nothing stays of it.
func (f *File) Apply(e hostsfile.Edit, owner uint32) error {
	file, err := f.writable(owner)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := f.append(file, e.Append); err != nil {
		return err
	}
	for _, o := range e.Overwrite {
		if _, err := file.WriteAt([]byte(o.Text), o.Offset); err != nil {
			return err
		}
	}
	return nil
}

// append finds the end and writes in one step (RWF_APPEND): no line that dockerd appends meanwhile is lost.
func (f *File) append(file *os.File, text string) error {
	if text == "" {
		return nil
	}
	n, err := unix.Pwritev2(int(file.Fd()), [][]byte{[]byte(text)}, 0, unix.RWF_APPEND)
	if n == len(text) {
		return nil
	}
	if err == nil {
		err = unix.ENOSPC
	}
	err = &os.PathError{Op: "write", Path: file.Name(), Err: err}
	if n > 0 { // a part of a line: take it away, unless another program has written behind it
		err = errors.Join(err, cut(file, len(f.Text), len(f.Text)+n))
	}
	return err
}

// ReplaceTail replaces the end of the text that was read. Another program's write in the few microseconds between the
// check and this one could be lost, so it is only for what an Edit cannot do.
func (f *File) ReplaceTail(t hostsfile.Tail, owner uint32) error {
	file, err := f.writable(owner)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.WriteAt([]byte(t.Text), t.Offset); err != nil {
		return err
	}
	if end := int(t.Offset) + len(t.Text); end < len(f.Text) {
		return cut(file, end, len(f.Text))
	}
	return nil
}

// cut makes a file as long as size, if it has as many bytes as now says.
func cut(file *os.File, size, now int) error {
	var stat unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &stat); err != nil {
		return err
	}
	if stat.Size != int64(now) {
		return ErrChanged
	}
	return file.Truncate(int64(size))
}
