package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"runsc-provisioner/packaging/man"
	"runsc-provisioner/provision/config"
)

// unescaped is a page without what troff needs.
func unescaped(page string) string {
	return strings.NewReplacer(`\-`, "-", `\(aq`, "'", `\&`, "", `\fB`, "", `\fR`, "").Replace(page)
}

func TestManuals_HaveEveryCommandFlagAndKey(t *testing.T) {
	pages := manuals(man.Build{Version: "1.0", Date: time.Unix(0, 0)})
	program := unescaped(pages["runsc-provisioner.8"])
	walk(newRoot(&app{}), func(cmd *cobra.Command) {
		title := strings.TrimPrefix(cmd.CommandPath(), "runsc-provisioner ")
		if cmd.HasParent() && !strings.Contains(program, ".SS \""+title+"\"\n") {
			t.Errorf("%s has no section", cmd.CommandPath())
		}
		cmd.LocalFlags().VisitAll(func(flag *pflag.Flag) {
			if !flag.Hidden && !strings.Contains(program, "--"+flag.Name) {
				t.Errorf("--%s of %s is missing", flag.Name, cmd.CommandPath())
			}
		})
	})
	keys := unescaped(pages["runsc-provisioner.toml.5"])
	for _, section := range config.Reference() {
		for _, key := range section.Keys {
			if _, name, _ := strings.Cut(key.Key, section.Name+"."); !strings.Contains(keys, ".TP\n"+name+"\n") {
				t.Errorf("%s is missing", key.Key)
			}
		}
	}
}

// exitCodes has each constant of remedy.go whose name begins with exit.
func TestManuals_HaveEveryExitCode(t *testing.T) {
	parsed, err := parser.ParseFile(token.NewFileSet(), "remedy.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if ok && strings.HasPrefix(spec.Names[0].Name, "exit") && len(spec.Values) == 1 {
			if value, ok := spec.Values[0].(*ast.BasicLit); ok {
				want[value.Value] = spec.Names[0].Name
			}
		}
		return true
	})
	if len(want) < 10 {
		t.Fatalf("got %v", want)
	}
	previous := -1
	for _, code := range exitCodes() {
		n, err := strconv.Atoi(code.Term)
		if err != nil || n <= previous {
			t.Errorf("%s is not in order", code.Term)
		}
		previous = n
		delete(want, code.Term)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
}
