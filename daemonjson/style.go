package daemonjson

import (
	"slices"
	"strings"
)

// A form is the layout of one object or array.
type form struct {
	lines   bool   // every member on a line of its own
	pad     string // in one line: inside the brackets
	comma   string // in one line: after a comma
	colon   string // from a key's closing quote to its value
	columns columns
}

// A style is the layout that new text must have to fit into a document.
type style struct {
	eol    string
	unit   string // one step of indentation, from the root to its members
	inner  string // one step inside a member
	root   form
	sample *node // an array with members, as a model for new ones; nil if there is none
}

// styleOf derives the style of a document. A document without members gets 4
// spaces, as `runsc install` writes it.
func styleOf(text string, root node) style {
	st := style{eol: "\n", unit: "    ", root: form{lines: true, comma: " ", colon: ": "}}
	if i := strings.IndexByte(text, '\n'); i > 0 && text[i-1] == '\r' {
		st.eol = "\r\n"
	}
	st.inner = st.unit
	if len(root.kids) == 0 {
		return st
	}
	st.root = formOf(text, root, st.root)
	if st.root.lines {
		st.unit, _ = stepOf(text, root)
	}
	runtimes, _ := root.kid(keyRuntimes)
	st.inner = innerStep(text, runtimes, innerStep(text, root, st.unit))
	if st.sample = fullArray(runtimes); st.sample == nil {
		st.sample = fullArray(root)
	}
	return st
}

// formOf derives the form of a container, and takes what that does not show
// from base.
func formOf(text string, n node, base form) form {
	if len(n.kids) == 0 {
		return base
	}
	f := base
	first := n.kids[0]
	inside := text[n.start+1 : first.begin]
	f.lines = strings.Contains(inside, "\n")
	if !f.lines {
		f.pad = inside
	}
	if n.kind == kindObject {
		f = f.keysOf(text, n)
	}
	if len(n.kids) > 1 {
		if after := spaceBefore(text, n.kids[1].begin); !strings.Contains(after, "\n") {
			f.comma = after
		}
		return f
	}
	if !f.lines && n.kind == kindObject {
		// A single member has no comma: use a blank after commas if there is
		// one after colons.
		f.comma = f.colon[strings.IndexByte(f.colon, ':')+1:]
	}
	return f
}

// arrays returns the form of an array inside a container with the form outer.
func (st style) arrays(text string, outer form) form {
	f := outer
	f.pad = ""
	if st.sample != nil {
		f = formOf(text, *st.sample, f)
	}
	f.lines = f.lines && outer.lines
	return f
}

// list writes an object or array that starts on a line indented by indent.
func (st style) list(brackets string, f form, indent, step string, items []string) string {
	opening, closing := brackets[:1], brackets[1:]
	if !f.lines {
		return opening + f.pad + strings.Join(items, ","+f.comma) + f.pad + closing
	}
	lead := st.eol + indent + step
	return opening + lead + strings.Join(items, ","+lead) + st.eol + indent + closing
}

// strings writes an array of strings, with the step of like if its members have lines of their own.
func (st style) strings(text string, f form, indent string, like *node, all []string) string {
	items := make([]string, 0, len(all))
	for _, s := range all {
		items = append(items, quote(s))
	}
	step := st.inner
	if like != nil {
		if own, ok := stepOf(text, *like); ok {
			step = own
		}
	}
	return st.list("[]", f, indent, step, items)
}

// entry writes one runtime.
func (st style) entry(text string, f form, indent string, r Runtime) string {
	inner := indent
	if f.lines {
		inner += st.inner
	}
	if len(r.Args) > 0 {
		f = f.aligning(inner, fieldPath, fieldArgs)
	}
	items := []string{f.member(inner, fieldPath, quote(r.Path))}
	if len(r.Args) > 0 {
		items = append(items, f.member(inner, fieldArgs, st.strings(text, st.arrays(text, f), inner, st.sample, r.Args)))
	}
	return st.list("{}", f, indent, st.inner, items)
}

// stepOf returns how much further the members of n are indented than the line of n, and whether they
// have lines of their own.
func stepOf(text string, n node) (string, bool) {
	if len(n.kids) == 0 || !strings.Contains(text[n.start:n.kids[0].begin], "\n") {
		return "", false
	}
	return strings.CutPrefix(indentAt(text, n.kids[0].begin), indentAt(text, n.begin))
}

// innerStep returns the step inside the last member of n that shows one, the deepest first.
func innerStep(text string, n node, otherwise string) string {
	for _, kid := range slices.Backward(n.kids) {
		if step, ok := stepOf(text, kid); ok {
			return innerStep(text, kid, step)
		}
	}
	return otherwise
}

// fullArray returns the first array with members in n.
func fullArray(n node) *node {
	if n.kind == kindArray && len(n.kids) > 0 {
		return &n
	}
	for _, kid := range n.kids {
		if found := fullArray(kid); found != nil {
			return found
		}
	}
	return nil
}

// indentAt returns the white space at the start of the line around offset.
func indentAt(text string, offset int) string {
	line := text[strings.LastIndexByte(text[:offset], '\n')+1 : offset]
	return line[:len(line)-len(strings.TrimLeft(line, " \t"))]
}

// spaceBefore returns the white space that ends at offset.
func spaceBefore(text string, offset int) string {
	begin := offset
	for begin > 0 && isSpace(text[begin-1]) {
		begin--
	}
	return text[begin:offset]
}

// blanksAt returns the blanks at offset if a line ends after them, and "" otherwise.
func blanksAt(text string, offset int) string {
	rest := strings.TrimLeft(text[offset:], " \t")
	if !strings.HasPrefix(rest, "\n") && !strings.HasPrefix(rest, "\r\n") {
		return ""
	}
	return text[offset : len(text)-len(rest)]
}

// lastLine returns white space from its last line break on, or "" if it has
// none.
func lastLine(space string) string {
	i := strings.LastIndexByte(space, '\n')
	if i < 0 {
		return ""
	}
	if i > 0 && space[i-1] == '\r' {
		i--
	}
	return space[i:]
}
