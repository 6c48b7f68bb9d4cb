package redact

import (
	"encoding/json"
	"testing"
)

func TestRedactJSON(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{`{"seen": "sh … --token=hunter2", "n": 1.50}`, `{"seen": "sh … --token=…", "n": 1.50}`},
		{`{"seen": "a \"password=hunter2\" b"}`, `{"seen": "a \"password=… b"}`},
		{`{"password": "hunter2", "next": "x"}`, `{"password": "…", "next": "x"}`},
		{`{"auth" : ["hunter2", "a"], "next": ["x"]}`, `{"auth" : ["…", "…"], "next": ["x"]}`},
		{`{"http://u:hunter2@h": {}}`, `{"http://…@h": {}}`},
		{`{"url": "https:\/\/u:hunter2@h"}`, `{"url": "https://…@h"}`},
		{"{\"name\": \"a\u202e\u009b<&>\U000e0001\\u001b\"}", `{"name": "a\u202e\u009b<&>\udb40\udc01\u001b"}`},
		{" [] \n", " [] \n"},
	} {
		got, err := JSON([]byte(tt.text))
		if err != nil || string(got) != tt.want || !json.Valid(got) {
			t.Errorf("%s: got %s, %v, want %s", tt.text, got, err, tt.want)
		}
	}
	for _, text := range []string{"", "error: x", `{"a": `} {
		if got, err := JSON([]byte(text)); err == nil {
			t.Errorf("%q: got %s, want an error", text, got)
		}
	}
}
