package state

import (
	"maps"
	"reflect"

	"runsc-provisioner/daemonjson"
)

// NoteWritten records that this program wrote text to path.
func (s BeforeStore) NoteWritten(path string, text []byte) error {
	return s.change(text, func(b *Before, doc daemonjson.Document) *Before { return b.AfterWrite(path, doc) })
}

// Settle updates the record at the end of a transaction, also of one that was killed:
// daemon.json has its first text again, or may hold values that this program wrote.
func (s BeforeStore) Settle() error {
	j, found, err := s.dir.Journal().Read()
	if err != nil || !found || len(j.File.NewDigests) == 0 {
		return nil // the next run refuses a journal that cannot be read
	}
	text, err := j.File.Text()
	if err != nil {
		return nil // and a daemon.json that cannot be read
	}
	return s.change(text, func(b *Before, doc daemonjson.Document) *Before {
		if b.Files[j.File.Path].Text == string(text) {
			return b.AfterRevert(j.File.Path, doc)
		}
		return b.AfterWrite(j.File.Path, doc)
	})
}

// StartOver ends the record of daemon.json, which is as it was before this program: the next change records it again.
func (s BeforeStore) StartOver() error {
	b, _, err := s.Read()
	if err != nil {
		return err
	}
	next := b.Clone()
	next.Files = map[string]BeforeFile{}
	return s.Write(next)
}

// change writes the record if change makes a different one of it. It leaves a record
// or a text that cannot be read to the next run, which refuses it.
func (s BeforeStore) change(text []byte, change func(*Before, daemonjson.Document) *Before) error {
	b, _, err := s.Read()
	doc, parseErr := daemonjson.Parse(text)
	if err != nil || b == nil || parseErr != nil {
		return nil
	}
	next := change(b, doc)
	if reflect.DeepEqual(next, b) {
		return nil
	}
	return s.Write(next)
}

// AfterWrite returns b as it is once text was written to path: keys with another value than
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

// AfterRevert returns b as it is once path has its first text again, without anything that
// this program wrote: another program may change the file before the next run.
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
