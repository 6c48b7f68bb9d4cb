package apt

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
)

// MaxInRelease limits an InRelease file in bytes. Debian's own has 150 KB.
const MaxInRelease = 1 << 20

// The lines around a clear-signed text (RFC 9580, 7).
const (
	beginText      = "-----BEGIN PGP SIGNED MESSAGE-----"
	beginSignature = "-----BEGIN PGP SIGNATURE-----"
	endSignature   = "-----END PGP SIGNATURE-----"
)

// Verify returns the text of an InRelease file that a key of the ring has signed, and the fingerprint of that key. now is
// the time at which the signature and the key must be valid.
func (k Keyring) Verify(inRelease []byte, now time.Time) (text []byte, signer Fingerprint, err error) {
	framed, err := splitSigned(inRelease)
	if err != nil {
		return nil, "", fmt.Errorf("not one clear-signed text: %w", err)
	}
	if signer, err = k.verify(framed.canonical, framed.signatures, now); err != nil {
		return nil, "", fmt.Errorf("signature: %w", err)
	}
	return framed.text, signer, nil
}

// signedText is a clear-signed text without its frame.
type signedText struct {
	text       []byte // lines end with LF
	canonical  []byte // as it is signed: without white space at the end of lines, and lines end with CR LF, except the last
	signatures []byte // OpenPGP packets
}

// splitSigned takes a clear-signed text out of its frame. The text and its signature must be all that is there.
func splitSigned(file []byte) (signedText, error) {
	switch {
	case len(file) > MaxInRelease:
		return signedText{}, fmt.Errorf("it has %d bytes", len(file))
	case bytes.ContainsAny(file, "\r\x00"):
		return signedText{}, errors.New("it has carriage returns or null bytes")
	}
	lines := strings.Split(strings.TrimSuffix(string(file), "\n"), "\n")
	if lines[0] != beginText {
		return signedText{}, errors.New("it does not begin with " + beginText)
	}
	at := 1
	for ; at < len(lines) && lines[at] != ""; at++ {
		if !strings.HasPrefix(lines[at], "Hash: ") {
			return signedText{}, fmt.Errorf("header %.60q is not Hash", lines[at])
		}
	}
	at++
	var s signedText
	for first := at; ; at++ {
		if at >= len(lines) {
			return signedText{}, errors.New("it has no signature")
		}
		line := lines[at]
		if line == beginSignature {
			break
		}
		line, escaped := strings.CutPrefix(line, "- ")
		if !escaped && strings.HasPrefix(line, "-") {
			return signedText{}, fmt.Errorf("line %.60q begins with a dash that is not escaped", line)
		}
		line = strings.TrimRight(line, " \t")
		if at > first {
			s.canonical = append(s.canonical, "\r\n"...)
		}
		s.canonical = append(s.canonical, line...)
		s.text = append(append(s.text, line...), '\n')
	}
	var err error
	s.signatures, err = unarmor(lines[at:])
	return s, err
}

// unarmor decodes an armored signature, from its first line to its last.
func unarmor(lines []string) ([]byte, error) {
	last := len(lines) - 1
	if lines[last] != endSignature {
		return nil, errors.New("it does not end with " + endSignature)
	}
	at := 1
	for ; at < last && lines[at] != ""; at++ {
		if !strings.Contains(lines[at], ": ") {
			return nil, errors.New("the signature has no empty line after its headers")
		}
	}
	var encoded strings.Builder
	for _, line := range lines[min(at+1, last):last] {
		if strings.HasPrefix(line, "=") { // a checksum, which may be ignored (RFC 9580, 6.1)
			break
		}
		if line == "" {
			return nil, errors.New("the signature has an empty line in its base64")
		}
		encoded.WriteString(line)
	}
	packets, err := base64.StdEncoding.Strict().DecodeString(encoded.String())
	if err != nil {
		return nil, fmt.Errorf("the signature is no base64: %w", err)
	}
	return packets, nil
}
