package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// packZstd compresses content into one zstd frame.
func packZstd(t testing.TB, content []byte) []byte {
	t.Helper()
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		t.Fatal(err)
	}
	return e.EncodeAll(content, nil)
}

// header is one tar header.
func header(t testing.TB, h tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := tar.NewWriter(&b).WriteHeader(&h); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// special is an extended header of the given type, with its content and padding. Package
// archive/tar writes none without a file behind it.
func special(t testing.TB, kind byte, content []byte) []byte {
	t.Helper()
	h := header(t, tar.Header{Name: "x", Typeflag: tar.TypeReg, Size: int64(len(content)), Format: tar.FormatUSTAR})
	h[156] = kind
	sum := 0
	copy(h[148:156], "        ")
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return append(append(h, content...), make([]byte, -len(content)&511)...)
}

// repeated is a stream of the same bytes, so often that they are size bytes or more.
func repeated(what []byte, size int64) io.Reader {
	return &repeating{what: what, left: size}
}

type repeating struct {
	what []byte
	at   int
	left int64
}

func (r *repeating) Read(p []byte) (int, error) {
	if r.left <= 0 && r.at == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.what[r.at:])
	r.at = (r.at + n) % len(r.what)
	r.left -= int64(n)
	return n, nil
}

// frames repeats a zstd frame: concatenated frames are one stream (RFC 8878, 3.1).
func frames(t testing.TB, content []byte, times int) []byte {
	t.Helper()
	return bytes.Repeat(packZstd(t, content), times)
}

// pax is a PAX record of 100,000 bytes or more: its length has six digits.
func pax(text string) []byte { return fmt.Appendf(nil, "%d %s\n", len(text)+8, text) }

// good is an archive with one file, without its end.
func good(t testing.TB) []byte {
	t.Helper()
	return append(header(t, tar.Header{Name: "runsc", Mode: 0o755, Size: 3, Typeflag: tar.TypeReg}), append([]byte("abc"), make([]byte, 509)...)...)
}

var end = make([]byte, 1024)

func TestFault_X12_EveryDecompressedByteCounts(t *testing.T) {
	const mebi = 1 << 20
	longPAX := special(t, tar.TypeXHeader, pax("comment="+strings.Repeat("x", 99_990)))
	// A GNU sparse header says with one byte that another block of its map follows.
	sparse := header(t, tar.Header{Name: "x", Typeflag: tar.TypeReg, Format: tar.FormatGNU})
	sparse[156] = tar.TypeGNUSparse
	sparse[482] = 1
	more := make([]byte, 512)
	more[504] = 1
	for name, test := range map[string]struct {
		archive []byte
		says    string
	}{
		"PAX headers":              {frames(t, longPAX, 100_000), "headers and padding"},
		"one PAX header":           {packZstd(t, append(special(t, tar.TypeXHeader, make([]byte, 64*mebi)), good(t)...)), "header"},
		"GNU long names":           {frames(t, special(t, tar.TypeGNULongName, bytes.Repeat([]byte("n"), 100_000)), 100_000), "headers and padding"},
		"GNU long links":           {frames(t, special(t, tar.TypeGNULongLink, bytes.Repeat([]byte("n"), 100_000)), 100_000), "headers and padding"},
		"a sparse map":             {append(packZstd(t, fixed(sparse)), frames(t, bytes.Repeat(more, 2048), 1000)...), ""},
		"zeros after the end":      {append(packZstd(t, append(good(t), end...)), frames(t, make([]byte, mebi), 1000)...), "headers and padding"},
		"zeros before the end":     {append(packZstd(t, append(good(t), make([]byte, 512)...)), frames(t, make([]byte, mebi), 1000)...), "headers and padding"},
		"another archive behind":   {packZstd(t, append(append(good(t), end...), good(t)...)), "after its end"},
		"one byte after the end":   {packZstd(t, append(append(good(t), end...), 'x')), "after its end"},
		"a damaged frame behind":   {append(packZstd(t, append(good(t), end...)), "no frame"...), "magic"},
		"cut short after the end":  {packZstd(t, append(good(t), make([]byte, 64*1024)...))[:100], "EOF"},
		"a window of 256 MiB":      {window(1<<28, false), "window"},
		"a content of 4 GiB":       {window(1<<32, true), ""},
		"a dictionary":             {[]byte("\x28\xb5\x2f\xfd\x01\x58\x07\x01\x00\x00"), "dictionary"},
		"empty frames, then a cut": {append(bytes.Repeat(packZstd(t, nil), 10_000), 0x28), "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			_, err := Unpack(t.Context(), bytes.NewReader(test.archive), "a.tar.zstd", dir, Limits{})
			var bad *BadError
			if !errors.As(err, &bad) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("unpack: got %T %v, want it refused for %q", err, err, test.says)
			}
			if _, err := List(t.Context(), bytes.NewReader(test.archive), "a.tar.zstd", Limits{}); !errors.As(err, &bad) {
				t.Errorf("list: got %T %v, want it refused", err, err)
			}
		})
	}
	t.Run("the end as tar(1) writes it", func(t *testing.T) {
		_, err := Unpack(t.Context(), bytes.NewReader(packZstd(t, append(good(t), make([]byte, 20*512)...))), "a.tar.zstd", t.TempDir(), Limits{})
		if err != nil {
			t.Error(err)
		}
	})
}

// fixed sets the checksum of a header.
func fixed(h []byte) []byte {
	sum := 0
	copy(h[148:156], "        ")
	for _, c := range h[:512] {
		sum += int(c)
	}
	copy(h[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return h
}

// window is a zstd frame that asks for size bytes of memory, for its window or, in one
// segment, for its content (RFC 8878, 3.1.1.1).
func window(size uint64, segment bool) []byte {
	frame := []byte("\x28\xb5\x2f\xfd")
	if segment {
		frame = append(frame, 0xe0)
		frame = binary.LittleEndian.AppendUint64(frame, size)
	} else {
		log := 0
		for ; uint64(1)<<log < size; log++ {
		}
		frame = append(frame, 0, byte(log-10)<<3)
	}
	// One block, the last, of 100,000 equal bytes.
	block := uint32(100_000)<<3 | 1<<1 | 1
	return append(frame, byte(block), byte(block>>8), byte(block>>16), 0)
}

func TestFault_X12_BZIP2StreamsInARowCount(t *testing.T) {
	pack, err := exec.LookPath("bzip2")
	if err != nil {
		t.Skip(err)
	}
	bzip := func(content []byte) []byte {
		cmd := exec.Command(pack, "-c")
		cmd.Stdin = bytes.NewReader(content)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	first, zeros := bzip(append(good(t), end...)), bzip(make([]byte, 1<<20))
	for name, test := range map[string]struct {
		archive []byte
		refused bool
	}{
		"good":                {first, false},
		"zeros after the end": {append(append([]byte{}, first...), bytes.Repeat(zeros, 10_000)...), true},
		"PAX headers":         {bytes.Repeat(bzip(special(t, tar.TypeXHeader, pax("comment="+strings.Repeat("x", 99_990)))), 10_000), true},
	} {
		var bad *BadError
		_, err := Unpack(t.Context(), bytes.NewReader(test.archive), "a.tar.bz2", t.TempDir(), Limits{})
		if errors.As(err, &bad) != test.refused || !test.refused && err != nil {
			t.Errorf("%s: got %T %v, want it refused: %t", name, err, err, test.refused)
		}
	}
}

// endsAfter ends a context once so many bytes were read.
type endsAfter struct {
	io.Reader
	left int
	end  context.CancelCauseFunc
}

func (r *endsAfter) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if r.left -= n; r.left <= 0 {
		r.end(errStopped)
	}
	return n, err
}

var errStopped = errors.New("stopped")

// Nothing here ends by itself: a test that hangs has failed.
func TestFault_X12_TheEndOfAContextEndsTheReading(t *testing.T) {
	huge := int64(1) << 62
	large := header(t, tar.Header{Name: "x", Typeflag: tar.TypeReg, Size: 1 << 40, Format: tar.FormatGNU})
	for name, test := range map[string]struct {
		archive io.Reader
		name    string
		limits  Limits
	}{
		"a large file": {io.MultiReader(bytes.NewReader(packZstd(t, large)), repeated(packZstd(t, make([]byte, 1<<20)), huge)), "a.tar.zstd", Limits{Bytes: huge}},
		"PAX headers":  {repeated(packZstd(t, special(t, tar.TypeXHeader, pax("comment="+strings.Repeat("x", 99_990)))), huge), "a.tar.zstd", Limits{Beside: huge}},
		"zeros":        {io.MultiReader(bytes.NewReader(packZstd(t, append(good(t), end...))), repeated(packZstd(t, make([]byte, 1<<20)), huge)), "a.tar.zstd", Limits{Beside: huge}},
		"empty frames": {repeated(packZstd(t, nil), huge), "a.tar.zstd", Limits{}},
	} {
		t.Run(name, func(t *testing.T) {
			for what, read := range map[string]func(context.Context, io.Reader) error{
				"list": func(ctx context.Context, r io.Reader) error {
					_, err := List(ctx, r, test.name, test.limits)
					return err
				},
				"unpack": func(ctx context.Context, r io.Reader) error {
					limits := test.limits
					if name == "a large file" {
						return nil // the disk may have no room for it
					}
					_, err := Unpack(ctx, r, test.name, t.TempDir(), limits)
					return err
				},
			} {
				ctx, cancel := context.WithCancelCause(t.Context())
				err := read(ctx, &endsAfter{test.archive, 1 << 16, cancel})
				if ctx.Err() != nil && !errors.Is(err, errStopped) {
					t.Errorf("%s: got %T %v, want %v", what, err, err, errStopped)
				}
				cancel(nil)
			}
		})
	}
	t.Run("a program", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		dir := t.TempDir()
		_, err := Place(ctx, &endsAfter{repeated([]byte("x"), huge), 1 << 20, cancel}, "runsc", 8<<20, dir)
		if !errors.Is(err, errStopped) {
			t.Errorf("place: got %v, want %v", err, errStopped)
		}
		if _, err := os.Stat(dir); err != nil {
			t.Error(err)
		}
	})
}
