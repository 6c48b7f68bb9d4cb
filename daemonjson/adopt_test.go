package daemonjson

import (
	"strings"
	"testing"
)

func TestFault_J08_AnotherInstallersRuntimeIsAdopted(t *testing.T) {
	// This is what `runsc install` writes.
	const theirs = "{\n    \"runtimes\": {\n        \"runsc\": {\n            \"path\": \"/usr/local/bin/runsc\",\n" +
		"            \"runtimeArgs\": [\n                \"--network=host\"\n            ]\n        }\n    }\n}"
	ours := strings.Replace(theirs, oldPath, newPath, 1)
	checkChanges(t, []change{
		{"arguments are kept", theirs, register(), ours},
		{"new arguments keep the array's form", theirs, register("-a", "-b"),
			strings.Replace(ours, `"--network=host"`, "\"-a\",\n                \"-b\"", 1)},
		{"arguments are removed", theirs, Want{Runtimes: map[string]*Runtime{"runsc": {Path: newPath, Args: []string{}}}},
			"{\n    \"runtimes\": {\n        \"runsc\": {\n            \"path\": \"" + newPath + "\"\n        }\n    }\n}"},
		{"arguments on one line stay on one", `{"runtimes": {"runsc": {"path": "x", "runtimeArgs": [ "a" ]}}}`, register("-a", "-b"),
			`{"runtimes": {"runsc": {"path": "` + newPath + `", "runtimeArgs": [ "-a", "-b" ]}}}`},
		{"arguments keep their own form, not a neighbour's",
			"{\"runtimes\": {\n \"a\": {\n  \"path\": \"x\",\n  \"runtimeArgs\": [\n   \"y\"\n  ]\n },\n \"runsc\": {\n  \"path\": \"x\",\n  \"runtimeArgs\": [\"y\"]\n }\n}}", register("-a", "-b"),
			"{\"runtimes\": {\n \"a\": {\n  \"path\": \"x\",\n  \"runtimeArgs\": [\n   \"y\"\n  ]\n },\n \"runsc\": {\n  \"path\": \"" + newPath + "\",\n  \"runtimeArgs\": [\"-a\", \"-b\"]\n }\n}}"},
		{"arguments are added", `{"runtimes": {"runsc": {"path": "x"}}}`, register("-a"),
			`{"runtimes": {"runsc": {"path": "` + newPath + `", "runtimeArgs": ["-a"]}}}`},
		{"type and options give way", "{\"runtimes\": {\"runsc\": {\n  \"runtimeType\": \"io.containerd.runsc.v1\",\n  \"options\": {\"ConfigPath\": \"/x\"},\n  \"mine\": 1\n}}}", register(),
			"{\"runtimes\": {\"runsc\": {\n  \"mine\": 1,\n  \"path\": \"" + newPath + "\"\n}}}"},
		{"type alone gives way", `{"runtimes":{"runsc":{"runtimeType":"x"}}}`, register(), `{"runtimes":{"runsc":{"path":"` + newPath + `"}}}`},
		{"empty entry", "{\n  \"runtimes\": {\n    \"runsc\": {}\n  }\n}", register(),
			"{\n  \"runtimes\": {\n    \"runsc\": {\n      \"path\": \"" + newPath + "\"\n    }\n  }\n}"},
		{"empty entry on a line with others", `{"runtimes": {"runsc": {}}}`, register(), `{"runtimes": {"runsc": {"path": "` + newPath + `"}}}`},
		{"name spelled with an escape", `{"runtimes": {"run\u0073c": {"path": "x"}}}`, register(), `{"runtimes": {"run\u0073c": {"path": "` + newPath + `"}}}`},
		{"names with dots and digits",
			`{"runtimes": {"1": {"path": "x"}, "a.b": {"path": "x"}, "a": {"b": 1, "path": "x"}}}`,
			Want{Runtimes: map[string]*Runtime{"1": {Path: "y"}, "a.b": {Path: "z"}}},
			`{"runtimes": {"1": {"path": "y"}, "a.b": {"path": "z"}, "a": {"b": 1, "path": "x"}}}`},
		{"new names with dots and digits", `{"runtimes": {}}`,
			Want{Runtimes: map[string]*Runtime{"0": {Path: "y"}, "a.0": {Path: "z"}}},
			`{"runtimes": {"0": {"path": "y"}, "a.0": {"path": "z"}}}`},
	})
}

func TestFault_J11_EditWithoutChangesKeepsEveryByte(t *testing.T) {
	for _, text := range []string{
		`{"userns-remap":"d\u0065fault", "runtimes":{ "runsc" :{"path": "\/usr\/local\/lib\/gvisor\/20260914.0\/runsc","runtimeArgs":[ "--platform\u003dsystrap"]}},` + "\n\n" + `"default-runtime":	"runsc"  }  `,
	} {
		if got := edit(t, text, everything()); got != text {
			t.Errorf("got  %s\nwant %s", got, text)
		}
	}
}
