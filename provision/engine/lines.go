package engine

import (
	"bufio"
	"errors"
	"io"
)

// lostLine is in the place of an event that is too long to be read: something
// happened, and what must be asked for.
const lostLine = `{"Type":"` + EventLost + `"}` + "\n"

// lines is a stream without an end, in which dockerd writes one event a line. A
// line that is too long is dropped as it comes: it must end neither the stream nor
// our memory, since whoever labels an image chooses how long it is.
type lines struct {
	io.ReadCloser // to be closed
	from          *bufio.Reader
	rest          []byte // of the line in hand
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
		l.rest = line // valid until the next read, which is after its last byte
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}
