package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/room"
)

// writer puts files into a directory. It digests each file while it writes it,
// and syncs it while it writes the next.
type writer struct {
	root  *os.Root
	buf   []byte
	syncs sync.WaitGroup
	mu    sync.Mutex
	err   error // of the first sync that failed
}

// Writeback is how many bytes are written before the disk starts to write them
// out, so that the final sync has little left to wait for.
const Writeback = 8 << 20

func newWriter(root *os.Root) *writer {
	// Small enough that the bytes are digested from the processor's cache.
	return &writer{root: root, buf: make([]byte, 128<<10)}
}

// mkdir makes the directory called name and its parents.
func (w *writer) mkdir(name string) error {
	if name == "." {
		return nil
	}
	if err := w.mkdir(path.Dir(name)); err != nil {
		return err
	}
	if err := w.root.Mkdir(name, DirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return room.Explain(err, filepath.Join(w.root.Name(), name), 0)
	}
	return w.root.Chmod(name, DirMode)
}

// write makes the file for e from r, which must have e.size bytes. An error of
// r is a *readError.
func (w *writer) write(e entry, r io.Reader) (File, error) {
	f, err := w.root.OpenFile(e.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) || errors.Is(err, unix.ENOTDIR) {
		return File{}, &readError{errors.New("is in place of another file")}
	}
	if err != nil {
		return File{}, room.Explain(err, filepath.Join(w.root.Name(), e.name), e.size)
	}
	sum, err := w.fill(f, e, r)
	if err != nil {
		return File{}, errors.Join(room.Explain(err, f.Name(), e.size), f.Close())
	}
	info, err := f.Stat()
	if err != nil {
		return File{}, errors.Join(err, f.Close())
	}
	// A network file system reports a quota only now.
	w.syncs.Go(func() { w.noteError(room.Explain(errors.Join(f.Sync(), f.Close()), f.Name(), e.size)) })
	return File{
		Path:   e.name,
		Size:   e.size,
		Mode:   ModeText(e.mode),
		SHA256: hex.EncodeToString(sum),
		MTime:  info.ModTime().UnixNano(),
	}, nil
}

func (w *writer) fill(f *os.File, e entry, r io.Reader) ([]byte, error) {
	fd := int(f.Fd())
	// This gives one extent, and finds a full disk before the write. Not every
	// file system can.
	if e.size > 0 {
		if err := unix.Fallocate(fd, 0, 0, e.size); errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
			return nil, fmt.Errorf("allocate %s: %w", f.Name(), err)
		}
	}
	sum := sha256.New()
	for done := int64(0); done < e.size; {
		n, err := io.ReadFull(r, w.buf[:min(int64(len(w.buf)), e.size-done)])
		if err != nil {
			return nil, &readError{err}
		}
		if _, err := f.Write(w.buf[:n]); err != nil {
			return nil, err
		}
		sum.Write(w.buf[:n])
		if before := done / Writeback; (done+int64(n))/Writeback != before {
			// Only a hint: the sync does what this cannot.
			_ = unix.SyncFileRange(fd, before*Writeback, Writeback, unix.SYNC_FILE_RANGE_WRITE)
		}
		done += int64(n)
	}
	return sum.Sum(nil), f.Chmod(e.mode)
}

func (w *writer) noteError(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
}

// digest reads r to its end. Its error is a *readError.
func digest(r io.Reader) (sum string, size int64, err error) {
	h := sha256.New()
	if size, err = io.Copy(h, r); err != nil {
		err = &readError{err}
	}
	return hex.EncodeToString(h.Sum(nil)), size, err
}

// wait returns when every file is synced.
func (w *writer) wait() error {
	w.syncs.Wait()
	return w.err
}
