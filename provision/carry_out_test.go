package provision

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The compiler does not notice a kind of step without a case in the table.
func TestEveryKindOfStepIsCarriedOut(t *testing.T) {
	files := token.NewFileSet()
	parse := func(path string) *ast.File {
		t.Helper()
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	paths, err := filepath.Glob("steps/*.go")
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]bool{}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		for _, decl := range parse(path).Decls {
			if name := stepType(decl); name != "" {
				kinds[name] = true
			}
		}
	}
	cases := map[string]bool{}
	for _, decl := range parse("apply.go").Decls {
		function, ok := decl.(*ast.FuncDecl)
		if !ok || function.Name.Name != "carryOut" {
			continue
		}
		ast.Inspect(function, func(n ast.Node) bool {
			clause, ok := n.(*ast.CaseClause)
			if !ok {
				return true
			}
			for _, expr := range clause.List {
				if s, ok := expr.(*ast.SelectorExpr); ok {
					cases[s.Sel.Name] = true
				}
			}
			return true
		})
	}
	if len(kinds) == 0 {
		t.Fatal("got no step in package steps")
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(kinds)), slices.Sorted(maps.Keys(cases))); diff != "" {
		t.Errorf("kinds of steps (-), and cases of carryOut in apply.go (+):\n%s", diff)
	}
}

// stepType is the receiver of a method `Kind() Kind`, which all steps have, or "".
func stepType(decl ast.Decl) string {
	method, ok := decl.(*ast.FuncDecl)
	if !ok || method.Recv == nil || method.Name.Name != "Kind" || method.Type.Results.NumFields() != 1 {
		return ""
	}
	if result, ok := method.Type.Results.List[0].Type.(*ast.Ident); !ok || result.Name != "Kind" {
		return ""
	}
	receiver := method.Recv.List[0].Type
	if star, ok := receiver.(*ast.StarExpr); ok {
		receiver = star.X
	}
	name, ok := receiver.(*ast.Ident)
	if !ok {
		return ""
	}
	return name.Name
}
