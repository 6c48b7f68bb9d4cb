package daemonjson

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// checkEncoding refuses a text that is too large or not plain UTF-8. dockerd
// accepts a byte order mark since 23.0 and refuses it before, so a file with
// one does not work for both.
func checkEncoding(text string) error {
	if len(text) > MaxBytes {
		return errorAt(text, MaxBytes, "larger than %d bytes", MaxBytes)
	}
	if strings.HasPrefix(text, "\xef\xbb\xbf") {
		return errorAt(text, 0, "byte order mark: save the file as UTF-8 without one")
	}
	if isUTF16(text) {
		return errorAt(text, 0, "UTF-16: save the file as UTF-8")
	}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && size == 1 {
			return errorAt(text, i, "invalid UTF-8: save the file as UTF-8")
		}
		i += size
	}
	return nil
}

// isUTF16 recognises UTF-16 by its byte order mark, or by the zero byte in its
// first character, which is ASCII in any JSON.
func isUTF16(text string) bool {
	if strings.HasPrefix(text, "\xff\xfe") || strings.HasPrefix(text, "\xfe\xff") {
		return true
	}
	return len(text) >= 2 && (text[0] == 0) != (text[1] == 0)
}

// unquote decodes a JSON string that the scanner has accepted. encoding/json
// decodes the escapes, so that a lone surrogate becomes what dockerd sees.
func unquote(literal string) string {
	if strings.IndexByte(literal, '\\') < 0 {
		return literal[1 : len(literal)-1]
	}
	var s string
	if err := json.Unmarshal([]byte(literal), &s); err != nil {
		panic("daemonjson: scanner accepted a bad string: " + err.Error())
	}
	return s
}

// quote writes s as a JSON string, without escaping <, > and &.
func quote(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic("daemonjson: a string cannot be encoded: " + err.Error())
	}
	return strings.TrimSuffix(b.String(), "\n")
}
