package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"runsc-provisioner/pattern"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/release"
)

// MaxFile limits the size of a config file in bytes.
const MaxFile = 256 << 10

// Layered is a Config with the source of each value.
type Layered struct {
	Config Config `json:"config"`
	// Sources maps dotted keys to the file or flag that set them last. A missing key
	// has its built-in value.
	Sources map[string]string `json:"sources"`
}

// Load reads dir/config.toml and then dir/config.d/*.toml in lexical order. A later file
// overrides earlier ones. Missing files are no error. An unknown key or a refused value is
// an *Error with file, line and column. So is a file that a user other than root and the user
// of this process could change, because root does what it says; it has a *durable.UnsafeError.
func Load(dir string) (Layered, error) {
	layered := Layered{Config: Default(), Sources: map[string]string{}}
	paths, err := configPaths(dir)
	if err != nil {
		return Layered{}, err
	}
	for _, path := range paths {
		if err := durable.Trusted(path); err != nil {
			return Layered{}, unread(path, err)
		}
		text, err := durable.ReadLimited(path, MaxFile)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return Layered{}, unread(path, err)
		}
		if err := layered.add(path, text); err != nil {
			return Layered{}, err
		}
	}
	return layered, layered.Validate()
}

// configPaths lists the files of the configuration in the order in which they apply. A
// directory of drop-ins that cannot be listed is an *Error, and not an empty one.
func configPaths(dir string) ([]string, error) {
	paths, dropins := []string{filepath.Join(dir, "config.toml")}, filepath.Join(dir, "config.d")
	if err := durable.Trusted(dropins); err != nil {
		return nil, unread(dropins, err)
	}
	entries, err := os.ReadDir(dropins)
	if _, linkErr := os.Lstat(dropins); errors.Is(err, fs.ErrNotExist) && linkErr != nil {
		return paths, nil
	}
	if err != nil {
		return nil, unread(dropins, err)
	}
	for _, entry := range entries { // in lexical order
		if name := entry.Name(); filepath.Ext(name) == ".toml" && name[0] != '.' {
			paths = append(paths, filepath.Join(dropins, name))
		}
	}
	return paths, nil
}

// unread is the *Error of a file that cannot be read.
func unread(path string, err error) error {
	reason := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "read "+path+": "), path+": ")
	var unsafe *durable.UnsafeError
	if errors.As(err, &unsafe) {
		path, reason = unsafe.Path, unsafe.Reason+": it must be writable by root only"
	}
	return &Error{Source: path, Reason: reason, Err: err}
}

// add lays the text of one file over l.
func (l *Layered) add(source string, text []byte) error {
	var keys map[string]any
	if err := toml.Unmarshal(text, &keys); err != nil {
		return tomlError(source, err)
	}
	decoder := toml.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&l.Config); err != nil {
		return tomlError(source, err)
	}
	for _, key := range leafKeys("", keys) {
		l.Sources[key] = source
	}
	return nil
}

// Validate is Config.Validate with the source of the refused key filled in.
func (l Layered) Validate() error {
	err := l.Config.Validate()
	var refused *Error
	if errors.As(err, &refused) {
		refused.Source = l.source(refused.Key)
	}
	return err
}

// source finds the source of key, of a key below it, or of the closest table or list above
// it.
func (l Layered) source(key string) string {
	for _, set := range slices.Sorted(maps.Keys(l.Sources)) {
		if strings.HasPrefix(set, key+".") {
			return l.Sources[set]
		}
	}
	for key != "" {
		if source, ok := l.Sources[key]; ok {
			return source
		}
		key = key[:max(strings.LastIndexAny(key, ".["), 0)]
	}
	return "built in"
}

// Values lists every value of l as (dotted key, TOML text, source), sorted by
// key, for people to read.
func (l Layered) Values() ([][3]string, error) {
	text, err := toml.Marshal(l.Config)
	if err != nil {
		return nil, err
	}
	var keys map[string]any
	if err := toml.Unmarshal(text, &keys); err != nil {
		return nil, err
	}
	var values [][3]string
	for _, key := range leafKeys("", keys) {
		values = append(values, [3]string{key, tomlValue(keys, key), l.source(key)})
	}
	return values, nil
}

// leafKeys lists the dotted keys of t that are not tables, sorted.
func leafKeys(prefix string, t map[string]any) []string {
	var out []string
	for key, value := range t {
		if table, ok := value.(map[string]any); ok && len(table) > 0 {
			out = append(out, leafKeys(prefix+key+".", table)...)
			continue
		}
		out = append(out, prefix+key)
	}
	slices.Sort(out)
	return out
}

// tomlValue returns the TOML text of the value at a dotted key. Keys of release.sha512 are
// file names, which contain dots, so the longest match wins.
func tomlValue(t map[string]any, key string) string {
	for name, value := range t {
		if name == key {
			text, err := toml.Marshal(map[string]any{"v": value})
			if err != nil {
				return fmt.Sprint(value)
			}
			return strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(string(text)), "v ="))
		}
		if table, ok := value.(map[string]any); ok && strings.HasPrefix(key, name+".") {
			return tomlValue(table, strings.TrimPrefix(key, name+"."))
		}
	}
	return ""
}

// wrongType matches go-toml's error for a value of the wrong type. The error names a Go
// struct field, which means nothing to a user.
var wrongType = pattern.Lazy(`^toml: cannot decode TOML (\w+) into struct field \S+ of type (\S+)$`)

func tomlError(source string, err error) error {
	var missing *toml.StrictMissingError
	if errors.As(err, &missing) && len(missing.Errors) > 0 {
		row, column := missing.Errors[0].Position()
		return &Error{
			Source: fmt.Sprintf("%s:%d:%d", source, row, column),
			Key:    strings.Join(missing.Errors[0].Key(), "."),
			Reason: "unknown key",
		}
	}
	var decode *toml.DecodeError
	if errors.As(err, &decode) {
		row, column := decode.Position()
		return &Error{
			Source: fmt.Sprintf("%s:%d:%d", source, row, column),
			Key:    strings.Join(decode.Key(), "."),
			Reason: wrongType().ReplaceAllString(decode.Error(), "got a $1, want $2"),
		}
	}
	return &Error{Source: source, Reason: err.Error()}
}

// WrapSpecError converts a *release.SpecError to an *Error, and returns other errors as they
// are.
func WrapSpecError(err error) error {
	var spec *release.SpecError
	if !errors.As(err, &spec) {
		return err
	}
	return &Error{Key: "release." + spec.Field, Reason: fmt.Sprintf("%q: %s", spec.Value, spec.Reason)}
}
