package daemonjson

import "testing"

// Edit checks its own results with checkEdit, which gets wrong ones here.
func TestCheckEditSeesAnyOtherChange(t *testing.T) {
	const before = `{"a": 1.0, "runtimes": {"nvidia": {"path": "n"}}, "b": ["x"]}`
	cases := []struct {
		name, after string
		good        bool
	}{
		{"as asked", `{"a": 1.0, "runtimes": {"nvidia": {"path": "n"}}, "b": ["x"], "default-runtime": "runsc"}`, true},
		{"not done", before, false},
		{"another value", `{"a": 1.0, "runtimes": {"nvidia": {"path": "n"}}, "b": ["x"], "default-runtime": "runc"}`, false},
		{"a number written differently", `{"a": 1, "runtimes": {"nvidia": {"path": "n"}}, "b": ["x"], "default-runtime": "runsc"}`, false},
		{"a key lost", `{"runtimes": {"nvidia": {"path": "n"}}, "b": ["x"], "default-runtime": "runsc"}`, false},
		{"an extra key", `{"a": 1.0, "runtimes": {"nvidia": {"path": "n"}}, "b": ["x"], "default-runtime": "runsc", "c": null}`, false},
		{"another runtime changed", `{"a": 1.0, "runtimes": {"nvidia": {"path": "m"}}, "b": ["x"], "default-runtime": "runsc"}`, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := checkEdit(mustParse(t, before), mustParse(t, c.after), Want{DefaultRuntime: new("runsc")})
			if (err == nil) != c.good {
				t.Errorf("got %v, want good %v", err, c.good)
			}
		})
	}
}

func TestReplaceRefusesToChangeOtherBytes(t *testing.T) {
	d := mustParse(t, `{"a": "x", "b": "x"}`)
	other, _ := d.nodeAt("b")
	if got, err := d.replace([]string{"a"}, other, `"yy"`); err == nil {
		t.Errorf("got %s, want an error: the value at a is not the node of b", got.text)
	}
}
