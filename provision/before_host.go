package provision

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/release"
)

// remember writes down what is there before the first step of p, as far as it
// was not recorded yet.
func (h *Host) remember(c config.Config, o Observed, p Plan, opts Options) error {
	now := time.Now().UTC()
	next := recorded(c, o, p, opts, now)
	for key, look := range h.objects(o, p) {
		if _, known := next.Objects[key]; known {
			continue
		}
		object, err := look()
		if err != nil {
			return err
		}
		object.Recorded = now
		next.Objects[key] = object
	}
	if o.Before != nil && reflect.DeepEqual(next, o.Before) {
		return nil
	}
	return h.writeBefore(next)
}

// markBefore notes that path has a text of ours from now on.
func (h *Host) markBefore(path string, text []byte) error {
	return h.changeBefore(text, func(b *Before, doc daemonjson.Document) *Before { return b.marked(path, doc) })
}

// settleBefore brings the record up to date at the end of a transaction, also of
// one that was killed: what daemon.json has then is what it had at first, or may
// hold values of ours.
func (h *Host) settleBefore() error {
	j, found, err := h.readJournal()
	if err != nil || !found || len(j.File.Later) == 0 {
		return nil // one that cannot be read is refused by the next look
	}
	text, err := j.File.Text()
	if err != nil {
		return nil // so is a daemon.json that cannot be read
	}
	return h.changeBefore(text, func(b *Before, doc daemonjson.Document) *Before {
		if b.Files[j.File.Path].Text == string(text) {
			return b.unmarked(j.File.Path, doc)
		}
		return b.marked(j.File.Path, doc)
	})
}

// changeBefore writes the record where change makes another one of it. A record
// or a text that cannot be read is left to the next look, which refuses it.
func (h *Host) changeBefore(text []byte, change func(*Before, daemonjson.Document) *Before) error {
	b, _, err := h.readBefore()
	doc, parseErr := daemonjson.Parse(text)
	if err != nil || b == nil || parseErr != nil {
		return nil
	}
	next := change(b, doc)
	if reflect.DeepEqual(next, b) {
		return nil
	}
	return h.writeBefore(next)
}

// objects are the things that this program makes beside the keys of daemon.json,
// each with a look at what is there now.
func (h *Host) objects(o Observed, p Plan) map[string]func() (BeforeObject, error) {
	dropin := config.SavedPath(h.Paths.Config)
	earlier := func(look func() (BeforeObject, error)) func() (BeforeObject, error) {
		if o.earlier() {
			return func() (BeforeObject, error) { return BeforeObject{Assumed: true}, nil }
		}
		return look
	}
	absent := func() (BeforeObject, error) { return BeforeObject{}, nil }
	all := map[string]func() (BeforeObject, error){
		"link:" + h.Paths.Link:                     func() (BeforeObject, error) { return linkBefore(o), nil },
		"directory:" + h.Paths.Store:               earlier(lookAt(h.Paths.Store)),
		"directory:" + h.Paths.Config:              lookAt(h.Paths.Config),
		"directory:" + filepath.Dir(dropin):        lookAt(filepath.Dir(dropin)),
		"directory:" + filepath.Dir(o.File.Target): lookAt(filepath.Dir(o.File.Target)),
		"file:" + dropin:                           dropinBefore(dropin),
	}
	for _, key := range o.IDs.Ours {
		all[key] = absent
	}
	for _, step := range p.Steps {
		switch s := step.(type) {
		case AddAccount:
			all[accountKey(s.Name)] = absent
			all["group:"+s.Name] = func() (BeforeObject, error) { return BeforeObject{Present: s.Grouped}, nil }
		case EditIDs:
			all["file:"+s.Path] = lookAt(s.Path)
			for _, key := range s.Made {
				all[key] = absent
			}
		}
	}
	return all
}

// linkBefore takes a link into the store, where none is recorded, for one that
// was made by a version that kept no record.
func linkBefore(o Observed) BeforeObject {
	switch o.Link.Kind {
	case release.LinkForeign:
		return BeforeObject{Present: true, Is: o.Link.Is}
	case release.LinkOurs:
		return BeforeObject{Assumed: true}
	default:
		return BeforeObject{}
	}
}

// lookAt says whether a path is there, and what it is.
func lookAt(path string) func() (BeforeObject, error) {
	return func() (BeforeObject, error) {
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return BeforeObject{}, nil
		}
		if err != nil {
			return BeforeObject{}, err
		}
		object := BeforeObject{Present: true, Is: info.Mode().String()}
		if info.Mode()&fs.ModeSymlink != 0 {
			object.Is, err = os.Readlink(path)
		}
		return object, err
	}
}

// dropinBefore is the text of the file that apply saves its flags to. One that
// apply has written, and nothing recorded, is of a version that kept no record.
func dropinBefore(path string) func() (BeforeObject, error) {
	return func() (BeforeObject, error) {
		text, err := durable.ReadLimited(path, config.MaxFile)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return BeforeObject{}, nil
		case err != nil:
			return BeforeObject{}, err
		case strings.HasPrefix(string(text), config.SavedBy):
			return BeforeObject{Assumed: true}, nil
		}
		return BeforeObject{Present: true, Text: string(text)}, nil
	}
}
