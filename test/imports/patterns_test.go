package imports

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A lazy pattern that does not compile would panic on a user's host, at its
// first use.
func TestEachLazyPatternCompiles(t *testing.T) {
	count := 0
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, isCall := n.(*ast.CallExpr)
			if !isCall {
				return true
			}
			of, isSelector := call.Fun.(*ast.SelectorExpr)
			if !isSelector || of.Sel.Name != "Lazy" {
				return true
			}
			if from, isName := of.X.(*ast.Ident); !isName || from.Name != "pattern" {
				return true
			}
			count++
			text, isText := literal(call.Args[0])
			if _, err := regexp.Compile(text); !isText || err != nil {
				t.Errorf("%s: got %q, %v, want the text of a pattern", path, text, err)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if count < 40 {
		t.Errorf("got %d patterns, want those of all packages", count)
	}
}

// literal returns the value of string literals that are joined by +. A constant
// among them counts as a word.
func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil
	case *ast.Ident:
		return e.Name, true
	case *ast.BinaryExpr:
		left, isLeft := literal(e.X)
		right, isRight := literal(e.Y)
		return left + right, isLeft && isRight && e.Op == token.ADD
	}
	return "", false
}
