package daemonjson

import (
	"strings"
	"testing"
)

const (
	oldPath = "/usr/local/bin/runsc"
	newPath = "/usr/local/lib/gvisor/20260914.0/runsc"
)

func register(args ...string) Want {
	return Want{Runtimes: map[string]*Runtime{"runsc": {Path: newPath, Args: args}}}
}

func unregister() Want {
	return Want{Runtimes: map[string]*Runtime{"runsc": nil}}
}

// everything sets each of our keys.
func everything() Want {
	name, remap := "runsc", "default"
	w := register("--platform=systrap")
	w.DefaultRuntime, w.UsernsRemap = &name, &remap
	return w
}

// nothing removes what everything sets.
func nothing() Want {
	none := ""
	w := unregister()
	w.DefaultRuntime, w.UsernsRemap, w.Tidy = &none, &none, true
	return w
}

func mustParse(t testing.TB, text string) Document {
	t.Helper()
	d, err := Parse([]byte(text))
	if err != nil {
		t.Fatalf("Parse(%.200q): %v", text, err)
	}
	return d
}

// edit makes an edit and checks that making it again changes nothing.
func edit(t testing.TB, text string, w Want) string {
	t.Helper()
	once, err := Edit(mustParse(t, text), w)
	if err != nil {
		t.Fatalf("Edit(%.200q): %v", text, err)
	}
	twice, err := Edit(mustParse(t, string(once.Bytes())), w)
	if err != nil {
		t.Fatalf("second Edit of %.200q: %v", text, err)
	}
	if string(twice.Bytes()) != string(once.Bytes()) {
		t.Errorf("second Edit of %.200q is not a no-op:\n got %q\nwant %q", text, twice.Bytes(), once.Bytes())
	}
	return string(once.Bytes())
}

type change struct {
	name   string
	before string
	want   Want
	after  string
}

func checkChanges(t *testing.T, cases []change) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := edit(t, c.before, c.want); got != c.after {
				t.Errorf("before:\n%s\n got:\n%s\nwant:\n%s\n(got %q)", c.before, got, c.after, got)
			}
		})
	}
}

func TestFault_J02_EmptyFileBecomesAPrettyDocument(t *testing.T) {
	const pretty = `{
    "runtimes": {
        "runsc": {
            "path": "/usr/local/lib/gvisor/20260914.0/runsc",
            "runtimeArgs": [
                "--platform=systrap"
            ]
        }
    },
    "default-runtime": "runsc",
    "userns-remap": "default"
}
`
	checkChanges(t, []change{
		{"empty", "", everything(), pretty},
		{"blank", "\n \n", everything(), pretty},
		{"blank with CRLF", "\r\n", everything(), strings.ReplaceAll(pretty, "\n", "\r\n")},
		{"empty object", "{}\n", everything(), pretty},
		{"empty object over two lines", "{\n}\n", everything(), pretty},
		{"empty object, no final newline", "{}", everything(), strings.TrimSuffix(pretty, "\n")},
		{"nothing asked for", " \n", Want{}, " \n"},
		{"nothing to remove", " \n", nothing(), " \n"},
	})
}

func TestFault_J07_NewKeysAreWrittenInTheFilesOwnStyle(t *testing.T) {
	checkChanges(t, []change{
		{"tabs, CRLF, big numbers, odd order, no final newline",
			"{\r\n\t\"max-concurrent-downloads\": 90071992547409931234,\r\n\t\"zzz\": 1e400,\r\n\t\"labels\": [\"<&>\", \"\\u0041\\/\"]\r\n}",
			everything(),
			"{\r\n\t\"max-concurrent-downloads\": 90071992547409931234,\r\n\t\"zzz\": 1e400,\r\n\t\"labels\": [\"<&>\", \"\\u0041\\/\"],\r\n" +
				"\t\"runtimes\": {\r\n\t\t\"runsc\": {\r\n\t\t\t\"path\": \"" + newPath + "\",\r\n\t\t\t\"runtimeArgs\": [\"--platform=systrap\"]\r\n\t\t}\r\n\t},\r\n" +
				"\t\"default-runtime\": \"runsc\",\r\n\t\"userns-remap\": \"default\"\r\n}"},
		{"two spaces, arrays over lines",
			"{\n  \"dns\": [\n    \"1.1.1.1\"\n  ]\n}\n", register("-a", "-b"),
			"{\n  \"dns\": [\n    \"1.1.1.1\"\n  ],\n  \"runtimes\": {\n    \"runsc\": {\n      \"path\": \"" + newPath + "\",\n" +
				"      \"runtimeArgs\": [\n        \"-a\",\n        \"-b\"\n      ]\n    }\n  }\n}\n"},
		{"one line, compact", `{"debug":true,"mtu":1400}`, everything(),
			`{"debug":true,"mtu":1400,"runtimes":{"runsc":{"path":"` + newPath + `","runtimeArgs":["--platform=systrap"]}},"default-runtime":"runsc","userns-remap":"default"}`},
		{"one line, one compact key", `{"debug":true}` + "\n", register(),
			`{"debug":true,"runtimes":{"runsc":{"path":"` + newPath + `"}}}` + "\n"},
		{"one line, one key", `{"debug": true}` + "\n", register("-a", "-b"),
			`{"debug": true, "runtimes": {"runsc": {"path": "` + newPath + `", "runtimeArgs": ["-a", "-b"]}}}` + "\n"},
		{"one line, blanks inside the braces", `{ "debug" : true, "mtu" : 1 }`, register("-a"),
			`{ "debug" : true, "mtu" : 1, "runtimes" : { "runsc" : { "path" : "` + newPath + `", "runtimeArgs" : ["-a"] } } }`},
		{"one line, empty runtimes", `{"runtimes": {}}`, register(), `{"runtimes": {"runsc": {"path": "` + newPath + `"}}}`},
		{"no indentation", "{\n\"debug\":true\n}\n", register(),
			"{\n\"debug\":true,\n\"runtimes\":{\n\"runsc\":{\n\"path\":\"" + newPath + "\"\n}\n}\n}\n"},
		{"commas at the start of lines", "{ \"debug\": true\n, \"mtu\": 1\n}\n", register(),
			"{ \"debug\": true\n, \"mtu\": 1\n, \"runtimes\": { \"runsc\": { \"path\": \"" + newPath + "\" } }\n}\n"},
		{"several keys on a line", "{\n  \"debug\": true, \"mtu\": 1\n}\n", register(),
			"{\n  \"debug\": true, \"mtu\": 1,\n  \"runtimes\": {\n    \"runsc\": {\n      \"path\": \"" + newPath + "\"\n    }\n  }\n}\n"},
		{"brace behind the last key", "{\n  \"mtu\": 1}", register(),
			"{\n  \"mtu\": 1,\n  \"runtimes\": {\n    \"runsc\": {\n      \"path\": \"" + newPath + "\"\n    }\n  }}"},
		{"whole document indented", "  {\n    \"mtu\": 1\n  }\n", register(),
			"  {\n    \"mtu\": 1,\n    \"runtimes\": {\n      \"runsc\": {\n        \"path\": \"" + newPath + "\"\n      }\n    }\n  }\n"},
		{"blank line before the last key", "{\n  \"debug\": true,\n\n  \"mtu\": 1\n\n}\n", register(),
			"{\n  \"debug\": true,\n\n  \"mtu\": 1,\n  \"runtimes\": {\n    \"runsc\": {\n      \"path\": \"" + newPath + "\"\n    }\n  }\n\n}\n"},
		{"empty runtimes", "{\n\t\"runtimes\": { },\n\t\"mtu\": 1\n}\n", register(),
			"{\n\t\"runtimes\": {\n\t\t\"runsc\": {\n\t\t\t\"path\": \"" + newPath + "\"\n\t\t}\n\t},\n\t\"mtu\": 1\n}\n"},
		{"beside a runtime on one line", "{\n  \"runtimes\": {\n    \"nvidia\": { \"path\":\"n\", \"runtimeArgs\": [] }\n  }\n}\n", register("-a"),
			"{\n  \"runtimes\": {\n    \"nvidia\": { \"path\":\"n\", \"runtimeArgs\": [] },\n    \"runsc\": { \"path\":\"" + newPath + "\", \"runtimeArgs\":[\"-a\"] }\n  }\n}\n"},
		{"runtimes on one line in a file of many", "{\n  \"runtimes\": {\"nvidia\": {\"path\": \"n\"}},\n  \"mtu\": 1\n}\n", register("-a"),
			"{\n  \"runtimes\": {\"nvidia\": {\"path\": \"n\"}, \"runsc\": {\"path\": \"" + newPath + "\", \"runtimeArgs\": [\"-a\"]}},\n  \"mtu\": 1\n}\n"},
		{"runtime on one line though arrays are not", "{\n  \"dns\": [\n    \"1.1.1.1\"\n  ],\n  \"runtimes\": {\n    \"nvidia\": {\"path\": \"n\"}\n  }\n}\n", register("-a", "-b"),
			"{\n  \"dns\": [\n    \"1.1.1.1\"\n  ],\n  \"runtimes\": {\n    \"nvidia\": {\"path\": \"n\"},\n    \"runsc\": {\"path\": \"" + newPath + "\", \"runtimeArgs\": [\"-a\", \"-b\"]}\n  }\n}\n"},
		{"arguments like another runtime's rather than other arrays",
			"{\n \"dns\": [\"1.1.1.1\"],\n \"runtimes\": {\n  \"a\": {\n   \"runtimeArgs\": [\n    \"x\"\n   ]\n  }\n }\n}\n", register("-a"),
			"{\n \"dns\": [\"1.1.1.1\"],\n \"runtimes\": {\n  \"a\": {\n   \"runtimeArgs\": [\n    \"x\"\n   ]\n  },\n  \"runsc\": {\n   \"path\": \"" + newPath + "\",\n   \"runtimeArgs\": [\n    \"-a\"\n   ]\n  }\n }\n}\n"},
		{"like the last runtime", "{\n  \"runtimes\": {\n    \"a\": {\n      \"path\": \"x\"\n    },\n    \"b\": {\"path\": \"x\"}\n  }\n}\n", register(),
			"{\n  \"runtimes\": {\n    \"a\": {\n      \"path\": \"x\"\n    },\n    \"b\": {\"path\": \"x\"},\n    \"runsc\": {\"path\": \"" + newPath + "\"}\n  }\n}\n"},
		{"empty runtimes over two lines in one line", "{\"mtu\": 1, \"runtimes\": {\n}}", register(),
			"{\"mtu\": 1, \"runtimes\": {\n    \"runsc\": {\n        \"path\": \"" + newPath + "\"\n    }\n}}"},
		{"new text is escaped no more than it must be", "{}", Want{DefaultRuntime: new("<&>\"\\ä\t")}, "{\n    \"default-runtime\": \"<&>\\\"\\\\ä\\t\"\n}"},
		{"value on a line of its own", "{\n  \"mtu\":\n    1\n}\n", Want{DefaultRuntime: new("runsc")},
			"{\n  \"mtu\":\n    1,\n  \"default-runtime\": \"runsc\"\n}\n"},
	})
}

// hosts are daemon.jsons of real hosts, without our keys.
