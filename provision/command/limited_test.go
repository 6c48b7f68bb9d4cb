package command

import "testing"

func TestLimited_EndsAProgramThatWritesMore(t *testing.T) {
	ended := 0
	out := &Limited{Most: 4, End: func() { ended++ }}
	if n, err := out.Write([]byte("1234")); n != 4 || err != nil || ended != 0 || out.Exceeded {
		t.Errorf("at the limit: got %d, %v, ended %d, exceeded %v", n, err, ended, out.Exceeded)
	}
	if n, err := out.Write([]byte("5")); n != 0 || err == nil || ended != 1 || !out.Exceeded {
		t.Errorf("above the limit: got %d, %v, ended %d, exceeded %v", n, err, ended, out.Exceeded)
	}
	if _, err := out.Write(nil); err == nil {
		t.Error("after it: got no error")
	}
	if got := string(out.Text()); got != "1234" {
		t.Errorf("got %q, want what was within the limit", got)
	}
}
