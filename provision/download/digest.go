package download

import (
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Digest is a SHA-512.
type Digest [sha512.Size]byte

func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// ParseDigest reads 128 hexadecimal digits.
func ParseDigest(text string) (Digest, error) {
	var d Digest
	if len(text) != hex.EncodedLen(len(d)) {
		return Digest{}, fmt.Errorf("%d characters, not 128 hexadecimal digits", len(text))
	}
	if _, err := hex.Decode(d[:], []byte(text)); err != nil {
		return Digest{}, errors.New("not 128 hexadecimal digits")
	}
	return d, nil
}

// ParseChecksum reads a digest file as sha512sum(1) writes it. It must have
// exactly one line, for the file called name.
func ParseChecksum(text []byte, name string) (Digest, error) {
	if len(text) == 0 {
		return Digest{}, errors.New("digest file is empty")
	}
	line, rest, _ := strings.Cut(string(text), "\n")
	if rest != "" {
		return Digest{}, errors.New("digest file has more than one line")
	}
	sum, named, found := strings.Cut(line, "  ")
	if !found {
		return Digest{}, errors.New("digest file is not of the form DIGEST  NAME")
	}
	d, err := ParseDigest(sum)
	if err != nil {
		return Digest{}, fmt.Errorf("digest file: %w", err)
	}
	if named != name {
		return Digest{}, fmt.Errorf("digest file is for %q, not %q", named, name)
	}
	return d, nil
}
