package main

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// documentedFields are the paths of the fields in a section of docs/schemas.md. In a row, ".name"
// after another path is a field beside it.
func documentedFields(t *testing.T, title string) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("../../docs/schemas.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n## "+title+"\n")
	if !found {
		t.Fatalf("docs/schemas.md has no section %s", title)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	fields := map[string]bool{"schema_version": true}
	for row := range strings.Lines(section) {
		if !strings.HasPrefix(row, "| `") {
			continue
		}
		beside := ""
		for _, span := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(strings.Split(row, "|")[1], -1) {
			path := span[1]
			if strings.HasPrefix(path, ".") {
				path = beside + path
			} else if at := strings.LastIndex(path, "."); at > 0 {
				beside = path[:at]
			} else {
				beside = ""
			}
			fields[strings.ReplaceAll(path, "[]", "")] = true
		}
	}
	return fields
}

// paths are the dotted paths of all fields in a JSON value; those of a list are the same for all its elements.
func paths(prefix string, value any, out map[string]bool) {
	switch value := value.(type) {
	case map[string]any:
		for name, inner := range value {
			path := strings.TrimPrefix(prefix+"."+name, ".")
			out[path] = true
			paths(path, inner, out)
		}
	case []any:
		for _, inner := range value {
			paths(prefix, inner, out)
		}
	}
}

// Every field that a command prints is in docs/schemas.md. The part before a field may be described by its own
// section: config, the counts by item, and what is said to be as in another section.
func TestJSON_PrintsOnlyDocumentedFields(t *testing.T) {
	root := t.TempDir()
	h := newFakeHost(t, root)
	h.container([]string{"outside", "runc"})
	open := []string{"config.", "sources.", "missing.", "counts.drifts.", "counts.repairs."}
	like := []struct{ prefix, section, path string }{
		{"left.", "plan", "plan."}, {"switch.", "plan", "plan.switch."}, {"plan.switch.differences.", "doctor", "differences."},
		{"held.", "plan", "plan.held."}, {"containers.not_started.", "apply, prove, rollback, uninstall", "not_started."},
	}
	for _, run := range []struct {
		section string
		args    []string
	}{
		{"plan", []string{"plan", "--default-runtime", "--format=json"}},
		{"apply, prove, rollback, uninstall", []string{"apply", "--default-runtime", "--format=json"}},
		{"apply, prove, rollback, uninstall", []string{"apply", "--runtime-arg=--no-such-flag", "--format=json"}},
		{"apply, prove, rollback, uninstall", []string{"rollback", "--format=json"}},
		{"status", []string{"status", "--format=json"}},
		{"doctor", []string{"doctor", "--format=json"}},
		{"config show", []string{"config", "show", "--format=json"}},
	} {
		var document any
		got := h.run(run.args...)
		if err := json.Unmarshal([]byte(got.stdout), &document); err != nil {
			t.Fatalf("%v: %v\n%s\n%s", run.args, err, got.stdout, got.stderr)
		}
		printed := map[string]bool{}
		paths("", document, printed)
	fields:
		for path := range printed {
			for _, prefix := range open {
				if strings.HasPrefix(path, prefix) {
					continue fields
				}
			}
			section := run.section
			for _, l := range like {
				if rest, ok := strings.CutPrefix(path, l.prefix); ok && section != l.section {
					section, path = l.section, l.path+rest
				}
			}
			if known := documentedFields(t, section); !known[path] && !isParent(known, path) {
				t.Errorf("%v prints %s, which docs/schemas.md (%s) does not have", run.args, path, section)
			}
		}
	}
}

// isParent reports whether a documented path is below path.
func isParent(known map[string]bool, path string) bool {
	for other := range known {
		if strings.HasPrefix(other, path+".") {
			return true
		}
	}
	return false
}

// Every field in docs/schemas.md is the JSON name of a field in the code.
func TestJSON_DocumentedFieldsExist(t *testing.T) {
	names := jsonNames(t, "../..")
	for _, section := range []string{"plan", "apply, prove, rollback, uninstall", "status", "doctor", "config show"} {
		for path := range documentedFields(t, section) {
			for _, name := range strings.Split(path, ".") {
				if !names[name] {
					t.Errorf("docs/schemas.md (%s) has %s, and no field of the code is called %s", section, path, name)
				}
			}
		}
	}
}

// jsonNames are the names in the json tags of all structs below root, without tests.
func jsonNames(t *testing.T, root string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if field, ok := n.(*ast.Field); ok && field.Tag != nil {
				tag := reflect.StructTag(strings.Trim(field.Tag.Value, "`")).Get("json")
				name, _, _ := strings.Cut(tag, ",")
				names[name] = true
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
