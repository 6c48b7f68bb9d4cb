package imports

import (
	"go/ast"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// opens are the functions that open a file in a way that may wait for ever: a FIFO has no
// other end, and a device may never end. Outside package durable, files are opened by its
// OpenRegular, OpenOwn, EntriesOf, ReadLimited, ReadOwn and ReadProc.
var opens = []string{"os.Open", "os.OpenFile", "os.ReadFile", "unix.Open"}

// mayOpen has each place that opens a file by itself, and why that cannot wait.
var mayOpen = map[string]string{
	"cmd/runsc-provisioner/main_shipped.go os.ReadFile": "a file of the source, when packages are built",
	"provision/containerdir/containerdir.go unix.Open":  "O_DIRECTORY",
	"provision/failpoint/killed.go os.Open":             "a directory of a test",
	"provision/failpoint/killed.go os.OpenFile":         "a file of a test",
	"provision/images/images.go os.OpenFile":            "O_EXCL",
	"provision/release/held.go os.OpenFile":             "O_DIRECTORY",
	"provision/release/kept.go os.OpenFile":             "O_EXCL",
	"provision/state/mend.go os.OpenFile":               "O_DIRECTORY",
	"provision/state/open_journal.go os.OpenFile":       "O_NONBLOCK, to lock it, and nothing is read",
	"provision/subid/lock.go os.OpenFile":               "O_NONBLOCK, to lock it, and nothing is read",
	"provision/watch/quiet.go unix.Open":                "O_NONBLOCK, after stat(2), and nothing is read",
	"provision/watch/tree.go os.OpenFile":               "O_DIRECTORY",
}

func TestFault_X11_FilesAreOpenedWithoutWaiting(t *testing.T) {
	var packages []string
	for _, top := range []string{"provision", "cmd"} {
		err := filepath.WalkDir(filepath.Join("..", "..", top), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Name() == "testdata" {
				return fs.SkipDir
			}
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			pkg := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), "../../")
			if pkg != "provision/durable" && !slices.Contains(packages, pkg) {
				packages = append(packages, pkg)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	met := map[string]bool{}
	for _, pkg := range packages {
		for file, parsed := range parseDir(t, pkg) {
			ast.Inspect(parsed, func(n ast.Node) bool {
				selector, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				x, ok := selector.X.(*ast.Ident)
				if !ok || !slices.Contains(opens, x.Name+"."+selector.Sel.Name) {
					return true
				}
				key := file + " " + x.Name + "." + selector.Sel.Name
				if mayOpen[key] == "" {
					t.Errorf("%s: open it by package durable", key)
				}
				met[key] = true
				return true
			})
		}
	}
	for key := range mayOpen {
		if !met[key] {
			t.Errorf("%s: is not named: remove it from mayOpen", key)
		}
	}
}
