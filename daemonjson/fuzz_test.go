package daemonjson

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func seeds() []string {
	return append(hosts(),
		"", " \r\n", "{}", "[]", "null", "{} {}", "{\"a\":1,}", "// x\n{}", "\xef\xbb\xbf{}",
		`{"default-runtime":"nvidia","runtimes":{"nvidia":{"path":"nvidia-container-runtime","runtimeArgs":[]}}}`,
		"{\n    \"runtimes\": {\n        \"runsc\": {\n            \"path\": \"/usr/local/bin/runsc\",\n            \"runtimeArgs\": [\n                \"--network=host\"\n            ]\n        }\n    }\n}",
		`{"runtimes":{"runsc":{"runtimeType":"io.containerd.runsc.v1","options":{"TypeUrl":"x"}}, "a.b": {"path":""}}}`,
		"{\"runtimes\": {\n\n}, \"userns-remap\"\t:\n\"default\" }",
		`{"default\u002druntime":"r\u0075nc","\ud800":[1e400,-0.0E-7,18446744073709551617]}`,
		"{ \"a\":1\n, \"runtimes\":{\"x\":{}\n, \"runsc\":{}\n }\n}",
	)
}

// asDockerd is the type that dockerd decodes our keys into (moby
// daemon/config/config.go).
type asDockerd struct {
	Runtimes map[string]struct {
		Path string   `json:"path"`
		Args []string `json:"runtimeArgs"`
		Type string   `json:"runtimeType"`
	} `json:"runtimes"`
	DefaultRuntime string `json:"default-runtime"`
	RemappedRoot   string `json:"userns-remap"`
}

// stricter matches the reasons for which Parse refuses valid JSON.
var stricter = regexp.MustCompile(`^duplicate key|: write it as|^more than|not an? (object|string|array)$`)

func FuzzParse(f *testing.F) {
	for _, seed := range seeds() {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Parse(b)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Line < 1 || e.Column < 1 {
				t.Fatalf("got %v, want an *Error with a place", err)
			}
			if json.Valid(b) && !stricter.MatchString(e.Reason) && !strings.Contains(e.Reason, "invalid UTF-8") {
				t.Errorf("sound JSON is refused: %v", err)
			}
			return
		}
		if string(d.Bytes()) != string(b) {
			t.Errorf("Bytes: got %q, want %q", d.Bytes(), b)
		}
		var want asDockerd
		if strings.Trim(string(b), " \t\r\n") != "" {
			if err := json.Unmarshal(b, &want); err != nil {
				t.Fatalf("accepted what dockerd refuses: %v", err)
			}
		}
		runtimes := map[string]Runtime{}
		for name, r := range want.Runtimes {
			runtimes[name] = Runtime{Path: r.Path, Args: r.Args, Type: r.Type}
		}
		if diff := cmp.Diff(runtimes, d.Runtimes(), cmpopts.IgnoreFields(Runtime{}, "Options")); diff != "" {
			t.Errorf("- dockerd, + got:\n%s", diff)
		}
		name, _ := d.DefaultRuntime()
		remap, _ := d.UsernsRemap()
		if name != want.DefaultRuntime || remap != want.RemappedRoot {
			t.Errorf("got %q, %q; dockerd reads %q, %q", name, remap, want.DefaultRuntime, want.RemappedRoot)
		}
	})
}

func FuzzEdit(f *testing.F) {
	for _, seed := range seeds() {
		f.Add(seed, "runsc", "/usr/bin/runsc", "--a=b,--c", "runsc", "default", byte(1))
		f.Add(seed, "a.b", "é\"\\", "", "", "u:g", byte(2))
		f.Add(seed, "0", "x", "-a", "", "", byte(0))
	}
	f.Fuzz(func(t *testing.T, text, name, path, args, runtime, remap string, how byte) {
		before, err := Parse([]byte(text))
		if err != nil {
			return
		}
		r := &Runtime{Path: path}
		if args != "" {
			r.Args = strings.Split(args, ",")
		} else if how&4 != 0 {
			r.Args = []string{}
		}
		w := Want{Tidy: how&8 != 0}
		if how&16 == 0 {
			w.DefaultRuntime = &runtime
		}
		if how&32 == 0 {
			w.UsernsRemap = &remap
		}
		switch how & 3 {
		case 0:
			w.Runtimes = map[string]*Runtime{name: nil}
		case 1:
			w.Runtimes = map[string]*Runtime{name: r}
		case 2:
			w.Runtimes = map[string]*Runtime{name: r, "other": nil, "third": r}
		}
		after, err := Edit(before, w)
		if err != nil {
			if w.check() == nil {
				t.Fatalf("Edit: %v", err)
			}
			return
		}
		checkEdited(t, before, after, w)
	})
}

// FuzzDiff hides every line with an S in it, so that hunks are cut in any
// place.
func FuzzDiff(f *testing.F) {
	f.Add("a\nb\nc\nd\n", "a\nb\nx\nd\n")
	f.Add("a\nS\nb\nc\nd\ne\nS", "a\nS\nb\nx\nd\ne\nS")
	f.Add("", "a")
	f.Add("a\r\nb", "")
	f.Add("1\n2\n3\n4\nS\n5\n6\n7\n8\n9\n", "1\n2\nx\n4\nS\n5\n6\n8\n9\ny\n")
	f.Fuzz(func(t *testing.T, before, after string) {
		got := diff("f", fakeSide(before), fakeSide(after))
		if (got == "") != (before == after) {
			t.Fatalf("from %q to %q: got %q", before, after, got)
		}
		if strings.HasPrefix(got, "# for reading only") {
			if strings.Contains(strings.TrimPrefix(got, readingOnly), "S") {
				t.Errorf("a secret is shown:\n%s", got)
			}
			return
		}
		if strings.Contains(got, "S") {
			t.Errorf("a secret is shown:\n%s", got)
		}
		if applied := applyDiff(t, before, got); applied != after {
			t.Errorf("diff:\n%s\n got %q\nwant %q", got, applied, after)
		}
	})
}

// fakeSide hides the letters S.
func fakeSide(text string) side {
	var hidden []span
	for i := range len(text) {
		if text[i] == 'S' {
			hidden = append(hidden, span{i, i + 1})
		}
	}
	return sideOf(text, hidden)
}
