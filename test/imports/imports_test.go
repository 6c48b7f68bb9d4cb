// Package imports holds the table of which package may import which: one way,
// from the commands down to the packages that touch nothing.
package imports

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "runsc-provisioner/"

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
			t.Errorf("%s: has no Go files: remove its row", pkg)
		}
		for _, path := range row.ours {
			if _, used := imports[module+path]; !used {
				t.Errorf("%s does not import %s: remove it from its row", pkg, path)
			}
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

// importsOf gives the imports of the non-test files in dir, each with a file
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

// isStandard tells the standard library by its first element, which has no
// dot; ours has none either.
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
		if entry.IsDir() && len(importsOf(t, path)) > 0 && !listed(rel) {
			t.Errorf("%s: has no row in the table of imports", rel)
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

// The architecture names every package of the product in one row of its table.
func TestEveryPackageIsInTheArchitecture(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, layout, _ := strings.Cut(string(text), "\n## Layout\n")
	layout, _, _ = strings.Cut(layout, "\n## ")
	for pkg := range allowed {
		if n := strings.Count(layout, "\n| `"+pkg+"` |"); n != 1 {
			t.Errorf("docs/architecture.md has %d rows for %s, want 1", n, pkg)
		}
	}
}
