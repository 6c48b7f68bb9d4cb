package archive

import (
	"context"
	"fmt"
	"io"
)

// Reader returns a reader of r that fails with the cause of ctx once ctx has ended.
func Reader(ctx context.Context, r io.Reader) io.Reader { return &cancelled{ctx, r} }

type cancelled struct {
	ctx  context.Context
	from io.Reader
}

func (r *cancelled) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.from.Read(p)
}

// counted counts every byte that was decompressed. It has a budget for the bytes of no
// file, and the bytes of each accepted file on top: package archive/tar itself reads any
// number of headers in a row.
type counted struct {
	from io.Reader
	most int64 // of no file
	left int64 // that may still be read
}

func newCounted(r io.Reader, most int64) *counted { return &counted{from: r, most: most, left: most} }

// allow adds the content of an accepted file.
func (r *counted) allow(size int64) { r.left += size }

func (r *counted) Read(p []byte) (int, error) {
	// One byte more than allowed tells an archive that ends here from a longer one.
	n, err := r.from.Read(p[:min(int64(len(p)), r.left+1)])
	if r.left -= int64(n); r.left < 0 {
		return 0, fmt.Errorf("expands to more than its files: over %d bytes of headers and padding", r.most)
	}
	return n, err
}
