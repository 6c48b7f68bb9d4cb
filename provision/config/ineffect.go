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

// InEffect is the configuration that the host is compared with and kept at. It is the one
// in the files, unless the files have lost an accepted setting. Then it is the whole
// accepted configuration, until the user restores the files or gives the setting up.
type InEffect struct {
	Layered
	Lost      *LostError // settings that the files have lost; or nil
	GivenUp   *LostError // settings that the files have lost and the user gave up; or nil
	FilesErr  error      // why the files cannot be read; or nil
	RecordErr error      // why the record or its copy cannot be used; or nil
	// Missing says that the host was provisioned and has no record, and what is managed now;
	// "" if there is a record, or there never was one.
	Missing string
	giveUp  bool
}

// LostError lists the settings that were in effect and are missing from the files.
type LostError struct {
	Keys  []string // sorted
	Files []string // the files that set them, sorted
}

func (e *LostError) Error() string {
	return "settings in effect are missing from the configuration: " + e.list()
}

func (e *LostError) list() string {
	return fmt.Sprintf("%s (from %s)", strings.Join(e.Keys, ", "), strings.Join(e.Files, ", "))
}

// GiveUpRemedy is the advice for a *LostError.
const GiveUpRemedy = "put the files back (config show lists the values), or give the settings up: sudo runsc-provisioner apply --give-up"

// InEffect compares the files, overridden by the flags o, with the record. giveUp says that
// the user no longer wants the lost settings. The error is the one of the files if there is
// no record. It is a *RecordError if neither record nor copy can be used: then the result
// has the built-in values, for callers that only read.
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
		if in.Layered, err = record.Override(o); err != nil {
			return in, in.FilesErr // o may be right with the files, once they are
		}
		return in, nil
	}
	if in.Layered, err = files.Override(o); err != nil {
		return InEffect{}, err
	}
	if !record.Found {
		if record.Damage != nil && !errors.Is(record.Damage, fs.ErrPermission) && !giveUp && len(in.Sources) == 0 {
			return in, record.Damage
		}
		if record.Damage == nil && len(record.Managed) > 0 {
			in.Missing = describeMissing(f.AcceptedPath(), in.Layered, record.Managed)
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

// MissingError is InEffect.Missing as an error.
type MissingError struct{ Text string }

func (e *MissingError) Error() string { return e.Text }

// describeMissing says that the record at path is missing on a host on which this program
// manages items, and what l manages now.
func describeMissing(path string, l Layered, managed []string) string {
	now := l.Config.Items()
	text := fmt.Sprintf("this program has changed this host, and its record of the accepted configuration (%s) is missing, so lost settings are not noticed; managed now: release %s, %s",
		path, l.Config.Release.Version, strings.Join(now, ", "))
	var gone []string
	for _, item := range managed {
		if !slices.Contains(now, item) {
			gone = append(gone, item)
		}
	}
	if len(gone) > 0 {
		text += "; no longer managed: " + strings.Join(gone, ", ")
	}
	return text
}

// lost returns the settings of accepted that l has lost, or nil.
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

// Err returns the worst problem of the configuration, or nil.
func (in InEffect) Err() error {
	switch {
	case in.FilesErr != nil:
		return in.FilesErr
	case in.Lost != nil:
		return in.Lost
	}
	return in.RecordErr
}

// Acceptable reports whether the files may be recorded as accepted: the files and the record
// can be compared, and no setting is lost that the user has not given up.
func (in InEffect) Acceptable() bool {
	if in.FilesErr != nil || in.Lost != nil {
		return false
	}
	var damage *RecordError
	return !errors.As(in.RecordErr, &damage) || damage.Found || in.giveUp
}

// Unsettled reports whether the user has to decide what is in effect: settings are lost, or
// a damaged record hides whether they are.
func (in InEffect) Unsettled() bool {
	return in.Lost != nil || !in.Acceptable() && in.FilesErr == nil && !errors.Is(in.RecordErr, fs.ErrPermission)
}

// Warnings returns what a user should know in addition to a plan.
func (in InEffect) Warnings() []string {
	switch {
	case in.GivenUp != nil:
		return []string{"given up: " + in.GivenUp.list()}
	case errors.Is(in.RecordErr, fs.ErrPermission):
		return []string{"the configuration could not be compared with the last accepted one: run this as root"}
	case in.RecordErr != nil && !in.Unsettled():
		return []string{"the record of the last accepted configuration cannot be used: " + in.RecordErr.Error()}
	case in.Missing != "":
		return []string{in.Missing}
	}
	return nil
}

// AcceptInEffect records in as accepted, after it was applied and the flags were saved. The
// record keeps settings that the files have lost since. doc is daemon.json at the end, and
// items are what is held beside it.
func (f Files) AcceptInEffect(in InEffect, doc daemonjson.Document, items ...string) error {
	if in.Lost == nil && !in.Acceptable() {
		return nil
	}
	files, err := Load(f.Config)
	if err != nil {
		return err
	}
	if files.lost(in.Layered) == nil {
		return f.Accept(f.WithoutHeld(files, doc, items...))
	}
	kept := Layered{Config: in.Config, Sources: map[string]string{}}
	for key, source := range in.Sources {
		if source == FlagSource {
			source = SavedPath(f.Config)
		}
		kept.Sources[key] = source
	}
	return f.Accept(f.WithoutHeld(kept, doc, items...))
}

// WithoutHeld returns l without the keys that are not in effect in doc, or held as items: a setting that was never in
// effect cannot be lost. Keys that were accepted earlier stay.
func (f Files) WithoutHeld(l Layered, doc daemonjson.Document, items ...string) Layered {
	d := l.Config.Docker
	held := map[string]bool{
		"docker.builds":          slices.Contains(items, ItemBuilds),
		"docker.default_runtime": d.DefaultRuntime != "" && DefaultRuntimeIn(doc) != d.DefaultRuntime,
		"docker.userns_remap":    d.Remap() != RemapAny && RemapOf(UsernsRemapIn(doc) != "") != d.Remap(),
	}
	previous := f.Accepted()
	sources := maps.Clone(l.Sources)
	maps.DeleteFunc(sources, func(key, _ string) bool { return held[key] && !previous.sets(key) })
	l.Sources = sources
	return l
}
