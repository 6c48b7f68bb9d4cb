package verify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	maxDigested = 512 << 20 // bytes of one file, the cap on a release's download
	maxBudget   = 512 << 20 // bytes in one Look, whatever processes claim, and as many of first processes
	maxCached   = 256       // files
)

// errOverBudget says that a deleted executable was not digested.
var errOverBudget = errors.New("too much to digest")

// digests remembers the digests of deleted executables, which are asked for
// again at every look and are tens of megabytes each. A deleted file that is
// being executed cannot be written, and its ID is not given to another file.
type digests struct {
	mu    sync.Mutex
	known map[fileStat]string
}

func (c *digests) get(key fileStat) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	sum, ok := c.known[key]
	return sum, ok
}

func (c *digests) put(key fileStat, sum string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= maxCached {
		c.known = map[fileStat]string{}
	}
	c.known[key] = sum
}

// digest is the sha256 of the deleted file that name in dir links to, or ""
// for one that cannot be a release's: it was deleted elsewhere than from a
// store, or has another size than any of a release. The path alone would have
// a container choose what is read, since it has a root of its own.
func (p *pass) digest(dir procDir, name string, x Exe) (string, error) {
	held := slices.DeleteFunc(slices.Clone(p.releases), func(r Release) bool { return !r.held(x) })
	if len(held) == 0 {
		return "", nil
	}
	key, err := dir.stat(name)
	if err != nil {
		return "", fmt.Errorf("stat %s: %w", name, err)
	}
	if sum, ok := p.fs.digests.get(key); ok {
		return sum, nil
	}
	if !slices.ContainsFunc(held, func(r Release) bool { return r.Sizes[int64(key.size)] && r.Owner == int(key.owner) }) {
		return "", nil
	}
	// One that is hardly on the disk was made large by naming a size. File systems
	// that compress count fewer blocks than there are bytes, too, but not so few.
	const block, least = 512, 8
	if key.blocks*block < key.size/least {
		return "", nil
	}
	if key.mode&unix.S_IFMT != unix.S_IFREG || key.size > maxDigested || p.digested+key.size > maxBudget {
		return "", fmt.Errorf("digest %s: %w", name, errOverBudget)
	}
	p.digested += key.size
	// Whose file it is need not know that it was looked at.
	const how = unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK
	fd, err := unix.Openat(int(dir), name, how|unix.O_NOATIME, 0)
	if errors.Is(err, unix.EPERM) {
		fd, err = unix.Openat(int(dir), name, how, 0)
	}
	if err != nil {
		return "", fmt.Errorf("open %s: %w", name, err)
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, io.LimitReader(reader{p.ctx, f}, int64(key.size))); err != nil {
		return "", fmt.Errorf("digest %s: %w", name, err)
	}
	sum := hex.EncodeToString(hash.Sum(nil))
	p.fs.digests.put(key, sum)
	return sum, nil
}

// A reader stops between two reads when its context ends.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(b []byte) (int, error) {
	if err := context.Cause(r.ctx); err != nil {
		return 0, err
	}
	return r.r.Read(b)
}
