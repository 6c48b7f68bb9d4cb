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
		lead, indent = f.comma, indentAt(d.text, last.begin)
	}
	return d.splice(splice{last.end, last.end, "," + lead + quote(key) + f.colon + write(f, indent)})
}

// formAt returns the object that path leads to and its form. An object without
// members gets the form of the one around it.
func (d Document) formAt(path []string) (node, form) {
	obj, f := d.root, styleOf(d.text, d.root).root
	for _, key := range path {
		obj, _ = obj.kid(key)
		f = formOf(d.text, obj, f)
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
		indent = outer + st.unit
		lead, tail = st.eol+indent, st.eol+outer
	}
	return splice{obj.start + 1, obj.end - 1, lead + quote(key) + f.colon + write(f, indent) + tail}
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
		return splice{start: obj.kids[i-1].end, end: kid.end}
	}
	next := obj.kids[i+1]
	before, after := spaceBefore(d.text, kid.begin), spaceBefore(d.text, next.begin)
	if !strings.Contains(after, "\n") {
		return splice{start: kid.begin, end: next.begin}
	}
	if line := lastLine(before); line != "" {
		before = line
	}
	return splice{start: kid.begin - len(before), end: next.begin - len(after)}
}
