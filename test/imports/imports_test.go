// Package imports tests which package may import which: one way, from the
// commands down to the packages that touch nothing.
package imports

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "runsc-provisioner/"

// allowed lists, for each package, our packages and the foreign modules that it
// may import. All may import the standard library.
var allowed = map[string][]string{
	"daemonjson":          {"github.com/tidwall/sjson", "github.com/tidwall/gjson", "github.com/aymanbagabas/go-udiff"},
	"verify":              {"golang.org/x/sys"},
	"systemd":             {"github.com/coreos/go-systemd/v22", "github.com/godbus/dbus/v5"},
	"provision/durable":   {module + "provision/failpoint", "golang.org/x/sys"},
	"provision/failpoint": {"golang.org/x/sys"},
	"provision/subid":     {module + "provision/durable", module + "provision/failpoint", "golang.org/x/sys"},
	"provision/engine":    {module + "provision/durable", "github.com/moby/moby", "github.com/containerd/errdefs"},
	"provision/release": {
		module + "provision/durable", module + "provision/failpoint", "golang.org/x/sys", "github.com/hashicorp/go-version",
		"github.com/klauspost/compress", "github.com/cenkalti/backoff/v5", "github.com/dustin/go-humanize",
	},
	"provision": {
		module + "provision/release", module + "provision/engine", module + "provision/subid", module + "provision/durable", module + "provision/failpoint",
		module + "daemonjson", module + "verify",
		"go.uber.org/zap", "golang.org/x/sys", "github.com/gofrs/flock", "github.com/pelletier/go-toml/v2", "github.com/dustin/go-humanize",
	},
	"provision/watch": {"github.com/fsnotify/fsnotify", "golang.org/x/sys"},
	"provision/daemon": {
		module + "provision", module + "provision/watch", module + "provision/engine", module + "daemonjson", module + "verify", "go.uber.org/zap",
	},
	"provision/metrics": {module + "provision", module + "provision/daemon", module + "provision/durable", "github.com/prometheus/client_golang", "github.com/prometheus/common"},
	"cmd/runsc-provisioner": {
		module + "provision", module + "verify", module + "systemd", module + "daemonjson",
		"go.uber.org/zap", "golang.org/x/term", "github.com/spf13/cobra", "github.com/schollz/progressbar/v3", "github.com/dustin/go-humanize",
	},
}

// effects are the standard packages that reach outside the process. The pure
// packages may not import them.
var (
	pure    = []string{"daemonjson"}
	effects = []string{"os", "os/exec", "net", "net/http", "syscall", "time", "context", "log", "log/slog"}
)

func TestImportsGoOneWay(t *testing.T) {
	root := filepath.Join("..", "..")
	for pkg, row := range allowed {
		imports := importsOf(t, filepath.Join(root, filepath.FromSlash(pkg)))
		if len(imports) == 0 {
			t.Errorf("%s: has no Go files: remove it from the table", pkg)
		}
		for path, file := range imports {
			switch {
			case slices.Contains(pure, pkg) && slices.Contains(effects, path):
				t.Errorf("%s imports %s, but %s has no effects", file, path, pkg)
			case strings.HasPrefix(path, module) && !slices.Contains(row.ours, strings.TrimPrefix(path, module)):
				t.Errorf("%s imports %s, which %s may not", file, path, pkg)
			case !isStandard(path) && !strings.HasPrefix(path, module) && !slices.ContainsFunc(row.modules, func(m string) bool { return path == m || strings.HasPrefix(path, m+"/") }):
				t.Errorf("%s imports %s, which %s may not", file, path, pkg)
			}
		}
	}
}

// importsOf returns the imports of the non-test files in dir, each with a file
// that has it.
func importsOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	imports := map[string]string{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range parsed.Imports {
			imports[strings.Trim(spec.Path.Value, `"`)] = file
		}
	}
	return imports
}

// isStandard recognises the standard library by its first path element, which
// has no dot. Our module has none either.
func isStandard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".") && first+"/" != module
}

func TestEveryPackageOfOursIsListed(t *testing.T) {
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		rel = filepath.ToSlash(rel)
		if entry.IsDir() && (rel == "test" || rel == "bin" || entry.Name() == "testdata" || entry.Name() == ".git") {
			return filepath.SkipDir
		}
		if entry.IsDir() && len(importsOf(t, path)) > 0 && allowed[rel] == nil {
			t.Errorf("%s: not in the table of imports", rel)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func listed(pkg string) bool {
	_, found := allowed[pkg]
	return found
}
