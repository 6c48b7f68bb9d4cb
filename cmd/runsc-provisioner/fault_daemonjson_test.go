package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/test/need"
)

// secret is in the daemon.json of each test of a bad file. No output may contain
// it.
const secret = "hunter2"

// badFile checks that plan and apply refuse a daemon.json and print all of said, on
// a host that has no release yet.
func badFile(t *testing.T, text string, said ...string) {
	t.Helper()
	h := freshHost(t, text)
	said = append(said, "error: /etc/docker/daemon.json: ", "hint: ")
	for _, args := range [][]string{{"plan", "-v"}, {"apply", "-v", "--default-runtime"}} {
		got := h.refuses(exitRefused, said, args...)
		if strings.Contains(got.stdout+got.stderr, secret) {
			t.Errorf("%s: got %v\nwant it without the secret", args[0], got)
		}
	}
	if got := h.bucket.requestCount(""); got != 0 {
		t.Errorf("got %d requests to the release server, want none", got)
	}
}

// applyTo runs apply on a host with this daemon.json. It returns the new text, with
// RUNSC for the path of the release's runsc.
func applyTo(t *testing.T, text string, args ...string) string {
	t.Helper()
	need.Root(t)
	h := freshHost(t, text)
	h.want(exitDone, append([]string{"apply", "--release=" + newer}, args...)...)
	return strings.ReplaceAll(h.read("etc/docker/daemon.json"), h.runsc(newer), "RUNSC")
}

const registered = `{
    "runtimes": {
        "runsc": {
            "path": "RUNSC",
            "runtimeArgs": [
                "--overlay2=none",
                "--dcache=0"
            ]
        }
    }
}
`

func TestFault_J01_AMissingFileIsCreated(t *testing.T) {
	t.Parallel()
	need.Root(t)
	for _, missing := range []string{"file", "directory"} {
		h := freshHost(t, "")
		if missing == "file" {
			if err := os.MkdirAll(filepath.Dir(h.paths.DaemonJSON), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		h.want(exitDone, "apply", "--release="+newer)
		if got := strings.ReplaceAll(h.read("etc/docker/daemon.json"), h.runsc(newer), "RUNSC"); got != registered {
			t.Errorf("missing %s: got %s, want %s", missing, got, registered)
		}
		wantMode(t, h.paths.DaemonJSON, 0o644)
		wantMode(t, filepath.Dir(h.paths.DaemonJSON), os.ModeDir|0o755)
	}
}

func wantMode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Error(err)
		return
	}
	if info.Mode() != want {
		t.Errorf("%s: got mode %v, want %v", path, info.Mode(), want)
	}
}

func TestFault_J02_ABlankFileIsAnEmptyObject(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"\n", " \t\n\n"} {
		if got := applyTo(t, text); got != registered {
			t.Errorf("%q: got %s, want %s", text, got, registered)
		}
	}
	need.Root(t)
	h := freshHost(t, "")
	h.write("etc/docker/daemon.json", "")
	h.want(exitDone, "apply", "--release="+newer)
	if got := strings.ReplaceAll(h.read("etc/docker/daemon.json"), h.runsc(newer), "RUNSC"); got != registered {
		t.Errorf("empty: got %s, want %s", got, registered)
	}
}

func TestFault_J03_TextThatIsNotOneDocumentIsRefused(t *testing.T) {
	t.Parallel()
	const proxy = `"proxies": {"http-proxy": "http://u:` + secret + `@proxy"}`
	for _, test := range []struct{ name, text, at string }{
		{"trailing comma", "{\n  " + proxy + ",\n}", "line 2, column 54: trailing comma"},
		{"comment", "{\n  // " + secret + "\n  " + proxy + "\n}", "line 2, column 3"},
		{"cut short", "{\n  " + proxy + "\n", "line 3, column 1"},
		{"cut short in a string", "{\n  \"log-driver\": \"" + secret, "line 2, column"},
		{"text after the document", "{" + proxy + "}\nx" + secret, "line 2, column 1"},
		{"two documents", "{" + proxy + "}\n{" + proxy + "}\n", "line 2, column 1"},
		{"CRLF lines", "{\r\n  " + proxy + ",\r\n}", "line 2, column 54: trailing comma"},
	} {
		t.Run(test.name, func(t *testing.T) { badFile(t, test.text, test.at) })
	}
}

func TestFault_J04_AnotherEncodingIsRefusedByItsName(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, text, said string }{
		{"byte order mark", "\xef\xbb\xbf{}", "byte order mark"},
		{"UTF-16, little endian", "\xff\xfe{\x00}\x00", "UTF-16"},
		{"UTF-16, big endian", "\xfe\xff\x00{\x00}", "UTF-16"},
		{"invalid UTF-8", "{\"log-driver\": \"" + secret + "\xc3\"}", "UTF-8"},
	} {
		t.Run(test.name, func(t *testing.T) { badFile(t, test.text, test.said) })
	}
}

func TestFault_J05_KeysOfAWrongTypeAreRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, said string }{
		{`["` + secret + `"]`, "the document is an array"},
		{`null`, "the document is true, false or null"},
		{`{"runtimes": ["` + secret + `"]}`, `"runtimes" is an array, not an object`},
		{`{"runtimes": null}`, `"runtimes" is true, false or null, not an object`},
		{`{"runtimes": {"runsc": "` + secret + `"}}`, `runtime "runsc" is a string, not an object`},
		{`{"runtimes": {"runsc": {"path": 1}}}`, `"path" is a number, not a string`},
		{`{"runtimes": {"runsc": {"path": "/x", "runtimeArgs": "` + secret + `"}}}`, `"runtimeArgs" is a string, not an array`},
		{`{"runtimes": {"runsc": {"path": "/x", "runtimeArgs": [1]}}}`, `an argument of runtime "runsc" is a number`},
		{`{"default-runtime": true}`, `"default-runtime" is`},
		{`{"userns-remap": {}}`, `"userns-remap" is an object, not a string`},
	} {
		t.Run(test.text, func(t *testing.T) { badFile(t, test.text, test.said) })
	}
}

func TestFault_J06_DuplicateKeysAreRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, said string }{
		{`{"runtimes": {}, "runtimes": {}}`, `"runtimes"`},
		{`{"runtimes": {}, "runtime\u0073": {}}`, `"runtimes"`},
		{`{"log-opts": {"a": "` + secret + `", "a": "2"}}`, `"a"`},
		{`{"hosts": [{"x": {"y": 1, "y": 2}}]}`, `"y"`},
		{`{"runtimes": {"runsc": {"path": "/a"}, "runsc": {"path": "/b"}}}`, `"runsc"`},
		{`{"Default-Runtime": "nvidia"}`, `"Default-Runtime": write it as "default-runtime"`},
		{`{"RUNTIMES": {}}`, `"RUNTIMES": write it as "runtimes"`},
		{`{"runtimes": {"runsc": {"path": "/a", "Path": "/b"}}}`, `"Path": write it as "path"`},
	} {
		t.Run(test.text, func(t *testing.T) { badFile(t, test.text, test.said, "line 1, column ") })
	}
}

func TestFault_J07_EverythingElseStaysByteForByte(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, text, want string }{
		{
			"tabs, CRLF, numbers beyond 2^53 and a double, unknown keys, no final newline",
			"{\r\n\t\"z\":  9007199254740993,\r\n\t\"a\" : 1e400,\r\n\t\"u\": \"<&>\\u00e9\\/\"\r\n}",
			"{\r\n\t\"z\":  9007199254740993,\r\n\t\"a\" : 1e400,\r\n\t\"u\": \"<&>\\u00e9\\/\",\r\n" +
				"\t\"runtimes\": {\r\n\t\t\"runsc\": {\r\n\t\t\t\"path\": \"RUNSC\",\r\n\t\t\t\"runtimeArgs\": [\r\n\t\t\t\t\"--overlay2=none\",\r\n\t\t\t\t\"--dcache=0\"\r\n\t\t\t]\r\n\t\t}\r\n\t},\r\n\t\"default-runtime\": \"runsc\"\r\n}",
		},
		{
			"one line",
			`{"debug":false,"runtimes":{"gv":{"path":"/opt/gv"}}}`,
			`{"debug":false,"runtimes":{"gv":{"path":"/opt/gv"},"runsc":{"path":"RUNSC","runtimeArgs":["--overlay2=none","--dcache=0"]}},"default-runtime":"runsc"}`,
		},
		{
			"another default",
			"{\n  \"default-runtime\": \"nvidia\",\n  \"runtimes\": { \"nvidia\": { \"path\": \"/n\", \"runtimeArgs\": [ ] } }\n}\n",
			"{\n  \"default-runtime\": \"runsc\",\n  \"runtimes\": { \"nvidia\": { \"path\": \"/n\", \"runtimeArgs\": [ ] }, \"runsc\": { \"path\": \"RUNSC\", \"runtimeArgs\": [\"--overlay2=none\", \"--dcache=0\"] } }\n}\n",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := applyTo(t, test.text, "--default-runtime"); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
	deep := func(levels int) string {
		return `{"x":` + strings.Repeat("[", levels-1) + strings.Repeat("]", levels-1) + "}"
	}
	t.Run("64 levels", func(t *testing.T) {
		want := strings.TrimSuffix(deep(64), "}") + `,"runtimes":{"runsc":{"path":"RUNSC","runtimeArgs":["--overlay2=none","--dcache=0"]}}}`
		if got := applyTo(t, deep(64)); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
	t.Run("65 levels", func(t *testing.T) { badFile(t, deep(65), "64 levels") })
	t.Run("beyond 1 MiB", func(t *testing.T) {
		h := freshHost(t, "{"+strings.Repeat(" ", daemonjson.MaxBytes)+"}")
		h.refuses(exitRefused, []string{"error: /etc/docker/daemon.json: ", fmt.Sprint(daemonjson.MaxBytes)}, "apply")
	})
}

func TestFault_J08_ARuntimeOfGVisorsOwnInstallerIsAdopted(t *testing.T) {
	t.Parallel()
	const text = `{"runtimes":{"runsc":{"path":"/usr/bin/runsc","runtimeArgs":["--platform=kvm"]}}}`
	h := freshHost(t, text)
	plan := h.want(exitDone, "plan", "--release="+newer)
	said := "runsc runs /usr/local/lib/gvisor/" + newer + "/runsc instead of /usr/bin/runsc, its arguments are kept"
	if !strings.Contains(plan.stdout, said) {
		t.Errorf("got %v\nwant %q in it", plan, said)
	}
	for _, test := range []struct {
		args []string
		want string
	}{
		{nil, `{"runtimes":{"runsc":{"path":"RUNSC","runtimeArgs":["--platform=kvm","--overlay2=none","--dcache=0"]}}}`},
		{[]string{"--runtime-arg=--debug", "--runtime-arg=--platform=systrap"}, `{"runtimes":{"runsc":{"path":"RUNSC","runtimeArgs":["--debug","--platform=systrap","--overlay2=none","--dcache=0"]}}}`},
	} {
		if got := applyTo(t, text, test.args...); got != test.want {
			t.Errorf("%v:\ngot  %s\nwant %s", test.args, got, test.want)
		}
	}
}
