package daemonjson

import (
	"strings"
	"testing"
)

func TestDiff(t *testing.T) {
	none := ""
	cases := []struct {
		name, before string
		want         Want
		diff         string
	}{
		{"nothing changes", "{}\n", Want{}, ""},
		{"new file", "", Want{DefaultRuntime: new("runsc")}, `--- a/etc/docker/daemon.json
+++ b/etc/docker/daemon.json
@@ -0,0 +1,3 @@
+{
+    "default-runtime": "runsc"
+}
`},
		{"no final newline", "{\n  \"a\": 1\n}", Want{DefaultRuntime: new("runsc")}, `--- a/etc/docker/daemon.json
+++ b/etc/docker/daemon.json
@@ -1,3 +1,4 @@
 {
-  "a": 1
+  "a": 1,
+  "default-runtime": "runsc"
 }
\ No newline at end of file
`},
		{"one line without newline", `{"a": 1}`, Want{DefaultRuntime: new("runsc")}, `--- a/etc/docker/daemon.json
+++ b/etc/docker/daemon.json
@@ -1 +1 @@
-{"a": 1}
\ No newline at end of file
+{"a": 1, "default-runtime": "runsc"}
\ No newline at end of file
`},
		{"CRLF", "{\r\n\t\"a\": 1\r\n}\r\n", Want{DefaultRuntime: new("runsc")},
			"--- a/etc/docker/daemon.json\n+++ b/etc/docker/daemon.json\n@@ -1,3 +1,4 @@\n {\r\n-\t\"a\": 1\r\n+\t\"a\": 1,\r\n+\t\"default-runtime\": \"runsc\"\r\n }\r\n"},
		{"secret in the context", "{\n  \"a\": 1,\n  \"http-token\": \"hunter2\",\n  \"default-runtime\": \"nvidia\",\n  \"b\": 2\n}\n", Want{DefaultRuntime: &none},
			`--- a/etc/docker/daemon.json
+++ b/etc/docker/daemon.json
@@ -4 +3,0 @@
-  "default-runtime": "nvidia",
`},
		{"secret two lines away on one side", "{\n  \"a\": 1,\n  \"default-runtime\": \"nvidia\",\n  \"b\": 2,\n  \"http-token\": \"hunter2\"\n}\n", Want{DefaultRuntime: new("runsc")},
			`--- a/etc/docker/daemon.json
+++ b/etc/docker/daemon.json
@@ -2,3 +2,3 @@
   "a": 1,
-  "default-runtime": "nvidia",
+  "default-runtime": "runsc",
   "b": 2,
`},
		{"secret on a line that changes", "{\n  \"a\": 1,\n  \"http-token\": \"hunter2\"\n}\n", Want{DefaultRuntime: new("runsc")},
			`# for reading only: values that may be secret are shown as ***, so this is no patch
--- a/etc/docker/daemon.json
+++ b/etc/docker/daemon.json
@@ line 1 @@
 {
   "a": 1,
-  "http-token": "hunter2"
+  "http-token": "hunter2",
+  "default-runtime": "runsc"
 }
`},
		{"secrets in a one-line file", `{"proxies": {"http-proxy": "http://u:hunter2@p", "https-proxy": "http://p"}, "a": 1}` + "\n", Want{DefaultRuntime: new("runsc")},
			`# for reading only: values that may be secret are shown as ***, so this is no patch
--- a/etc/docker/daemon.json
+++ b/etc/docker/daemon.json
@@ line 1 @@
-{"proxies": {"http-proxy": "***", "https-proxy": "http://p"}, "a": 1}
+{"proxies": {"http-proxy": "***", "https-proxy": "http://p"}, "a": 1, "default-runtime": "runsc"}
`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			want := c.diff
			if strings.HasPrefix(want, "#") {
				want = strings.ReplaceAll(want, `"hunter2"`, mask)
			}
			after := edit(t, c.before, c.want)
			got := Diff("/etc/docker/daemon.json", []byte(c.before), []byte(after))
			if got != want {
				t.Errorf("got:\n%s\nwant:\n%s\n(got %q)", got, want, got)
			}
		})
	}
}

func TestDiffHides(t *testing.T) {
	for _, value := range []string{
		`"proxies": {"https-proxy": "http://me:hunter2@proxy:3128"}`,
		`"proxies": {"https-proxy": "http:\/\/me:hunter2\u0040proxy:3128"}`,
		`"registry-mirrors": ["https://x", "https://me:hunter2@mirror"]`,
		`"log-opts": {"splunk-token": "hunter2"}`,
		`"log-opts": {"splunk-url": "https://collector/hunter2"}`,
		`"log-opts": {"labels": "PASSWORD=hunter2"}`,
		`"log-opts": {"env": "hunter2"}`,
		`"mySecrets": {"a": ["hunter2", {"b": "hunter2"}]}`,
		`"PASSWD": "hunter2"`,
		`"api_key": "hunter2"`,
		`"p\u0061ssword": "hunter2"`,
		`"header": "Authorization: Bearer hunter2"`,
		`"runtimes": {"a": {"path": "x", "runtimeArgs": ["--token=hunter2"]}}`,
	} {
		for _, before := range []string{"{" + value + "}", "{\n  " + value + "\n}\n", "{\n  \"a\": 1,\n  " + value + ",\n  \"b\": 2\n}\n"} {
			after := edit(t, before, everything())
			if got := Diff("f", []byte(before), []byte(after)); strings.Contains(got, "hunter2") {
				t.Errorf("before %s, got:\n%s", before, got)
			}
		}
	}
	broken := `{"a": "hunter2",}` + "\n" + "hunter2"
	for _, got := range []string{Diff("f", []byte(broken), []byte("{}\n")), Diff("f", []byte("{}\n"), []byte(broken))} {
		if strings.Contains(got, "hunter2") || !strings.HasPrefix(got, "# for reading only") {
			t.Errorf("text that does not parse, got:\n%s", got)
		}
	}
}

func TestDiffShowsWhatIsNoSecret(t *testing.T) {
	before := "{\n  \"runtimes\": {\n    \"monkey-token\": {\n      \"path\": \"/usr/bin/monkey\"\n    }\n  }\n}\n"
	got := Diff("f", []byte(before), []byte(edit(t, before, everything())))
	if strings.HasPrefix(got, "#") || !strings.Contains(got, "/usr/bin/monkey") {
		t.Errorf("a runtime's name is no secret, got:\n%s", got)
	}
}

func TestDiffLabelCannotForgeLines(t *testing.T) {
	got := Diff("/a\n+++ b/c d", nil, []byte("{}\n"))
	if want := "--- a/a?+++ b/c d\t\n+++ b/a?+++ b/c d\t\n@@ -0,0 +1 @@\n+{}\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
