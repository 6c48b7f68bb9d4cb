package daemonjson

import (
	"fmt"
	"testing"
)

func TestRemove(t *testing.T) {
	none := ""
	noDefault := Want{DefaultRuntime: &none}
	checkChanges(t, []change{
		{"first of many lines", "{\n  \"default-runtime\": \"runsc\",\n  \"mtu\": 1\n}\n", noDefault, "{\n  \"mtu\": 1\n}\n"},
		{"in the middle", "{\n  \"a\": 1,\n  \"default-runtime\": \"runsc\",\n  \"mtu\": 1\n}\n", noDefault, "{\n  \"a\": 1,\n  \"mtu\": 1\n}\n"},
		{"last", "{\n  \"a\": 1,\n  \"default-runtime\": \"runsc\"\n}\n", noDefault, "{\n  \"a\": 1\n}\n"},
		{"only one", "{\n  \"default-runtime\": \"runsc\"\n}\n", noDefault, "{}\n"},
		{"blank lines around", "{\r\n  \"a\": 1,\r\n\r\n  \"default-runtime\": \"runsc\",\r\n\r\n  \"mtu\": 1\r\n}", noDefault, "{\r\n  \"a\": 1,\r\n\r\n\r\n  \"mtu\": 1\r\n}"},
		{"one line, first", `{ "default-runtime": "runsc", "mtu": 1 }`, noDefault, `{ "mtu": 1 }`},
		{"one line, middle", `{"a":1,"default-runtime":"runsc","mtu":1}`, noDefault, `{"a":1,"mtu":1}`},
		{"one line, last", `{ "mtu": 1, "default-runtime": "runsc" }`, noDefault, `{ "mtu": 1 }`},
		{"shares its line with the next", "{\n  \"default-runtime\": \"runsc\", \"mtu\": 1\n}\n", noDefault, "{\n  \"mtu\": 1\n}\n"},
		{"shares its line with the one before", "{\n  \"a\": 1, \"default-runtime\": \"runsc\",\n  \"mtu\": 1\n}\n", noDefault, "{\n  \"a\": 1,\n  \"mtu\": 1\n}\n"},
		{"behind the brace", "{\"default-runtime\": \"runsc\",\n \"mtu\": 1}", noDefault, "{\n \"mtu\": 1}"},
		{"commas at the start of lines", "{ \"a\": 1\n, \"default-runtime\": \"runsc\"\n, \"mtu\": 1\n}", noDefault, "{ \"a\": 1\n, \"mtu\": 1\n}"},
		{"a missing key", "{\n  \"mtu\": 1\n}\n", nothing(), "{\n  \"mtu\": 1\n}\n"},
		{"the last runtime leaves an empty object", `{"runtimes": {"runsc": {"path": "x"}}}`, unregister(), `{"runtimes": {}}`},
		{"tidy takes the empty object", `{"runtimes": {}, "mtu": 1}`, Want{Tidy: true}, `{"mtu": 1}`},
		{"tidy leaves others", `{"runtimes": {"nvidia": {}}}`, nothing(), `{"runtimes": {"nvidia": {}}}`},
		{"a name that Edit does not set", `{"runtimes": {"runc": {}, "a b": {}}}`,
			Want{Runtimes: map[string]*Runtime{"runc": nil, "a b": nil}}, `{"runtimes": {}}`},
		{"an earlier entry with a type", `{"runtimes": {"runsc": {"path": "x"}}}`,
			Want{RawRuntimes: map[string]string{"runsc": `{"runtimeType": "io.x.v1", "options": {"A":1e2}}`}}, `{"runtimes": {"runsc": {"runtimeType": "io.x.v1", "options": {"A":1e2}}}}`},
		{"an earlier entry that was taken out", `{"mtu": 1}`,
			Want{RawRuntimes: map[string]string{"runsc": `{"path":"y"}`}}, `{"mtu": 1, "runtimes": {"runsc": {"path":"y"}}}`},
		{"an earlier entry that is there", `{"runtimes": {"runsc": {"path": "x"}}}`,
			Want{RawRuntimes: map[string]string{"runsc": `{"path": "x"}`}}, `{"runtimes": {"runsc": {"path": "x"}}}`},
		{"one out, one in", `{"runtimes": {"a": {"path": "x"}}}`,
			Want{Runtimes: map[string]*Runtime{"a": nil, "b": {Path: "y"}}}, `{"runtimes": {"b": {"path": "y"}}}`},
	})
}

func hosts() []string {
	return []string{
		"{}\n",
		"{\n  \"live-restore\": true\n}\n",
		"{\n\t\"log-driver\": \"json-file\",\n\t\"log-opts\": {\n\t\t\"max-size\": \"10m\",\n\t\t\"max-file\": \"3\"\n\t},\n\t\"storage-driver\": \"overlay2\"\n}",
		`{"bip":"172.17.0.1/16","mtu":1450}`,
		`{ "insecure-registries" : [ "10.0.0.1:5000", "reg.local" ], "debug" : false }` + "\n",
		"{\r\n    \"proxies\": {\r\n        \"http-proxy\": \"http://user:pw@proxy:3128\",\r\n        \"no-proxy\": \"localhost\"\r\n    },\r\n    \"dns\": [\"1.1.1.1\", \"8.8.8.8\"]\r\n}\r\n",
		"{\n  \"exec-opts\": [\"native.cgroupdriver=systemd\"],\n\n  \"default-ulimits\": {\"nofile\": {\"Name\": \"nofile\", \"Hard\": 64000, \"Soft\": 64000}}\n\n}\n",
		"{ \"mtu\": 1\n, \"max-concurrent-downloads\": 18446744073709551617\n}\n",
		"{\n  \"registry-mirrors\": [\n    \"https://mirror.local\"\n  ],\n  \"builder\": { \"gc\": { \"enabled\": true } } }",
	}
}

func TestTakingBackAnEditRestoresEveryByte(t *testing.T) {
	for i, before := range hosts() {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			edited := edit(t, before, everything())
			if edited == before {
				t.Fatal("the edit changed nothing")
			}
			if got := edit(t, edited, nothing()); got != before {
				t.Errorf("edited:\n%s\n got %q\nwant %q", edited, got, before)
			}
		})
	}
}
