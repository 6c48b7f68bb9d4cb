package daemonjson

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// checkEdit decodes before and after with another reader than the one that made
// the edit: after must be before with the changes of w and no others. It
// compares numbers as text.
func checkEdit(before, after Document, w Want) error {
	want, err := decode(before.text)
	if err != nil {
		return fmt.Errorf("decode original: %w", err)
	}
	got, err := decode(after.text)
	if err != nil {
		return fmt.Errorf("decode result: %w", err)
	}
	w.applyTo(want)
	if !reflect.DeepEqual(got, want) {
		return errors.New("the result has changes that were not asked for")
	}
	return nil
}

func decode(text string) (map[string]any, error) {
	all := map[string]any{}
	if strings.Trim(text, " \t\r\n") == "" {
		return all, nil
	}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&all); err != nil {
		return nil, err
	}
	return all, nil
}

// applyTo makes the edit on decoded values.
func (w Want) applyTo(all map[string]any) {
	runtimes, _ := all[keyRuntimes].(map[string]any)
	for name, r := range w.Runtimes {
		if r == nil {
			delete(runtimes, name)
			continue
		}
		if runtimes == nil {
			runtimes = map[string]any{}
			all[keyRuntimes] = runtimes
		}
		entry, ok := runtimes[name].(map[string]any)
		if !ok {
			entry = map[string]any{}
			runtimes[name] = entry
		}
		r.applyTo(entry)
	}
	for name, raw := range w.RawRuntimes {
		if runtimes == nil {
			runtimes = map[string]any{}
			all[keyRuntimes] = runtimes
		}
		entry, err := decode(raw)
		if err != nil {
			entry = nil // the result differs from that, and is refused
		}
		runtimes[name] = entry
	}
	if w.Tidy && runtimes != nil && len(runtimes) == 0 {
		delete(all, keyRuntimes)
	}
	setOrDelete(all, keyDefaultRuntime, w.DefaultRuntime)
	setOrDelete(all, keyUsernsRemap, w.UsernsRemap)
}

func (r Runtime) applyTo(entry map[string]any) {
	entry[fieldPath] = r.Path
	delete(entry, fieldType)
	delete(entry, fieldOptions)
	if r.Args == nil {
		return
	}
	delete(entry, fieldArgs)
	if len(r.Args) > 0 {
		args := make([]any, 0, len(r.Args))
		for _, arg := range r.Args {
			args = append(args, arg)
		}
		entry[fieldArgs] = args
	}
}

func setOrDelete(all map[string]any, key string, want *string) {
	switch {
	case want == nil:
	case *want == "":
		delete(all, key)
	default:
		all[key] = *want
	}
}
