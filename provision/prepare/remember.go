package prepare

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/subid"
)

// Record writes down what is there before the first step of p, as far as it
// was not recorded yet.
func Record(h *host.Host, c config.Config, o host.Observed, p plan.Plan, opts plan.Options) error {
	now := time.Now().UTC()
	next := plan.Recorded(c, o, p, opts, now)
	for key, look := range madeObjects(h, o, p) {
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
	return h.State().WriteBefore(next)
}

// madeObjects are the things that this program makes beside the keys of daemon.json,
// each with a look at what is there now.
func madeObjects(h *host.Host, o host.Observed, p plan.Plan) map[string]func() (state.BeforeObject, error) {
	dropin := config.SavedPath(h.Paths.Config)
	earlier := func(look func() (state.BeforeObject, error)) func() (state.BeforeObject, error) {
		if o.Earlier() {
			return func() (state.BeforeObject, error) { return state.BeforeObject{Assumed: true}, nil }
		}
		return look
	}
	absent := func() (state.BeforeObject, error) { return state.BeforeObject{}, nil }
	all := map[string]func() (state.BeforeObject, error){
		"link:" + h.Paths.Link:                     func() (state.BeforeObject, error) { return linkBefore(o), nil },
		"directory:" + h.Paths.Store:               earlier(inspectPath(h.Paths.Store)),
		"directory:" + h.Paths.Config:              inspectPath(h.Paths.Config),
		"directory:" + filepath.Dir(dropin):        inspectPath(filepath.Dir(dropin)),
		"directory:" + filepath.Dir(o.File.Target): inspectPath(filepath.Dir(o.File.Target)),
		"file:" + dropin:                           dropinBefore(dropin),
	}
	for _, key := range o.IDs.Ours {
		all[key] = absent
	}
	for _, step := range p.Steps {
		switch s := step.(type) {
		case plan.AddAccount:
			all[subid.AccountKey(s.Name)] = absent
			all["group:"+s.Name] = func() (state.BeforeObject, error) { return state.BeforeObject{Present: s.GroupExists}, nil }
		case plan.EditIDs:
			all["file:"+s.Path] = inspectPath(s.Path)
			for _, key := range s.Made {
				all[key] = absent
			}
		}
	}
	return all
}

// linkBefore takes a link into the store, where none is recorded, for one that
// was made by a version that kept no record.
func linkBefore(o host.Observed) state.BeforeObject {
	switch o.Link.Kind {
	case release.LinkForeign:
		return state.BeforeObject{Present: true, Is: o.Link.Is}
	case release.LinkOurs:
		return state.BeforeObject{Assumed: true}
	default:
		return state.BeforeObject{}
	}
}

// inspectPath says whether a path is there, and what it is.
func inspectPath(path string) func() (state.BeforeObject, error) {
	return func() (state.BeforeObject, error) {
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return state.BeforeObject{}, nil
		}
		if err != nil {
			return state.BeforeObject{}, err
		}
		object := state.BeforeObject{Present: true, Is: info.Mode().String()}
		if info.Mode()&fs.ModeSymlink != 0 {
			object.Is, err = os.Readlink(path)
		}
		return object, err
	}
}

// dropinBefore is the text of the file that apply saves its flags to. One that
// apply has written, and nothing recorded, is of a version that kept no record.
func dropinBefore(path string) func() (state.BeforeObject, error) {
	return func() (state.BeforeObject, error) {
		text, err := durable.ReadLimited(path, config.MaxFile)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return state.BeforeObject{}, nil
		case err != nil:
			return state.BeforeObject{}, err
		case strings.HasPrefix(string(text), config.SavedBy):
			return state.BeforeObject{Assumed: true}, nil
		}
		return state.BeforeObject{Present: true, Text: string(text)}, nil
	}
}
