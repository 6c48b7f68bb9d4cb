package engine

import (
	"bufio"
	"errors"
	"io"
)

// lostLine replaces an event that is too long. It says only that something
// happened.
const lostLine = `{"Type":"` + EventLost + `"}` + "\n"

// lines is an endless stream in which dockerd writes one event per line. It
// drops a line that is too long without storing it: the author of an image's
// labels chooses the length, and must not be able to end the stream or fill our
// memory.
type lines struct {
	io.ReadCloser // for Close
	from          *bufio.Reader
	rest          []byte // of the current line
}

func (l *lines) Read(p []byte) (int, error) {
	if len(l.rest) == 0 {
		line, err := l.from.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = l.from.ReadSlice('\n')
			}
			if err != nil {
				return 0, err
			}
			line = []byte(lostLine)
		}
		if len(line) == 0 {
			return 0, err
		}
		l.rest = line // valid until the next ReadSlice, which comes after its last byte
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}
