package daemonjson

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write the golden diffs again")

const stylesFile = "testdata/styles.txtar"

// styleCases are the files of stylesFile by name, and the recorded diffs.
func styleCases(t *testing.T) (archive *txtar.Archive, diffs map[string]string) {
	t.Helper()
	archive, err := txtar.ParseFile(stylesFile)
	if err != nil {
		t.Fatal(err)
	}
	var files []txtar.File
	diffs = map[string]string{}
	for _, f := range archive.Files {
		if name, isDiff := strings.CutSuffix(f.Name, ".diff"); isDiff {
			diffs[name] = string(f.Data)
			continue
		}
		f.Name = strings.TrimSuffix(f.Name, ".json")
		if strings.Contains(f.Name, "no-final-newline") {
			f.Data = bytes.TrimSuffix(f.Data, []byte("\n"))
			f.Data = bytes.TrimSuffix(f.Data, []byte("\r"))
		}
		files = append(files, f)
	}
	archive.Files = files
	if len(files) < 30 {
		t.Fatalf("%d styles, want 30 at least", len(files))
	}
	return archive, diffs
}

// The recorded diffs are for the eye: they read as if a person had added the keys.
func TestDiffReadsAsHandWritten(t *testing.T) {
	archive, diffs := styleCases(t)
	golden := &txtar.Archive{Comment: archive.Comment}
	for _, f := range archive.Files {
		before := string(f.Data)
		after := edit(t, before, everything())
		got := Diff("/etc/docker/daemon.json", f.Data, []byte(after))
		if got != diffs[f.Name] && !*update {
			t.Errorf("%s, got:\n%s\nwant:\n%s", f.Name, got, diffs[f.Name])
		}
		if strings.Contains(got, "hunter2") {
			t.Errorf("%s: a secret is shown:\n%s", f.Name, got)
		}
		if patchable := !strings.HasPrefix(got, "#"); patchable == strings.HasSuffix(f.Name, "for-reading-only") {
			t.Errorf("%s: patchable is %t:\n%s", f.Name, patchable, got)
		}
		checkEdited(t, mustParse(t, before), mustParse(t, after), everything())
		golden.Files = append(golden.Files, txtar.File{Name: f.Name + ".json", Data: f.Data}, txtar.File{Name: f.Name + ".diff", Data: []byte(got)})
	}
	if *update {
		if err := os.WriteFile(stylesFile, txtar.Format(golden), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPatchTakesTheDiffOfEachHandWrittenStyle(t *testing.T) {
	needPatch(t)
	archive, _ := styleCases(t)
	for _, f := range archive.Files {
		if strings.HasSuffix(f.Name, "for-reading-only") {
			continue
		}
		before := string(f.Data)
		after := edit(t, before, everything())
		diff := Diff("/etc/docker/daemon.json", f.Data, []byte(after))
		if got, err := runPatch(t, before, diff); err != nil || got != after {
			t.Errorf("%s, diff:\n%s\n got %q, %v\nwant %q", f.Name, diff, got, err, after)
		}
	}
}
