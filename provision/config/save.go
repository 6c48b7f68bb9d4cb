package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"

	"github.com/pelletier/go-toml/v2"

	"runsc-provisioner/provision/durable"
)

// Overrides are the values that a command line may set. Nil leaves what the
// config files say.
type Overrides struct {
	Version        *string
	Channel        *string
	URL            *string
	DefaultRuntime *string
	UsernsRemap    *string
	RuntimeArgs    []string // of the runtime that is there by default
	Rootfs         *string  // of the same
}

// FlagSource is the source that Layered gives for values of a command line.
const FlagSource = "command line"

// table is o as nested TOML tables with only what is set in it.
func (o Overrides) table() map[string]any {
	root := map[string]any{}
	set := func(table, key string, value *string) {
		if value == nil {
			return
		}
		if root[table] == nil {
			root[table] = map[string]any{}
		}
		root[table].(map[string]any)[key] = *value
	}
	set("release", "version", o.Version)
	set("release", "channel", o.Channel)
	set("release", "url", o.URL)
	set("docker", "default_runtime", o.DefaultRuntime)
	set("docker", "userns_remap", o.UsernsRemap)
	runtime := map[string]any{}
	if o.RuntimeArgs != nil {
		runtime["args"] = o.RuntimeArgs
	}
	if o.Rootfs != nil {
		runtime["rootfs"] = *o.Rootfs
	}
	if len(runtime) > 0 {
		mergeTables(root, map[string]any{"docker": map[string]any{"runtimes": map[string]any{DefaultRuntimeName: runtime}}})
	}
	return root
}

// Override lays o over l. The result is validated.
func (l Layered) Override(o Overrides) (Layered, error) {
	table := o.table()
	if len(table) == 0 {
		return l, nil
	}
	text, err := toml.Marshal(table)
	if err != nil {
		return Layered{}, fmt.Errorf("encode flags: %w", err)
	}
	l.Sources = maps.Clone(l.Sources)
	l.Config.Docker.Runtimes = maps.Clone(l.Config.Docker.Runtimes)
	if err := l.add(FlagSource, text); err != nil {
		return Layered{}, err
	}
	return l, l.Validate()
}

// SavedPath is the drop-in that holds what `apply` was last told by flags.
func SavedPath(dir string) string { return filepath.Join(dir, "config.d", "50-apply.toml") }

// SavedBy begins the drop-in, also of versions whose advice after it was another.
const SavedBy = "# Written by `runsc-provisioner apply` from its flags. "

// savedHeading is the drop-in's first line.
const savedHeading = SavedBy + "To forget them: delete this, then `apply --give-up`.\n"

// Save lays o over what SavedPath holds, so that a second `apply`, the service
// and `verify` want the same. It reports whether the file changed.
func (o Overrides) Save(dir string) (changed bool, err error) {
	table := o.table()
	if len(table) == 0 {
		return false, nil
	}
	path := SavedPath(dir)
	old, err := durable.ReadLimited(path, MaxFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("read %s: %w", path, err)
	}
	saved := map[string]any{}
	if err := toml.Unmarshal(old, &saved); err != nil {
		return false, tomlError(path, err)
	}
	mergeTables(saved, table)
	body, err := toml.Marshal(saved)
	if err != nil {
		return false, fmt.Errorf("encode %s: %w", path, err)
	}
	text := append([]byte(savedHeading), body...)
	if string(text) == string(old) {
		return false, nil
	}
	if err := durable.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return false, err
	}
	return true, durable.WriteFile(path, text, durable.Plain(0o644))
}

// mergeTables lays over onto base, table by table.
func mergeTables(base, over map[string]any) {
	for key, value := range over {
		table, isTable := value.(map[string]any)
		below, wasTable := base[key].(map[string]any)
		if isTable && wasTable {
			mergeTables(below, table)
			continue
		}
		base[key] = value
	}
}
