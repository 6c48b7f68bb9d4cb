// Package daemonjson edits Docker's daemon.json as text and guarantees that
// every byte outside runtimes.NAME, default-runtime and userns-remap stays as
// it was.
//
// What Parse accepts means the same to dockerd as here. The same edit made
// twice changes nothing the second time. Diff shows no value that may be a
// secret.
//
// It never opens a file, never repairs a document, and never writes a key that
// it was not asked for.
package daemonjson

// MaxBytes is the size in bytes of the largest document that Parse accepts.
const MaxBytes = 1 << 20

// The keys of daemon.json that Edit may change (moby daemon/config/config.go).
const (
	keyRuntimes       = "runtimes"
	keyDefaultRuntime = "default-runtime"
	keyUsernsRemap    = "userns-remap"
)

// The fields of one runtime (moby api/types/system/runtime.go).
const (
	fieldPath    = "path"
	fieldArgs    = "runtimeArgs"
	fieldType    = "runtimeType"
	fieldOptions = "options"
)

// A Document is a daemon.json that dockerd can read. The zero value is the
// empty file, which dockerd reads as {}. A Document never changes: Edit returns
// a new one.
type Document struct {
	text string
	root node
}

// Runtime is one entry of "runtimes".
type Runtime struct {
	Path string   // the file dockerd runs, or a name it looks up in its PATH
	Args []string // "runtimeArgs"; nil if the entry has none
	Type string   // "runtimeType", a containerd shim; dockerd refuses it beside Path
	// Options are the "options" of Type, in the order of the text. Edit does not
	// set them.
	Options []Option
}

// An Option is one member of "options". Value is empty if it may be a secret.
type Option struct{ Name, Value string }

// Parse reads b as dockerd would, or refuses it with an *Error. An empty or
// blank b is the empty document.
//
// It is stricter than dockerd where dockerd's versions, or any two readers,
// could disagree: it refuses a byte order mark, UTF-16, duplicate keys at any
// level, null in place of our values, and our keys in another case. It does not
// judge other keys.
func Parse(b []byte) (Document, error) {
	text := string(b)
	if err := checkEncoding(text); err != nil {
		return Document{}, err
	}
	root, err := scan(text)
	if err != nil {
		return Document{}, err
	}
	if err := checkTypes(text, root); err != nil {
		return Document{}, err
	}
	return Document{text: text, root: root}, nil
}

// Bytes returns the document's text, byte for byte as it was parsed or edited.
func (d Document) Bytes() []byte { return []byte(d.text) }

// Keys returns the top-level keys in the order of the text.
func (d Document) Keys() []string {
	keys := make([]string, 0, len(d.root.kids))
	for _, kid := range d.root.kids {
		keys = append(keys, kid.key)
	}
	return keys
}

// Raw returns the text of the value that the keys lead to from the top, as
// written, and whether it exists.
func (d Document) Raw(keys ...string) (string, bool) {
	n, ok := d.nodeAt(keys...)
	if !ok || len(keys) == 0 {
		return "", false
	}
	return d.text[n.start:n.end], true
}

// Has reports whether the document sets the top-level key.
func (d Document) Has(key string) bool {
	_, ok := d.root.kid(key)
	return ok
}

// Runtimes returns the entries of "runtimes" by name; never nil. The caller may
// change the map.
func (d Document) Runtimes() map[string]Runtime {
	runtimes := map[string]Runtime{}
	all, _ := d.root.kid(keyRuntimes)
	for _, entry := range all.kids {
		runtimes[entry.key] = d.runtime(entry)
	}
	return runtimes
}

// DefaultRuntime returns "default-runtime" and whether it is set. To dockerd an
// empty one means runc.
func (d Document) DefaultRuntime() (string, bool) { return d.topString(keyDefaultRuntime) }

// UsernsRemap returns "userns-remap" and whether it is set. To dockerd an empty
// one means off.
func (d Document) UsernsRemap() (string, bool) { return d.topString(keyUsernsRemap) }

func (d Document) topString(key string) (string, bool) {
	n, ok := d.root.kid(key)
	if !ok {
		return "", false
	}
	return d.str(n), true
}

func (d Document) runtime(entry node) Runtime {
	var r Runtime
	for _, field := range entry.kids {
		switch field.key {
		case fieldPath:
			r.Path = d.str(field)
		case fieldArgs:
			r.Args = d.strs(field)
		case fieldType:
			r.Type = d.str(field)
		case fieldOptions:
			for _, option := range field.kids {
				shown := Option{Name: option.key}
				if d.showsOption(option) {
					shown.Value = d.str(option)
				}
				r.Options = append(r.Options, shown)
			}
		}
	}
	return r
}

// str decodes a string node; checkTypes has checked its type.
func (d Document) str(n node) string { return unquote(d.text[n.start:n.end]) }

// strs decodes an array of strings; an empty array is empty, not nil.
func (d Document) strs(n node) []string {
	all := make([]string, 0, len(n.kids))
	for _, kid := range n.kids {
		all = append(all, d.str(kid))
	}
	return all
}

// nodeAt returns the value that the keys lead to, from the top.
func (d Document) nodeAt(path ...string) (node, bool) {
	n, ok := d.root, true
	for _, key := range path {
		if n, ok = n.kid(key); !ok {
			return node{}, false
		}
	}
	return n, true
}
