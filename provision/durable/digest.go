package durable

import (
	"crypto/sha256"
	"encoding/hex"
)

// Digest is the SHA-256 of text, in 64 hexadecimal digits.
func Digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
