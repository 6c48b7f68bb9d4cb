package earlier

import (
	"bytes"
	"encoding/json"
	"strings"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/state"
)

// record is what is known of daemon.json before this program.
type record struct {
	state.BeforeFile
	doc daemonjson.Document // of Text
	// known says that Text has nothing of this program.
	known bool
}

func recordOf(o host.Observed) record {
	if o.Before == nil {
		return record{}
	}
	file, found := o.Before.Files[o.File.Path]
	doc, err := daemonjson.Parse([]byte(file.Text))
	return record{file, doc, found && err == nil && !file.Assumed}
}

// value is the JSON text of an item. known is false if no record has it, or only one that a version with a
// record made after a version without one.
func (r record) value(item string) (value string, present, known bool) {
	if key, found := r.Keys[item]; found {
		return key.Value, key.Present && !key.Assumed, !key.Assumed
	}
	if r.known {
		value, present = config.ItemValue(r.doc, item)
	}
	return value, present, r.known
}

// managed reports whether this program has written an item.
func (r record) managed(item string) bool { return r.Keys[item].Managed }

// mayTidy reports whether empty runtimes are of this program: it has written runtimes, or the file has some of its own, and
// no record says that there were empty ones before.
func (r record) mayTidy(hasOurs bool) bool {
	for item, key := range r.Keys {
		if strings.HasPrefix(item, config.RuntimePrefix) {
			hasOurs = hasOurs || key.Managed
		}
	}
	return hasOurs && !(r.known && r.doc.Has("runtimes"))
}

// respelled is doc with the white space of the record, if nothing else differs.
func (r record) respelled(doc daemonjson.Document) daemonjson.Document {
	if r.known && r.Exists && sameContent(doc.Bytes(), r.doc.Bytes()) {
		return r.doc
	}
	return doc
}

// sameContent reports whether two texts differ in white space only. A blank text is an empty object.
func sameContent(a, b []byte) bool {
	compact := func(text []byte) []byte {
		if len(bytes.TrimSpace(text)) == 0 {
			return []byte("{}")
		}
		var b bytes.Buffer
		if json.Compact(&b, text) != nil {
			return text
		}
		return b.Bytes()
	}
	return bytes.Equal(compact(a), compact(b))
}
