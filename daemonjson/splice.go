package daemonjson

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"
)

// A splice is one change to a text: with replaces start to end.
type splice struct {
	start, end int
	with       string
}

func (d Document) splice(s splice) (Document, error) {
	return reparse(d.text[:s.start] + s.with + d.text[s.end:])
}

// reparse parses an edited text again, which also refuses one that has grown
// too large.
func reparse(text string) (Document, error) {
	d, err := Parse([]byte(text))
	if err != nil {
		return Document{}, fmt.Errorf("read edited document: %w", err)
	}
	return d, nil
}

// replace writes raw in place of the value that path leads to. sjson is
// reliable here because the document is valid and has no duplicate keys.
// replace still checks that sjson leaves all other bytes alone.
func (d Document) replace(path []string, old node, raw string) (Document, error) {
	escaped := make([]string, 0, len(path))
	for _, key := range path {
		escaped = append(escaped, ":"+gjson.Escape(key))
	}
	text, err := sjson.SetRaw(d.text, strings.Join(escaped, "."), raw)
	if err != nil {
		return Document{}, fmt.Errorf("set %s: %w", strings.Join(path, "."), err)
	}
	head, tail := d.text[:old.start], d.text[old.end:]
	if len(text) != len(head)+len(raw)+len(tail) || !strings.HasPrefix(text, head) || !strings.HasSuffix(text, tail) {
		return Document{}, errors.New("set " + strings.Join(path, ".") + ": bytes outside the value have changed")
	}
	return reparse(text)
}

// put sets a member of the object that path leads to. A new member goes to the
// end. write gets the form of the object and the indentation of the member's
// line.
//
// put splices a new member in itself: sjson would add it before the closing
// bracket without line break, indentation or blanks.
func (d Document) put(path []string, key string, write func(f form, indent string) string) (Document, error) {
	obj, f := d.formAt(path)
	if old, ok := obj.kid(key); ok {
		return d.replace(append(slices.Clip(path), key), old, write(f, indentAt(d.text, old.begin)))
	}
	if len(obj.kids) == 0 {
		return d.splice(d.fill(obj, key, f, write))
	}
	last := obj.kids[len(obj.kids)-1]
	lead := lastLine(spaceBefore(d.text, last.begin))
	if lead == "" && f.lines {
		lead = lastLine(spaceBefore(d.text, obj.kids[0].begin))
	}
	indent := strings.TrimLeft(lead, "\r\n")
	if lead == "" {
		indent = indentAt(d.text, last.begin)
		return d.splice(splice{last.end, last.end, d.commaBefore(last, f) + f.member(indent, key, write(f.inside(), indent))})
	}
	// Blanks at the end of the last member's line stay there.
	blanks := blanksAt(d.text, last.end)
	return d.splice(splice{last.end, last.end + len(blanks), "," + blanks + lead + f.member(indent, key, write(f.inside(), indent))})
}

// commaBefore returns a comma with its white space, for a new member on the line of the last one, or on one
// of its own if the last one's line starts with its comma.
func (d Document) commaBefore(last node, f form) string {
	comma := last.begin - len(spaceBefore(d.text, last.begin)) - 1
	if comma < 0 || d.text[comma] != ',' {
		return "," + f.comma
	}
	return lastLine(spaceBefore(d.text, comma)) + d.text[comma:last.begin]
}

// formAt returns the object that path leads to and its form. An object without
// members gets the form of the one around it.
func (d Document) formAt(path []string) (node, form) {
	obj, f := d.root, styleOf(d.text, d.root).root
	for _, key := range path {
		obj, _ = obj.kid(key)
		f = formOf(d.text, obj, f.inside())
	}
	return obj, f
}

// fill writes the first member of an empty object, in place of the white space
// inside it.
func (d Document) fill(obj node, key string, f form, write func(f form, indent string) string) splice {
	f.lines = f.lines || strings.Contains(d.text[obj.start:obj.end], "\n")
	outer := indentAt(d.text, obj.start)
	lead, tail, indent := f.pad, f.pad, outer
	if f.lines {
		st := styleOf(d.text, d.root)
		step := st.inner
		if obj.start == d.root.start {
			step = st.unit
		}
		indent = outer + step
		lead, tail = st.eol+indent, st.eol+outer
	}
	return splice{obj.start + 1, obj.end - 1, lead + f.member(indent, key, write(f.inside(), indent)) + tail}
}

// remove removes a member with its comma and, if it has its own lines, with
// those. sjson would leave an empty line behind.
func (d Document) remove(path []string, key string) (Document, error) {
	obj, _ := d.nodeAt(path...)
	for i, kid := range obj.kids {
		if kid.key == key {
			return d.splice(d.without(obj, i))
		}
	}
	return d, nil
}

// without undoes exactly what put does.
func (d Document) without(obj node, i int) splice {
	kid := obj.kids[i]
	if len(obj.kids) == 1 {
		return splice{start: obj.start + 1, end: obj.end - 1}
	}
	if i == len(obj.kids)-1 {
		previous := obj.kids[i-1].end
		if d.text[previous] != ',' || lastLine(spaceBefore(d.text, kid.begin)) == "" {
			return splice{start: previous, end: kid.end}
		}
		return splice{previous, kid.end + len(blanksAt(d.text, kid.end)), blanksAt(d.text, previous+1)}
	}
	next := obj.kids[i+1]
	before, after := spaceBefore(d.text, kid.begin), spaceBefore(d.text, next.begin)
	if !strings.Contains(after, "\n") {
		return splice{start: kid.begin, end: next.begin}
	}
	if line := lastLine(before); line != "" {
		before = line
	}
	end := next.begin - len(after)
	return splice{start: kid.begin - len(before), end: end + len(blanksAt(d.text, end))}
}
