package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
)

func TestReference_HasEveryKeyWithItsDefault(t *testing.T) {
	want := map[string]string{}
	defaults(want, "", reflect.ValueOf(Default()))
	got := map[string]string{}
	for _, section := range Reference() {
		for _, key := range section.Keys {
			if _, twice := got[key.Key]; twice {
				t.Errorf("%s is listed twice", key.Key)
			}
			got[key.Key] = key.Default
			if name, _ := cutLast(key.Key); name != section.Name {
				t.Errorf("%s is in section %s", key.Key, section.Name)
			}
		}
	}
	for key, value := range want {
		if documented, ok := got[key]; !ok {
			t.Errorf("%s is not in the reference", key)
		} else if documented != value {
			t.Errorf("%s: the reference says %s, the default is %s", key, documented, value)
		}
	}
	for key := range got {
		if _, ok := want[key]; !ok {
			t.Errorf("the reference has %s, Config does not", key)
		}
	}
}

// defaults fills out with the dotted key and the TOML text of each field of v.
func defaults(out map[string]string, prefix string, v reflect.Value) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		key := prefix + field.Tag.Get("toml")
		switch {
		case field.Type.Kind() == reflect.Map && field.Type.Elem().Kind() == reflect.Struct:
			defaults(out, key+".NAME.", reflect.Zero(field.Type.Elem()))
		case field.Type.Kind() == reflect.Map:
			out[key+".FILE"] = ""
		case field.Type.Kind() == reflect.Struct:
			defaults(out, key+".", v.Field(i))
		case field.Type == reflect.TypeFor[[]string]() && field.Name == "Args":
			out[key] = "" // nil differs from an empty list
		default:
			out[key] = tomlText(v.Field(i))
		}
	}
}

func tomlText(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Slice:
		quoted := make([]string, 0, v.Len())
		for i := range v.Len() {
			quoted = append(quoted, fmt.Sprintf("%q", v.Index(i).String()))
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	case reflect.String:
		return fmt.Sprintf("%q", v.String())
	}
	if text, ok := v.Interface().(interface{ MarshalText() ([]byte, error) }); ok {
		b, err := text.MarshalText()
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("%q", b)
	}
	return fmt.Sprint(v.Interface())
}

func TestReference_ExamplesAndDefaultsAreAccepted(t *testing.T) {
	for _, section := range Reference() {
		for _, key := range section.Keys {
			for _, value := range []string{key.Default, key.Example} {
				if value == "" {
					continue
				}
				layered := Layered{Config: Default(), Sources: map[string]string{}}
				if err := layered.add("example", []byte(assignment(key.Key, value))); err != nil {
					t.Errorf("%s = %s: %v", key.Key, value, err)
				} else if err := layered.Validate(); err != nil && !needsMore(key.Key, value) {
					t.Errorf("%s = %s: %v", key.Key, value, err)
				}
			}
			if key.Example == "" || key.Example == key.Default {
				t.Errorf("%s: example %q, default %q", key.Key, key.Example, key.Default)
			}
		}
	}
}

// needsMore reports whether a value is accepted only beside another key.
func needsMore(key, value string) bool {
	return key == "release.channel" && value == `"nightly"` // version must be a nightly's
}

// assignment is a file that sets one key.
func assignment(key, value string) string {
	section, name := cutLast(strings.NewReplacer("NAME", "runsc", "FILE", `gvisor-tar-zstd`).Replace(key))
	return fmt.Sprintf("[%s]\n%s = %s\n", section, name, value)
}

func cutLast(key string) (before, after string) {
	at := strings.LastIndex(key, ".")
	return key[:at], key[at+1:]
}

func TestReference_TypesAreTrue(t *testing.T) {
	types := []string{"string", "integer", "duration", "list of strings"}
	for _, section := range Reference() {
		for _, key := range section.Keys {
			if !slices.Contains(types, key.Type) {
				t.Errorf("%s has type %q", key.Key, key.Type)
			}
			var file struct{ V any }
			if err := toml.Unmarshal([]byte("v = "+key.Example), &file); err != nil {
				t.Errorf("%s: %v", key.Key, err)
				continue
			}
			names := map[reflect.Kind]string{
				reflect.String: "string", reflect.Int64: "integer", reflect.Slice: "list of strings",
			}
			got := names[reflect.ValueOf(file.V).Kind()]
			if got != strings.Replace(key.Type, "duration", "string", 1) {
				t.Errorf("%s = %s is a %s, the reference says %s", key.Key, key.Example, got, key.Type)
			}
		}
	}
}
