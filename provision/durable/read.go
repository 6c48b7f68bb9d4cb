package durable

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
)

// ReadLimited reads a whole regular file of at most limit bytes; a larger one
// is an error. It opens the file as OpenRegular does.
func ReadLimited(path string, limit int64) ([]byte, error) {
	f, err := OpenRegular(path)
	if err != nil {
		return nil, err
	}
	return readAll(f, path, limit)
}

// ReadOwn is ReadLimited for a file of this program. It opens it as OpenOwn does.
func ReadOwn(path string, limit int64) ([]byte, error) {
	f, err := OpenOwn(path)
	if err != nil {
		return nil, err
	}
	return readAll(f, path, limit)
}

// readAll closes f.
func readAll(f *os.File, path string, limit int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("read %s: larger than %d bytes", path, limit)
	}
	return text, nil
}

// Digest returns the SHA-256 of text in 64 hexadecimal digits.
func Digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// maxProc limits how many bytes ReadProc reads: a process may be in 65536 groups.
const maxProc = 1 << 20

// ReadProc reads a file of /proc or /sys.
func ReadProc(path string) ([]byte, error) { return ReadLimited(path, maxProc) }
