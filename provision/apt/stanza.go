package apt

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxLine and maxFields limit a stanza: bytes of a line, and fields.
const (
	maxLine   = 64 << 10
	maxFields = 200
)

// stanza is a paragraph of a control file (deb-822(5)): values by their fields, in lower case. The lines of a value are
// separated by line feeds.
type stanza map[string]string

// stanzas reads control files.
type stanzas struct{ lines *bufio.Scanner }

func newStanzas(r io.Reader) *stanzas {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 4<<10), maxLine)
	return &stanzas{lines}
}

// next returns the next stanza; io.EOF if there is none. A field must not occur twice.
func (s *stanzas) next() (stanza, error) {
	read := stanza{}
	var last string
	for s.lines.Scan() {
		line := strings.TrimRight(s.lines.Text(), " \t")
		name, value, isField := strings.Cut(line, ":")
		switch {
		case line == "" && len(read) == 0:
		case line == "":
			return read, nil
		case strings.HasPrefix(line, " "), strings.HasPrefix(line, "\t"):
			if last == "" {
				return nil, fmt.Errorf("line %.60q continues no field", line)
			}
			read[last] += "\n" + strings.TrimSpace(line)
		case !isField || !isFieldName(name):
			return nil, fmt.Errorf("line %.60q is no field", line)
		default:
			last = strings.ToLower(name)
			if _, twice := read[last]; twice {
				return nil, fmt.Errorf("field %s occurs twice", name)
			}
			if len(read) == maxFields {
				return nil, fmt.Errorf("more than %d fields", maxFields)
			}
			read[last] = strings.TrimSpace(value)
		}
	}
	err := s.lines.Err()
	switch {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, fmt.Errorf("a line of more than %d bytes", maxLine)
	case err != nil:
		return nil, err
	case len(read) == 0:
		return nil, io.EOF
	}
	return read, nil
}

// isFieldName reports whether a text may be the name of a field (deb-822(5)).
func isFieldName(name string) bool {
	for _, c := range name {
		if c <= ' ' || c > '~' || c == ':' {
			return false
		}
	}
	return name != "" && name[0] != '#' && name[0] != '-'
}
