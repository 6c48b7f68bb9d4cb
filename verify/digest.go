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
	maxDigested = 512 << 20 // bytes of one file, the limit of a release's download
	maxBudget   = 512 << 20 // bytes in one Look for all processes, and as many again for first processes
	maxCached   = 256       // files
)

// errOverBudget says that a deleted executable was too large to digest.
var errOverBudget = errors.New("too much to digest")

// digests caches the digests of deleted executables, which every look needs and
// which are tens of megabytes each. A deleted file that is being executed
// cannot be written, and no other file gets its ID.
type digests struct {
	mu   sync.Mutex
	sums map[fileStat]string
}

func (c *digests) get(key fileStat) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	sum, ok := c.sums[key]
	return sum, ok
}

func (c *digests) put(key fileStat, sum string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sums == nil || len(c.sums) >= maxCached {
		c.sums = map[fileStat]string{}
	}
	c.sums[key] = sum
}

// digest returns the sha256 of the deleted file that name in dir links to, or
// "" for a file that cannot be from a release: it was not deleted from a store,
// or has another size or owner. With the path alone, a container could choose
// what is read, since it has its own root.
func (p *pass) digest(dir procDir, name string, x Exe) (string, error) {
	held := slices.DeleteFunc(slices.Clone(p.releases), func(r Release) bool { return !r.mayHaveHeld(x) })
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
	// A file with far fewer blocks than bytes is sparse, so it costs an
	// attacker nothing. File systems that compress have fewer blocks too, but
	// not below an eighth.
	const block, least = 512, 8
	if key.blocks*block < key.size/least {
		return "", nil
	}
	if key.mode&unix.S_IFMT != unix.S_IFREG || key.size > maxDigested || p.digested+key.size > maxBudget {
		return "", fmt.Errorf("digest %s: %w", name, errOverBudget)
	}
	p.digested += key.size
	// O_NOATIME hides the read from the file's owner.
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

// A reader returns the context's error once the context has ended.
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
