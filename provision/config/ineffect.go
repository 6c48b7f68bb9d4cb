package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"runsc-provisioner/daemonjson"
)

// InEffect is the configuration that a host is judged by and kept at: that of
// the files, unless they have lost what the host was last made to be. Then it is
// the accepted one, whole, until the files are put back or a person gives up
// what they have lost.
type InEffect struct {
	Layered
	Lost      *LostError // what the files have lost, and was not given up; or nil
	GivenUp   *LostError // what the files have lost, and was given up; or nil
	FilesErr  error      // why the files are not understood; or nil
	RecordErr error      // why the record, or one copy of it, cannot be used; or nil
	giveUp    bool
}

// LostError says which settings were in effect and are gone from the files.
type LostError struct {
	Keys  []string // sorted
	Files []string // that set them, sorted
}

func (e *LostError) Error() string {
	return "settings in effect are missing from the configuration: " + e.list()
}

func (e *LostError) list() string {
	return fmt.Sprintf("%s (from %s)", strings.Join(e.Keys, ", "), strings.Join(e.Files, ", "))
}

// GiveUpRemedy is the one step that settles a loss.
const GiveUpRemedy = "put the files back (config show lists the values), or give the settings up: sudo runsc-provisioner apply --give-up"

// InEffect compares the files, with the flags o over them, with the record.
// giveUp is a person's word that what was lost is not wanted any more. The
// error is one of the files where there is no record, or a *RecordError where
// no record has the accepted configuration; the built-in values are returned
// beside that, for those who only look.
func (f Files) InEffect(record Record, o Overrides, giveUp bool) (InEffect, error) {
	in := InEffect{RecordErr: record.Damage, giveUp: giveUp}
	files, err := Load(f.Config)
	switch {
	case err != nil && !record.Found:
		if errors.Is(record.Damage, fs.ErrPermission) {
			return InEffect{}, err
		}
		return InEffect{}, errors.Join(err, record.Damage)
	case err != nil:
		in.FilesErr = err
		in.Layered, err = record.Override(o)
		return in, err
	}
	if in.Layered, err = files.Override(o); err != nil {
		return InEffect{}, err
	}
	if !record.Found {
		if record.Damage != nil && !errors.Is(record.Damage, fs.ErrPermission) && !giveUp && len(in.Sources) == 0 {
			return in, record.Damage
		}
		return in, nil
	}
	lost := in.lost(record.Layered)
	switch {
	case lost == nil:
	case giveUp:
		in.GivenUp = lost
	default:
		in.Lost = lost
		in.Layered, err = record.Override(o)
	}
	return in, err
}

// lost is what l has lost of accepted, or nil.
func (l Layered) lost(accepted Layered) *LostError {
	keys := l.Lost(accepted)
	if len(keys) == 0 {
		return nil
	}
	var files []string
	for _, key := range keys {
		files = append(files, accepted.Sources[key])
	}
	slices.Sort(files)
	return &LostError{Keys: keys, Files: slices.Compact(files)}
}

// Err is the worst that is wrong with the configuration, or nil.
func (in InEffect) Err() error {
	switch {
	case in.FilesErr != nil:
		return in.FilesErr
	case in.Lost != nil:
		return in.Lost
	}
	return in.RecordErr
}

// Acceptable reports whether the files may be accepted: nothing of them is lost,
// or it was given up, and what was lost can be told at all.
func (in InEffect) Acceptable() bool {
	if in.FilesErr != nil || in.Lost != nil {
		return false
	}
	var damage *RecordError
	return !errors.As(in.RecordErr, &damage) || damage.Found || in.giveUp
}

// Unsettled reports whether a person has to settle what is in effect: settings are
// lost, or a record that is damaged would not show that they are.
func (in InEffect) Unsettled() bool {
	return in.Lost != nil || !in.Acceptable() && in.FilesErr == nil && !errors.Is(in.RecordErr, fs.ErrPermission)
}

// Warnings are worth knowing beside a plan.
func (in InEffect) Warnings() []string {
	switch {
	case in.GivenUp != nil:
		return []string{"given up: " + in.GivenUp.list()}
	case errors.Is(in.RecordErr, fs.ErrPermission):
		return []string{"the configuration could not be compared with what was last accepted: run this as root"}
	case in.RecordErr != nil && !in.Unsettled():
		return []string{"the record of what was last accepted cannot be used: " + in.RecordErr.Error()}
	}
	return nil
}

// AcceptInEffect remembers in, once the host was made to be so and the flags
// were saved. What the files have lost meanwhile is not given up either. doc is
// daemon.json as it was in the end.
func (f Files) AcceptInEffect(in InEffect, doc daemonjson.Document) error {
	if in.Lost == nil && !in.Acceptable() {
		return nil
	}
	files, err := Load(f.Config)
	if err != nil {
		return err
	}
	if files.lost(in.Layered) == nil {
		return f.Accept(f.WithoutHeld(files, doc))
	}
	kept := Layered{Config: in.Config, Sources: map[string]string{}}
	for key, source := range in.Sources {
		if source == FlagSource {
			source = SavedPath(f.Config)
		}
		kept.Sources[key] = source
	}
	return f.Accept(f.WithoutHeld(kept, doc))
}

// WithoutHeld is l without the keys whose step is held: what was never in effect
// cannot be lost. A key that was accepted before stays.
func (f Files) WithoutHeld(l Layered, doc daemonjson.Document) Layered {
	d := l.Config.Docker
	held := map[string]bool{
		"docker.default_runtime": d.DefaultRuntime != "" && DefaultRuntimeIn(doc) != d.DefaultRuntime,
		"docker.userns_remap":    d.Remap() != RemapAny && RemapOf(UsernsRemapIn(doc) != "") != d.Remap(),
	}
	was := f.Accepted()
	sources := maps.Clone(l.Sources)
	maps.DeleteFunc(sources, func(key, _ string) bool { return held[key] && !was.sets(key) })
	l.Sources = sources
	return l
}
