package pages

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"runsc-provisioner/provision/config"
)

const root = "../.."

// all are the pages of the repository, by their path in it.
func all(t *testing.T) map[string]Page {
	t.Helper()
	found := map[string]Page{}
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: got %v, %v", pattern, files, err)
		}
		for _, file := range files {
			page, err := Read(file)
			if err != nil {
				t.Error(err)
				continue
			}
			name, err := filepath.Rel(root, file)
			if err != nil {
				t.Fatal(err)
			}
			found[name] = page
		}
	}
	return found
}

// looksLikeCommand matches a line that a reader would type.
var looksLikeCommand = regexp.MustCompile(`^(\$ |# \$|sudo |docker |runsc-provisioner (\w|-)|systemctl |make )`)

// Every block says what the tests do with it, and what is not run says why.
func TestEveryBlockIsRunOrSaysWhyNot(t *testing.T) {
	for name, page := range all(t) {
		for _, b := range page.Blocks {
			if !slices.Contains(Languages(), b.Lang) {
				t.Errorf("%s:%d: the block has language %q, want one of %v", name, b.Line, b.Lang, Languages())
			}
			switch b.Lang {
			case "console":
				if _, err := b.Commands(); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			case "sh":
				if why, marked := strings.CutPrefix(b.Text[0], NotRun); !marked || len(why) < 10 {
					t.Errorf("%s:%d: the block does not begin with %q and a reason", name, b.Line, NotRun)
				}
			case "make":
			default:
				for i, line := range b.Text {
					// The usage at the end of a help text is indented.
					if looksLikeCommand.MatchString(line) {
						t.Errorf("%s:%d: a command in a block that is not run: %s", name, b.Line+i, line)
					}
				}
				if len(b.Before) > 0 {
					t.Errorf("%s:%d: commands for the lab before a block that is not run", name, b.Line)
				}
			}
		}
	}
}

var (
	makeCommand = regexp.MustCompile(`^(sudo )?make ([a-z-]+)\b`)
	makeTarget  = regexp.MustCompile(`(?m)^([a-z-]+):`)
)

// Each command of a make block is a target of the Makefile, or the program itself after it.
func TestMakeTargetsExist(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	targets := map[string]bool{}
	for _, found := range makeTarget.FindAllStringSubmatch(string(makefile), -1) {
		targets[found[1]] = true
	}
	for name, page := range all(t) {
		for _, b := range page.Blocks {
			if b.Lang != "make" {
				continue
			}
			for i, line := range b.Text {
				command, _, _ := strings.Cut(line, "#")
				for part := range strings.SplitSeq(command, "&&") {
					part = strings.TrimSpace(part)
					found := makeCommand.FindStringSubmatch(part)
					isOurs := strings.HasPrefix(part, "sudo runsc-provisioner ")
					if found == nil && !isOurs || found != nil && !targets[found[2]] {
						t.Errorf("%s:%d: %q is no target of the Makefile", name, b.Line+i, part)
					}
				}
			}
		}
	}
}

// A toml block is accepted as config.toml.
func TestConfigurationsAreAccepted(t *testing.T) {
	for name, page := range all(t) {
		for _, b := range page.Blocks {
			if b.Lang != "toml" {
				continue
			}
			dir := t.TempDir()
			text := strings.Join(b.Text, "\n") + "\n"
			if err := os.WriteFile(filepath.Join(dir, "config.toml"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := config.Load(dir); err != nil {
				t.Errorf("%s:%d: %v", name, b.Line, err)
			}
		}
	}
}

// leads reports whether a link of the page called from leads somewhere.
func leads(pages map[string]Page, from, target string) bool {
	if strings.HasPrefix(target, "https://") {
		return true
	}
	file, anchor, hasAnchor := strings.Cut(target, "#")
	to := path.Join(path.Dir(from), file)
	if file == "" {
		to = from
	}
	if page, isPage := pages[to]; isPage {
		return !hasAnchor || page.Anchors()[anchor]
	}
	_, err := os.Stat(filepath.Join(root, to))
	return err == nil && !hasAnchor
}

func TestLinksLeadSomewhere(t *testing.T) {
	pages := all(t)
	for name, page := range pages {
		for _, link := range page.Links() {
			if !leads(pages, name, link.Target) {
				t.Errorf("%s:%d: %s leads nowhere", name, link.Line, link.Target)
			}
		}
	}
}

// codeLink matches a page that the program's texts or comments name.
var codeLink = regexp.MustCompile(`(@DOCDIR@/)?\b((?:docs/[\w-]+|README|CONTRIBUTING)\.md(?:#[\w-]+)?)`)

// Pages that the code, the unit and the scripts name exist, with the named heading.
func TestCodeNamesExistingPages(t *testing.T) {
	pages := all(t)
	seen := 0
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			if entry != nil && (entry.Name() == ".git" || entry.Name() == "bin") {
				return filepath.SkipDir
			}
			return err
		}
		if !slices.Contains([]string{".go", ".service", ".txtar", ".json", ".sh", ""}, filepath.Ext(file)) {
			return nil
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for _, found := range codeLink.FindAllStringSubmatch(string(text), -1) {
			seen++
			if !leads(pages, "README.md", found[2]) {
				t.Errorf("%s: %s does not exist", strings.TrimPrefix(file, root+"/"), found[2])
			}
		}
		return nil
	})
	if err != nil || seen < 10 {
		t.Errorf("got %d links, %v, want some", seen, err)
	}
}

// docs/README.md lists every page.
func TestEveryPageIsInTheIndex(t *testing.T) {
	pages := all(t)
	listed := map[string]bool{"docs/README.md": true}
	for _, link := range pages["docs/README.md"].Links() {
		listed[path.Join("docs", link.Target)] = true
	}
	for name := range pages {
		if strings.HasPrefix(name, "docs/") && !listed[name] {
			t.Errorf("%s is not in docs/README.md", name)
		}
	}
}

// The headings of docs/troubleshooting.md are messages of the program: each part between … is in the texts of the code.
func TestTroubleshootingHasRealMessages(t *testing.T) {
	texts := literals(t)
	messages := 0
	for _, heading := range all(t)["docs/troubleshooting.md"].Headings() {
		message, isMessage := strings.CutPrefix(heading, "`")
		if !isMessage {
			continue
		}
		messages++
		for part := range strings.SplitSeq(strings.TrimSuffix(message, "`"), "…") {
			if part = strings.TrimSpace(part); !strings.Contains(texts, part) {
				t.Errorf("no text of the program has %q", part)
			}
		}
	}
	if messages < 20 {
		t.Errorf("got %d messages, want more", messages)
	}
}

// literals are all texts in the product's code.
func literals(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, dir := range []string{"cmd", "provision", "daemonjson", "verify", "systemd"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(file string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
				return err
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(parsed, func(n ast.Node) bool {
				if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
					if text, err := strconv.Unquote(literal.Value); err == nil {
						b.WriteString(text + "\n")
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}
