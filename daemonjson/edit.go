package daemonjson

import (
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"
)

// Want says what Edit sets. Edit leaves everything else alone; the zero value
// changes nothing.
type Want struct {
	// Runtimes are set by name; a nil value removes the entry.
	//
	// In an existing entry Edit replaces the path. It keeps the arguments if
	// Args is nil and removes them if Args is empty. It removes runtimeType and
	// options, because dockerd refuses them beside a path, and keeps unknown
	// fields. Path is required, and Type must be empty: it is never written.
	Runtimes map[string]*Runtime

	// RawRuntimes are entries by name, as the JSON text that they shall have: a value from before an earlier Edit,
	// which may have a runtimeType.
	RawRuntimes map[string]string

	DefaultRuntime *string // "" removes the key
	UsernsRemap    *string // "" removes the key

	// Tidy removes a "runtimes" without entries. That is a separate step,
	// because dockerd forgets the last runtime only if it reads an empty object
	// (moby daemon/reload_unix.go).
	Tidy bool
}

// Edit returns d with the changes of w, made in the text: every byte outside
// the values and members that w names stays. It does not rewrite a value that
// is already right, so a second Edit returns the same bytes.
//
// New members go to the end of their object, in the document's own style. An
// empty document gets 4 spaces of indentation and a final newline.
//
// Edit does not set a name that CheckName refuses (*ValueError), but can remove
// it. It does not check arguments, because those that a host had before must be
// restorable; see CheckArg. A result that is too large is an *Error.
func Edit(d Document, w Want) (Document, error) {
	if err := w.check(); err != nil {
		return Document{}, err
	}
	out := d
	if d.root.kind == kindNone && w.adds() {
		blank, err := reparse("{}" + styleOf(d.text, d.root).eol)
		if err != nil {
			return Document{}, err
		}
		out = blank
	}
	out, err := out.apply(w)
	if err != nil {
		return Document{}, fmt.Errorf("edit daemon.json: %w", err)
	}
	if out.text == d.text {
		return d, nil
	}
	if err := checkEdit(d, out, w); err != nil {
		return Document{}, fmt.Errorf("edit daemon.json: %w", err)
	}
	return out, nil
}

// check refuses invalid UTF-8: encoding/json would replace it with other bytes.
func (w Want) check() error {
	var all []string
	for _, s := range []*string{w.DefaultRuntime, w.UsernsRemap} {
		if s != nil {
			all = append(all, *s)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.Runtimes)) {
		r := w.Runtimes[name]
		if r == nil {
			continue
		}
		if err := CheckName(name); err != nil {
			return err
		}
		if r.Path == "" {
			return fmt.Errorf("set runtime %s: no path", name)
		}
		if r.Type != "" {
			return fmt.Errorf("set runtime %s: a path and a type exclude each other", name)
		}
		all = append(append(all, r.Path), r.Args...)
	}
	for name, raw := range w.RawRuntimes {
		if entry, err := Parse([]byte(raw)); err != nil || entry.root.kind != kindObject {
			return fmt.Errorf("set runtime %s: not a JSON object", name)
		}
	}
	if i := slices.IndexFunc(all, func(s string) bool { return !utf8.ValidString(s) }); i >= 0 {
		return fmt.Errorf("set %q: invalid UTF-8", all[i])
	}
	return nil
}

// adds reports whether w sets anything, rather than only removing.
func (w Want) adds() bool {
	for _, r := range w.Runtimes {
		if r != nil {
			return true
		}
	}
	return len(w.RawRuntimes) > 0 || w.DefaultRuntime != nil && *w.DefaultRuntime != "" || w.UsernsRemap != nil && *w.UsernsRemap != ""
}

func (d Document) apply(w Want) (Document, error) {
	var err error
	for _, name := range slices.Sorted(maps.Keys(w.Runtimes)) {
		if r := w.Runtimes[name]; r != nil {
			d, err = d.setRuntime(name, *r)
		} else {
			d, err = d.remove([]string{keyRuntimes}, name)
		}
		if err != nil {
			return Document{}, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.RawRuntimes)) {
		if d, err = d.setRawRuntime(name, w.RawRuntimes[name]); err != nil {
			return Document{}, err
		}
	}
	if all, ok := d.root.kid(keyRuntimes); w.Tidy && ok && len(all.kids) == 0 {
		if d, err = d.remove(nil, keyRuntimes); err != nil {
			return Document{}, err
		}
	}
	if d, err = d.setString(nil, keyDefaultRuntime, w.DefaultRuntime); err != nil {
		return Document{}, err
	}
	return d.setString(nil, keyUsernsRemap, w.UsernsRemap)
}

// setString sets, keeps (nil) or removes ("") a string member of the object that path leads to.
func (d Document) setString(path []string, key string, want *string) (Document, error) {
	if want == nil {
		return d, nil
	}
	if *want == "" {
		return d.remove(path, key)
	}
	if old, ok := d.nodeAt(append(slices.Clip(path), key)...); ok && d.str(old) == *want {
		return d, nil
	}
	return d.put(path, key, func(form, string) string { return quote(*want) })
}

func (d Document) setRuntime(name string, r Runtime) (Document, error) {
	st := styleOf(d.text, d.root)
	all, ok := d.root.kid(keyRuntimes)
	if !ok {
		return d.put(nil, keyRuntimes, func(f form, indent string) string {
			inner := indent
			if f.lines {
				inner += st.inner
			}
			return st.list("{}", f, indent, st.inner, []string{f.member(inner, name, st.entry(d.text, f, inner, r))})
		})
	}
	if _, ok := all.kid(name); !ok {
		return d.put([]string{keyRuntimes}, name, func(f form, indent string) string {
			return st.entry(d.text, likeSibling(d.text, all, f), indent, r)
		})
	}
	return d.adopt([]string{keyRuntimes, name}, r)
}

// setRawRuntime sets an entry to the text raw, unless it has that text.
func (d Document) setRawRuntime(name, raw string) (Document, error) {
	if old, ok := d.Raw(keyRuntimes, name); ok && old == raw {
		return d, nil
	}
	if !d.Has(keyRuntimes) {
		var err error
		if d, err = d.put(nil, keyRuntimes, func(form, string) string { return "{}" }); err != nil {
			return Document{}, err
		}
	}
	return d.put([]string{keyRuntimes}, name, func(form, string) string { return raw })
}

// likeSibling returns the form of the last existing runtime, for a new one:
// hosts often keep each on one line.
func likeSibling(text string, runtimes node, base form) form {
	for _, entry := range slices.Backward(runtimes.kids) {
		if len(entry.kids) > 0 {
			return formOf(text, entry, base)
		}
	}
	return base
}

// adopt changes an existing runtime.
func (d Document) adopt(path []string, r Runtime) (Document, error) {
	d, err := d.setString(path, fieldPath, &r.Path)
	if err != nil {
		return Document{}, err
	}
	if d, err = d.setArgs(path, r.Args); err != nil {
		return Document{}, err
	}
	for _, field := range []string{fieldType, fieldOptions} {
		if d, err = d.remove(path, field); err != nil {
			return Document{}, err
		}
	}
	return d, nil
}

func (d Document) setArgs(path []string, args []string) (Document, error) {
	if args == nil {
		return d, nil
	}
	if len(args) == 0 {
		return d.remove(path, fieldArgs)
	}
	old, _ := d.nodeAt(append(slices.Clip(path), fieldArgs)...)
	if slices.Equal(d.strs(old), args) {
		return d, nil
	}
	st := styleOf(d.text, d.root)
	return d.put(path, fieldArgs, func(f form, indent string) string {
		arrays := st.arrays(d.text, f)
		like := st.sample
		if len(old.kids) > 0 {
			like = &old
		}
		return st.strings(d.text, formOf(d.text, old, arrays), indent, like, args)
	})
}
