package redact

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf16"
)

// stringLiteral is exact in a text that is JSON: outside of strings there is no
// quote.
var stringLiteral = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// JSON is Redact for JSON, string by string, so that it stays JSON. What a
// name for a secret has as its value is taken out whole. Characters that are
// not fit for a terminal become escapes, which mean the same.
func JSON(text []byte) ([]byte, error) {
	if !json.Valid(text) {
		return nil, errors.New("it is no JSON")
	}
	var out strings.Builder
	pos := 0
	secret := false
	for _, at := range stringLiteral.FindAllIndex(text, -1) {
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

// literal is s as JSON, of printable characters.
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
