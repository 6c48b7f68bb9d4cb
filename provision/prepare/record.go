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
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/provision/subid"
)

// Record records what exists before the first step of p: each key of daemon.json and each
// object that this program changes, once. It writes nothing if all is recorded.
func Record(h *host.Host, c config.Config, o host.Observed, p plan.Plan, opts plan.Options) error {
	if o.BeforeUnreadable {
		return nil // a damaged record stays, until a person decides
	}
	now := time.Now().UTC()
	next := plan.Recorded(c, o, p, opts, now)
	for key, inspect := range madeObjects(h, o, p) {
		if _, recorded := next.Objects[key]; recorded {
			continue
		}
		object, err := inspect()
		if err != nil {
			return err
		}
		object.Recorded = now
		next.Objects[key] = object
	}
	if o.Before != nil && reflect.DeepEqual(next, o.Before) {
		return nil
	}
	return h.State().Before().Write(next)
}

// madeObjects are the things that this program makes besides the keys of daemon.json. Each
// has a function that inspects the host as it is now.
func madeObjects(h *host.Host, o host.Observed, p plan.Plan) map[string]func() (state.BeforeObject, error) {
	dropin := config.SavedPath(h.Paths.Config)
	unlessEarlier := func(inspect func() (state.BeforeObject, error)) func() (state.BeforeObject, error) {
		if o.HadUnrecordedVersion() {
			return func() (state.BeforeObject, error) { return state.BeforeObject{Assumed: true}, nil }
		}
		return inspect
	}
	absent := func() (state.BeforeObject, error) { return state.BeforeObject{}, nil }
	all := map[string]func() (state.BeforeObject, error){
		"directory:" + h.Paths.Store:               unlessEarlier(inspectPath(h.Paths.Store)),
		"directory:" + h.Paths.Config:              inspectPath(h.Paths.Config),
		"directory:" + filepath.Dir(dropin):        inspectPath(filepath.Dir(dropin)),
		"directory:" + filepath.Dir(o.File.Target): inspectPath(filepath.Dir(o.File.Target)),
		"file:" + dropin:                           dropinBefore(dropin),
	}
	if h.Paths.Link != "" {
		all["link:"+h.Paths.Link] = func() (state.BeforeObject, error) { return linkBefore(o), nil }
	}
	for _, key := range o.IDs.Made {
		all[key] = absent
	}
	for _, step := range p.Steps {
		switch s := step.(type) {
		case steps.AddAccount:
			all[subid.AccountKey(s.Name)] = absent
			all["group:"+s.Name] = func() (state.BeforeObject, error) { return state.BeforeObject{Present: s.GroupExists}, nil }
		case steps.WriteBuilds:
			for _, path := range []string{"file:" + s.Path, "directory:" + filepath.Dir(s.Path)} {
				_, name, _ := strings.Cut(path, ":")
				all[path] = inspectPath(name)
			}
		case steps.EditIDs:
			all["file:"+s.Path] = inspectPath(s.Path)
			for _, key := range s.Made {
				all[key] = absent
			}
		}
	}
	return all
}

// linkBefore is the record of the link. A link into the store without a record was made by
// a version that kept no record.
func linkBefore(o host.Observed) state.BeforeObject {
	switch o.Link.Kind {
	case release.LinkForeign:
		return state.BeforeObject{Present: true, Description: o.Link.Is}
	case release.LinkOurs:
		return state.BeforeObject{Assumed: true}
	default:
		return state.BeforeObject{}
	}
}

// inspectPath returns a function that says whether path exists, and what it is.
func inspectPath(path string) func() (state.BeforeObject, error) {
	return func() (state.BeforeObject, error) {
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return state.BeforeObject{}, nil
		}
		if err != nil {
			return state.BeforeObject{}, err
		}
		object := state.BeforeObject{Present: true, Description: info.Mode().String()}
		if info.Mode()&fs.ModeSymlink != 0 {
			object.Description, err = os.Readlink(path)
		}
		return object, err
	}
}

// dropinBefore is the record of the file that apply saves its flags to. A file that apply
// wrote, without a record, is from a version that kept no record.
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
