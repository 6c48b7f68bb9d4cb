package state

import (
	"maps"
	"reflect"

	"runsc-provisioner/daemonjson"
)

// NoteWritten notes that path has a text of ours from now on.
func (d Dir) NoteWritten(path string, text []byte) error {
	return d.changeBefore(text, func(b *Before, doc daemonjson.Document) *Before { return b.AfterWrite(path, doc) })
}

// SettleBefore brings the record up to date at the end of a transaction, also of
// one that was killed: what daemon.json has then is what it had at first, or may
// hold values of ours.
func (d Dir) SettleBefore() error {
	j, found, err := d.ReadJournal()
	if err != nil || !found || len(j.File.NewDigests) == 0 {
		return nil // one that cannot be read is refused by the next look
	}
	text, err := j.File.Text()
	if err != nil {
		return nil // so is a daemon.json that cannot be read
	}
	return d.changeBefore(text, func(b *Before, doc daemonjson.Document) *Before {
		if b.Files[j.File.Path].Text == string(text) {
			return b.AfterRevert(j.File.Path, doc)
		}
		return b.AfterWrite(j.File.Path, doc)
	})
}

// changeBefore writes the record where change makes another one of it. A record
// or a text that cannot be read is left to the next look, which refuses it.
func (d Dir) changeBefore(text []byte, change func(*Before, daemonjson.Document) *Before) error {
	b, _, err := d.ReadBefore()
	doc, parseErr := daemonjson.Parse(text)
	if err != nil || b == nil || parseErr != nil {
		return nil
	}
	next := change(b, doc)
	if reflect.DeepEqual(next, b) {
		return nil
	}
	return d.WriteBefore(next)
}

// AfterWrite is b once text was written to path: keys that have another value than
// the recorded one are managed from then on.
func (b *Before) AfterWrite(path string, text daemonjson.Document) *Before {
	next := b.Clone()
	file, ok := next.Files[path]
	if !ok {
		return next
	}
	file.Managed = file.Managed || file.Text != string(text.Bytes())
	for item, key := range file.Keys {
		key.Managed = key.Managed || !key.Matches(text, item)
		file.Keys[item] = key
	}
	next.Files[path] = file
	return next
}

// AfterRevert is b where path has again the text that it had at first, and nothing
// of ours: another program may change it before this one comes back.
func (b *Before) AfterRevert(path string, text daemonjson.Document) *Before {
	next := b.Clone()
	file, ok := next.Files[path]
	if !ok || file.Assumed || file.Text != string(text.Bytes()) {
		return next
	}
	file.Managed = false
	for item, key := range maps.Clone(file.Keys) {
		key.Managed = key.Managed && (key.Assumed || !key.Matches(text, item))
		file.Keys[item] = key
	}
	next.Files[path] = file
	return next
}
