// Package apt guarantees that what it returns of an apt repository was signed with a key that the caller has pinned by
// its fingerprint. It reads nothing of a file but the bytes that were signed, and accepts only SHA-2 digests.
//
// It is pure: bytes in, values out. It opens no file and no connection, runs nothing, and keeps no key. What it
// accepts is stricter than what apt does: text around a signature is refused, not skipped.
package apt

import (
	"bytes"
	"crypto"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// Fingerprint is the fingerprint of an OpenPGP key of version 4, as 40 hexadecimal digits in upper case (RFC 9580,
// 5.5.4).
type Fingerprint string

// ParseFingerprint reads a fingerprint; spaces and the case of letters do not matter.
func ParseFingerprint(text string) (Fingerprint, error) {
	digits := strings.ToUpper(strings.ReplaceAll(text, " ", ""))
	if raw, err := hex.DecodeString(digits); err != nil || len(raw) != 20 {
		return "", fmt.Errorf("%.100q is not a fingerprint of 40 hexadecimal digits", text)
	}
	return Fingerprint(digits), nil
}

// String groups the digits as gpg does.
func (f Fingerprint) String() string {
	var groups []string
	for group := range slices.Chunk([]byte(f), 4) {
		groups = append(groups, string(group))
	}
	if len(groups) == 10 {
		return strings.Join(groups[:5], " ") + "  " + strings.Join(groups[5:], " ")
	}
	return strings.Join(groups, " ")
}

// KeyError means that no key has a pinned fingerprint.
type KeyError struct{ Found, Pinned []Fingerprint }

func (e *KeyError) Error() string {
	return fmt.Sprintf("it has no key with a pinned fingerprint: it has %s, pinned: %s", list(e.Found), list(e.Pinned))
}

func list(fingerprints []Fingerprint) string {
	if len(fingerprints) == 0 {
		return "none"
	}
	words := make([]string, 0, len(fingerprints))
	for _, f := range fingerprints {
		words = append(words, f.String())
	}
	return strings.Join(words, ", ")
}

// Keyring has public keys with pinned fingerprints.
type Keyring struct{ keys openpgp.EntityList }

// MaxKeys limits a file with keys in bytes.
const MaxKeys = 1 << 20

// ReadKeys reads public keys, armored (RFC 9580, 6) or not, and keeps those whose primary key has a pinned fingerprint.
// The error is a *KeyError if none has.
func ReadKeys(text []byte, pinned []Fingerprint) (Keyring, error) {
	if len(text) > MaxKeys {
		return Keyring{}, fmt.Errorf("%d bytes, which is too long for keys", len(text))
	}
	read := openpgp.ReadKeyRing
	if bytes.HasPrefix(bytes.TrimLeft(text, "\n"), []byte("-----BEGIN ")) {
		read = openpgp.ReadArmoredKeyRing
	}
	all, err := read(bytes.NewReader(text))
	if err != nil {
		return Keyring{}, fmt.Errorf("read keys: %w", err)
	}
	var kept openpgp.EntityList
	var found []Fingerprint
	for _, key := range all {
		f := fingerprintOf(key)
		found = append(found, f)
		if slices.Contains(pinned, f) {
			kept = append(kept, key)
		}
	}
	if len(kept) == 0 {
		return Keyring{}, &KeyError{Found: found, Pinned: pinned}
	}
	return Keyring{kept}, nil
}

// policy is what a signature needs beside being right. SHA-1 is refused also where a key signs itself, as Debian 13's
// sqv does.
func policy(now time.Time) *packet.Config {
	weak := map[crypto.Hash]bool{crypto.MD5: true, crypto.SHA1: true, crypto.RIPEMD160: true, crypto.SHA224: true}
	return &packet.Config{
		Time:                        func() time.Time { return now },
		MinRSABits:                  2048,
		RejectHashAlgorithms:        weak,
		RejectMessageHashAlgorithms: weak,
	}
}

// maxSignatures limits the signatures of one text. A repository that changes its key has two for a while.
const maxSignatures = 16

// verify checks the signatures of a text in its canonical form: its lines end with CR and LF. One of them must be right,
// by a key of the ring that is neither expired nor revoked at the time now.
func (k Keyring) verify(canonical, signatures []byte, now time.Time) (Fingerprint, error) {
	var problems []error
	packets := packet.NewOpaqueReader(bytes.NewReader(signatures))
	for {
		next, err := packets.Next()
		switch {
		case errors.Is(err, io.EOF) && len(problems) == 0:
			return "", errors.New("no signature")
		case errors.Is(err, io.EOF):
			return "", errors.Join(problems...)
		case err != nil:
			return "", fmt.Errorf("read signature: %w", err)
		case next.Tag != tagSignature:
			return "", fmt.Errorf("an OpenPGP packet of type %d among the signatures", next.Tag)
		case len(problems) == maxSignatures:
			return "", fmt.Errorf("more than %d signatures", maxSignatures)
		}
		var one bytes.Buffer
		if err := next.Serialize(&one); err != nil {
			return "", fmt.Errorf("read signature: %w", err)
		}
		signer, err := k.verifyOne(canonical, one.Bytes(), now)
		if err == nil {
			return signer, nil
		}
		problems = append(problems, err)
	}
}

// tagSignature is the type of a packet with a signature (RFC 9580, 5).
const tagSignature = 2

func (k Keyring) verifyOne(canonical, signature []byte, now time.Time) (Fingerprint, error) {
	config := policy(now)
	signed, signer, err := openpgp.VerifyDetachedSignature(k.keys, bytes.NewReader(canonical), bytes.NewReader(signature), config)
	switch {
	case err != nil:
		return "", err
	case signed.SigType != packet.SigTypeText:
		return "", errors.New("it is no signature of a text")
	case signed.IssuerKeyId == nil:
		return "", errors.New("it names no key")
	}
	// The library checks a key as of the time of its signature, and the signer chooses that.
	if _, usable := signer.SigningKeyById(now, *signed.IssuerKeyId, config); !usable {
		return "", errors.New("its key has expired or was revoked")
	}
	return fingerprintOf(signer), nil
}

func fingerprintOf(key *openpgp.Entity) Fingerprint {
	return Fingerprint(strings.ToUpper(hex.EncodeToString(key.PrimaryKey.Fingerprint)))
}
