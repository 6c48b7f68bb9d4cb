package daemonjson

import (
	"fmt"
	"strings"
)

// Error says why and where a document is refused. It quotes keys, never values.
type Error struct {
	Line   int // from 1
	Column int // from 1, in bytes
	Reason string
}

func (e *Error) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Reason)
}

// errorAt is an Error at a byte offset of text.
func errorAt(text string, offset int, format string, args ...any) *Error {
	head := text[:offset]
	return &Error{
		Line:   lineAt(text, offset),
		Column: offset - strings.LastIndexByte(head, '\n'),
		Reason: fmt.Sprintf(format, args...),
	}
}

func lineAt(text string, offset int) int { return strings.Count(text[:offset], "\n") + 1 }

// shown quotes a key for a message and cuts it: a key may be as long as the
// file.
func shown(key string) string {
	const most = 64
	if len(key) > most {
		return fmt.Sprintf("%q…", strings.ToValidUTF8(key[:most], ""))
	}
	return fmt.Sprintf("%q", key)
}
