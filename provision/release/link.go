package release

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"runsc-provisioner/provision/archive"
	"runsc-provisioner/provision/durable"
)

// LinkKind is the kind of file at the path of the link.
type LinkKind string

// The kinds of link.
const (
	LinkAbsent  LinkKind = "absent"
	LinkOurs    LinkKind = "ours"
	LinkForeign LinkKind = "foreign"
)

// LinkState is the current state of the link.
type LinkState struct {
	Kind    LinkKind
	Path    string
	Release string // the one it leads to, if ours; it may be missing
	Target  string // runsc of that release
	Is      string // what it is, if foreign
}

// LeadsTo reports whether the link leads to r.
func (l LinkState) LeadsTo(r Installed) bool { return l.Kind == LinkOurs && l.Target == r.Runsc }

// LinkState looks at the link. A symlink to the runsc of a release in the store,
// or in an earlier one, is ours; anything else is foreign.
func (s Store) LinkState() (LinkState, error) {
	state := LinkState{Kind: LinkAbsent, Path: s.Link}
	info, err := os.Lstat(s.Link)
	if s.Link == "" || errors.Is(err, fs.ErrNotExist) {
		return state, nil
	}
	if err != nil {
		return state, fmt.Errorf("look at link: %w", err)
	}
	state.Kind = LinkForeign
	switch mode := info.Mode(); {
	case mode.IsRegular():
		state.Is = "a file"
	case mode.IsDir():
		state.Is = "a directory"
	case mode&fs.ModeSymlink == 0:
		state.Is = "a special file"
	default:
		target, err := os.Readlink(s.Link)
		if err != nil {
			return state, fmt.Errorf("look at link: %w", err)
		}
		if path, name, ours := s.target(target); ours {
			state.Kind, state.Release, state.Target = LinkOurs, name, path
			return state, nil
		}
		state.Is = "a symlink to " + strconv.Quote(target)
	}
	return state, nil
}

// target returns the release that a link to path leads to, and its runsc.
func (s Store) target(path string) (runsc, name string, ours bool) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(s.Link), path)
	}
	path = filepath.Clean(path)
	dir, file := filepath.Split(path)
	store, name := filepath.Split(filepath.Clean(dir))
	store = filepath.Clean(store)
	if file != "runsc" || store != filepath.Clean(s.Dir) && !slices.Contains(s.Earlier, store) {
		return "", "", false
	}
	_, err := ParseLabel(name)
	return path, name, err == nil
}

// RemoveLink removes the link. It leaves a foreign file alone.
func (s Store) RemoveLink() error {
	state, err := s.LinkState()
	if err != nil || state.Kind != LinkOurs {
		return err
	}
	if err := os.Remove(s.Link); err != nil {
		return fmt.Errorf("remove link: %w", err)
	}
	return durable.SyncDir(filepath.Dir(s.Link))
}

// SetLink points the link at the release called name, in one step. It leaves a
// foreign file alone and returns a *ForeignError.
func (s Store) SetLink(name string) error {
	if !s.has(name) {
		return fmt.Errorf("link %s: %w", filepath.Join(s.Dir, name), fs.ErrNotExist)
	}
	state, err := s.LinkState()
	if err != nil {
		return err
	}
	if state.Kind == LinkForeign {
		return &ForeignError{Path: s.Link, Is: state.Is}
	}
	parent := filepath.Dir(s.Link)
	if err := durable.MkdirAll(parent, archive.DirMode); err != nil {
		return fmt.Errorf("link %s: %w", s.Link, err)
	}
	if err := checkAbove(parent, s.Owner); err != nil {
		return err
	}
	return durable.Symlink(filepath.Join(s.Dir, name, "runsc"), s.Link)
}
