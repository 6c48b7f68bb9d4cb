package daemonjson

import "testing"

func TestOutline(t *testing.T) {
	for _, tt := range []struct{ situation, text, want string }{
		{"a comma too many", "{\n  \"debug\": true,\n  \"hosts\": [\"fd://\"],\n}\n", "{\n  \"debug\": true,\n  \"hosts\": [\"***:***\"],\n}\n"},
		{"cut short", `{"runtimes": {"runsc": {"path": "/x"`, `{"runtimes": {"***": {"path": "***"`},
		{"a quote too few", `{"labels: ["token=hunter2"], "mtu": 1400}`, `{"labels: ["***"], "mtu": ***}`},
		{"a value with all kinds of characters", `{"a": "hunter2,debug/x \"y\" ` + "\x1b\u202e\x00" + `"}`, `{"***": "***,*** ***"***"` + ` ***"}`},
		{"not JSON", "password hunter2", "*** ***"},
		{"nothing", "", ""},
	} {
		if got := Outline([]byte(tt.text)); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.situation, got, tt.want)
		}
	}
}
