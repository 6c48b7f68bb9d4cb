package redact

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"

	"runsc-provisioner/pattern"
)

// stringLiteral matches exactly the strings of valid JSON, which has no quote elsewhere.
var stringLiteral = pattern.Lazy(`"(?:[^"\\]|\\.)*"`)

// JSON applies Text to each string, so that the result stays JSON. If a key is the name of a
// secret, it replaces the whole value. It escapes characters that are not printable. The
// error is about a text that is not JSON.
func JSON(text []byte) ([]byte, error) {
	if !json.Valid(text) {
		return nil, errors.New("not valid JSON")
	}
	var out strings.Builder
	pos := 0
	secret := false
	for _, at := range stringLiteral().FindAllIndex(text, -1) {
		out.Write(text[pos:at[0]])
		pos = at[1]
		var value string
		if err := json.Unmarshal(text[at[0]:at[1]], &value); err != nil {
			return nil, err
		}
		switch isKey := bytes.HasPrefix(bytes.TrimLeft(text[pos:], " \t\r\n"), []byte(":")); {
		case isKey:
			secret = secretName(value)
			value = Text(value)
		case secret:
			value = hidden
		default:
			value = Text(value)
		}
		out.WriteString(literal(value))
	}
	out.Write(text[pos:])
	return []byte(out.String()), nil
}

// literal returns s as a JSON string of printable characters.
func literal(s string) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil {
		panic(err) // a string always encodes
	}
	var out strings.Builder
	for _, r := range strings.TrimSuffix(b.String(), "\n") {
		switch {
		case unicode.IsPrint(r):
			out.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	return out.String()
}
