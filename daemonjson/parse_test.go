package daemonjson

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A refusal is a text, and where and why Parse refuses it.
type refusal struct {
	name, text   string
	line, column int
	reason       string // a part of it
}

func checkRefusals(t *testing.T, cases []refusal) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse([]byte(c.text))
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("Parse(%.80q): got %v, want an *Error", c.text, err)
			}
			if e.Line != c.line || e.Column != c.column || !strings.Contains(e.Reason, c.reason) {
				t.Errorf("Parse(%.80q):\n got %v\nwant line %d, column %d: …%s…", c.text, e, c.line, c.column, c.reason)
			}
		})
	}
}

func TestFault_J02_EmptyOrBlankIsTheEmptyObject(t *testing.T) {
	for _, text := range []string{"", " ", "\n", "\r\n\t \n", "{}", " {\n} "} {
		d, err := Parse([]byte(text))
		if err != nil {
			t.Errorf("Parse(%q): %v", text, err)
			continue
		}
		if got := string(d.Bytes()); got != text {
			t.Errorf("Bytes: got %q, want %q", got, text)
		}
		if got := len(d.Keys()) + len(d.Runtimes()); got != 0 {
			t.Errorf("Parse(%q): got %d keys and runtimes, want none", text, got)
		}
	}
}

func TestFault_J03_BrokenSyntaxIsNamedWithLineAndColumn(t *testing.T) {
	checkRefusals(t, []refusal{
		{"trailing comma in an object", "{\n  \"a\": 1,\n}\n", 2, 9, "trailing comma"},
		{"trailing comma in an array", `{"dns": ["1.1.1.1", ]}`, 1, 19, "trailing comma"},
		{"line comment", "{\n  // ours\n  \"a\": 1\n}", 2, 3, "comment"},
		{"comment after a value", "{\n  \"a\": 1 # ours\n}", 2, 10, "comment"},
		{"block comment", `{"a": /* one */ 1}`, 1, 7, "comment"},
		{"comment before the document", "# ours\n{}", 1, 1, "comment"},
		{"comment after the document", "{}\n// end", 2, 1, "comment"},
		{"cut short after a comma", "{\n  \"a\": 1,\n", 3, 1, "cut short: the file ends inside the object that starts on line 1"},
		{"cut short in an array", "{\"a\":\n [1", 2, 4, "cut short: the file ends inside the array that starts on line 2"},
		{"cut short behind a closed array", "{\n\"a\":\n[]", 3, 3, "the object that starts on line 1"},
		{"cut short in a string", `{"a": "b`, 1, 9, "cut short: the file ends inside the string that starts on line 1"},
		{"cut short in an escape", `{"a": "b\`, 1, 10, "cut short"},
		{"cut short in a unicode escape", `{"a": "b\u00`, 1, 13, "cut short"},
		{"cut short in a word", `{"a": tr`, 1, 9, "cut short"},
		{"cut short in a number", `{"a": -`, 1, 8, "cut short"},
		{"cut short before the colon", `{"a"`, 1, 5, "cut short"},
		{"text after the document", "{}\nhello", 2, 1, "text after the document"},
		{"braces missing", "\n\"debug\": true\n", 2, 1, "braces missing"},
		{"a string and text after it", "\"debug\" true", 1, 9, "text after the document"},
		{"extra brace after the document", "{}}", 1, 3, "text after the document"},
		{"two documents", "{}\n{}", 2, 1, "two documents"},
		{"missing comma", "{\n  \"a\": 1\n  \"b\": 2\n}", 2, 9, "missing comma"},
		{"two commas", `{"a": 1,, "b": 2}`, 1, 9, `',' where a key in double quotes belongs`},
		{"key without quotes", `{a: 1}`, 1, 2, "double quotes"},
		{"single quotes", `{'a': 1}`, 1, 2, "single quote"},
		{"missing colon", `{"a" 1}`, 1, 6, "':' after the key"},
		{"wrong bracket", `{"a": [1}]`, 1, 9, "']' belongs"},
		{"unclosed string", "{\n  \"a\": \"b,\n  \"c\": 1\n}", 2, 8, "not closed on its line"},
		{"tab in a string", "{\"a\": \"b\tc\"}", 1, 9, "control character"},
		{"unknown escape", `{"a": "C:\path"}`, 1, 10, "unknown escape"},
		{"short unicode escape", `{"a": "\u12x4"}`, 1, 8, "hexadecimal"},
		{"leading zero", `{"a": 01}`, 1, 7, "malformed number"},
		{"number ending in a point", `{"a": 1.}`, 1, 7, "malformed number"},
		{"python's word", `{"a": True}`, 1, 7, "unknown word"},
		{"zero byte", "{\"a\": 1, \x00}", 1, 10, `'\x00' where`},
		{"column counts bytes", `{"ä": 1,}`, 1, 9, "trailing comma"},
	})
}

func TestFault_J04_OtherEncodingsAreNamed(t *testing.T) {
	utf16 := func(mark string, big bool) string {
		for _, c := range []byte(`{"a": 1}`) {
			if big {
				mark += string([]byte{0, c})
			} else {
				mark += string([]byte{c, 0})
			}
		}
		return mark
	}
	checkRefusals(t, []refusal{
		{"byte order mark", "\xef\xbb\xbf{}", 1, 1, "byte order mark"},
		{"UTF-16 little endian", utf16("\xff\xfe", false), 1, 1, "UTF-16"},
		{"UTF-16 big endian", utf16("\xfe\xff", true), 1, 1, "UTF-16"},
		{"UTF-16 little endian without mark", utf16("", false), 1, 1, "UTF-16"},
		{"UTF-16 big endian without mark", utf16("", true), 1, 1, "UTF-16"},
		{"Latin-1 in a string", "{\n \"a\": \"f\xfcr\"}", 2, 9, "invalid UTF-8"},
		{"surrogate in UTF-8", "{\"\xed\xa0\x80\": 1}", 1, 3, "invalid UTF-8"},
	})
}

func TestFault_J05_WrongTypesAreRefused(t *testing.T) {
	checkRefusals(t, []refusal{
		{"root is an array", ` ["runtimes"]`, 1, 2, "the document is an array, not an object"},
		{"root is a string", `"runtimes"`, 1, 1, "the document is a string"},
		{"root is null", `null`, 1, 1, "not an object"},
		{"runtimes is an array", `{"runtimes": []}`, 1, 14, `"runtimes" is an array, not an object`},
		{"runtimes is null", `{"runtimes": null}`, 1, 14, `"runtimes" is`},
		{"runtime is a string", "{\"runtimes\": {\n\"runsc\": \"/x\"}}", 2, 10, `runtime "runsc" is a string, not an object`},
		{"path is a number", `{"runtimes": {"a": {"path": 1}}}`, 1, 29, `"path" is a number, not a string`},
		{"arguments are a string", `{"runtimes": {"a": {"runtimeArgs": "-x"}}}`, 1, 36, `"runtimeArgs" is a string, not an array`},
		{"an argument is a number", `{"runtimes": {"a": {"runtimeArgs": ["x", 1]}}}`, 1, 42, `is a number, not a string`},
		{"type is an object", `{"runtimes": {"a": {"runtimeType": {}}}}`, 1, 36, `"runtimeType" is an object`},
		{"options are an array", `{"runtimes": {"a": {"options": []}}}`, 1, 32, `"options" is an array`},
		{"default runtime is an object", `{"default-runtime": {}}`, 1, 21, `"default-runtime" is an object, not a string`},
		{"default runtime is null", `{"default-runtime": null}`, 1, 21, `"default-runtime" is true, false or null`},
		{"remap is true", `{"userns-remap": true}`, 1, 18, `"userns-remap" is`},
	})
}

func TestFault_J06_DuplicateAndCaseVariantKeysAreRefused(t *testing.T) {
	many := "{"
	for i := range 40 {
		many += `"k` + strings.Repeat("x", i) + `": 1, `
	}
	checkRefusals(t, []refusal{
		{"at the top", "{\"a\": 1,\n \"a\": 2}", 2, 2, `duplicate key "a", first on line 1`},
		{"in a runtime", `{"runtimes": {"r": {"path": "a", "path": "b"}}}`, 1, 34, `duplicate key "path"`},
		{"two runtimes objects", `{"runtimes": {}, "runtimes": {}}`, 1, 18, `duplicate key "runtimes"`},
		{"deep in a key that is not ours", `{"x": [{"y": {"z": 1, "z": 1}}]}`, 1, 23, `duplicate key "z"`},
		{"spelled with an escape", `{"runtimes": {}, "runtime\u0073": {}}`, 1, 18, `duplicate key "runtimes"`},
		{"both spelled with escapes", `{"\u0061": 1, "\u0061": 1}`, 1, 15, `duplicate key "a"`},
		{"two lone surrogates, one key to dockerd", `{"\ud800": 1, "\udbff": 1}`, 1, 15, `duplicate key`},
		{"among many", many + `"k": 1}`, 1, len(many) + 1, `duplicate key "k"`},
		{"runtimes in another case", `{"Runtimes": {}}`, 1, 2, `key "Runtimes": write it as "runtimes"`},
		{"default runtime in capitals", `{"DEFAULT-RUNTIME": "x"}`, 1, 2, `write it as "default-runtime"`},
		{"remap in another case beside ours", `{"userns-remap": "", "Userns-Remap": ""}`, 1, 22, `write it as "userns-remap"`},
		{"path in another case", `{"runtimes": {"r": {"Path": "a"}}}`, 1, 21, `write it as "path"`},
		{"a case that only Unicode folds", `{"runtimes": {"r": {"runtimeArg\u017f": []}}}`, 1, 21, `write it as "runtimeArgs"`},
	})
	for _, text := range []string{`{"labels": 1, "Labels": 2}`, `{"runtimes": {"a": {}, "A": {}}}`} {
		if _, err := Parse([]byte(text)); err != nil {
			t.Errorf("Parse(%s): %v; names that are not ours may differ in case only", text, err)
		}
	}
}

func TestFault_J07_LargerOrDeeperIsRefused(t *testing.T) {
	deep := func(n int) string {
		return `{"a":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + "}"
	}
	long := func(n int) string { return "{}" + strings.Repeat("\n", n-2) }
	wide := `{"a": [` + strings.Repeat("[], ", 1000) + "{}]}"
	for _, text := range []string{deep(maxDepth), long(MaxBytes), wide} {
		if _, err := Parse([]byte(text)); err != nil {
			t.Errorf("at the limit: %v", err)
		}
	}
	checkRefusals(t, []refusal{
		{"one level more", deep(maxDepth + 1), 1, 5 + maxDepth, "more than 64 levels"},
		{"one byte more", long(MaxBytes + 1), MaxBytes - 1, 1, "larger than 1048576 bytes"},
		{"a million levels", strings.Repeat("[", MaxBytes), 1, maxDepth + 1, "more than 64 levels"},
	})
}

func TestRead(t *testing.T) {
	d, err := Parse([]byte(`{
		"live-restore": true,
		"default-run\u0074ime": "ru\u006esc",
		"runtimes": {
			"runsc": {"path": "\/usr\/bin\/runsc", "runtimeArgs": ["--a", "\u00e4\ud83d\ude00"]},
			"empty": {"path": "x", "runtimeArgs": []},
			"shim": {"runtimeType": "io.containerd.kata.v2", "options": {"x": 1}}
		},
		"userns-remap": ""
	}`))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Runtime{
		"runsc": {Path: "/usr/bin/runsc", Args: []string{"--a", "ä😀"}},
		"empty": {Path: "x", Args: []string{}},
		"shim":  {Type: "io.containerd.kata.v2", Options: []Option{{Name: "x"}}},
	}
	if diff := cmp.Diff(want, d.Runtimes()); diff != "" {
		t.Errorf("Runtimes, - want, + got:\n%s", diff)
	}
	if got, ok := d.DefaultRuntime(); got != "runsc" || !ok {
		t.Errorf("DefaultRuntime: got %q, %v; want runsc, true", got, ok)
	}
	if got, ok := d.UsernsRemap(); got != "" || !ok {
		t.Errorf("UsernsRemap: got %q, %v; want empty, true", got, ok)
	}
	if got, want := d.Keys(), []string{"live-restore", "default-runtime", "runtimes", "userns-remap"}; !slices.Equal(got, want) {
		t.Errorf("Keys: got %q, want %q", got, want)
	}
	if !d.Has("live-restore") || d.Has("path") {
		t.Errorf("Has: got live-restore %v, path %v; want true, false", d.Has("live-restore"), d.Has("path"))
	}
}

func TestMessagesDoNotRepeatLongKeys(t *testing.T) {
	key := strings.Repeat("ä", 5000)
	_, err := Parse([]byte(`{"` + key + `": 1, "` + key + `": 2}`))
	if err == nil || len(err.Error()) > 300 {
		t.Errorf("got %v, want a short error", err)
	}
}
