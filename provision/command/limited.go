package command

import (
	"bytes"
	"errors"
)

// Limited keeps up to Most bytes that a program writes. More is an error, and calls End, which must end the program:
// SIGPIPE alone would not end one that ignores it.
type Limited struct {
	Most     int64 // in bytes
	End      func()
	Exceeded bool
	text     bytes.Buffer // not embedded: io.Copy would use its ReadFrom, which has no limit
}

func (l *Limited) Write(p []byte) (int, error) {
	if l.Exceeded = l.Exceeded || int64(l.text.Len()+len(p)) > l.Most; l.Exceeded {
		l.End()
		return 0, errors.New("too much output")
	}
	return l.text.Write(p)
}

// Text is what was kept.
func (l *Limited) Text() []byte { return l.text.Bytes() }
