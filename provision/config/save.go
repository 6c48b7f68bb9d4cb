package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"github.com/pelletier/go-toml/v2"

	"runsc-provisioner/pattern"
	"runsc-provisioner/provision/durable"
)

// Overrides are the values that flags can set. Nil leaves the value of the config files.
type Overrides struct {
	Version        *string
	Channel        *string
	URL            *string
	DefaultRuntime *string
	UsernsRemap    *string
	Builds         *string
	Names          *string
	RuntimeArgs    []string // of DefaultRuntimeName
	Rootfs         *string  // of DefaultRuntimeName
}

// FlagSource is the source of values from flags in Layered.Sources.
const FlagSource = "command line"

// table returns the set values of o as nested TOML tables.
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
	set("docker", "builds", o.Builds)
	set("docker", "names", o.Names)
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

// Override returns l with the values of o, validated. An empty value is an error: a file may leave a setting to others
// with it, but on a command line it comes from a variable that is not set.
func (l Layered) Override(o Overrides) (Layered, error) {
	table := o.table()
	if len(table) == 0 {
		return l, nil
	}
	for _, setting := range []struct {
		key   string
		value *string
	}{
		{"docker.default_runtime", o.DefaultRuntime}, {"docker.userns_remap", o.UsernsRemap},
		{"docker.builds", o.Builds}, {"docker.names", o.Names}, {"docker.runtimes." + DefaultRuntimeName + ".rootfs", o.Rootfs},
	} {
		if setting.value != nil && *setting.value == "" {
			return Layered{}, &Error{Source: FlagSource, Key: setting.key, Reason: "the flag has an empty value: give it one, or leave it out"}
		}
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

// SavedPath returns the path of the drop-in with the flags of the last `apply`.
func SavedPath(dir string) string { return filepath.Join(dir, "config.d", "50-apply.toml") }

// SavedBy begins the drop-in in all versions; the advice after it has changed.
const SavedBy = "# Written by `runsc-provisioner apply` from its flags. "

// savedHeading is the first line of the drop-in.
const savedHeading = SavedBy + "To forget them: delete this, then `apply --give-up`.\n"

// userInURL matches a URL that has a user, and so perhaps a password.
var userInURL = pattern.Lazy(`://[^\s"']*@`)

// Save adds o to the file at SavedPath, so that a second `apply`, the service and `verify`
// use the same values. It reports whether the file changed. Only root may read a file that has
// a password, which a URL may have.
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
	mode := fs.FileMode(0o644)
	if userInURL().Match(body) {
		mode = 0o600
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&^mode == 0 && string(text) == string(old) {
		return false, nil
	}
	if err := durable.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return false, err
	}
	return true, durable.WriteFile(path, text, durable.Plain(mode))
}

// mergeTables copies over into base, table by table.
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
