package daemonjson

import (
	"errors"
	"strings"
	"testing"
)

func TestEditDoesNotTouchItsArgument(t *testing.T) {
	d := mustParse(t, hosts()[1])
	if _, err := Edit(d, everything()); err != nil {
		t.Fatal(err)
	}
	d.Bytes()[0] = 'x'
	if got := string(d.Bytes()); got != hosts()[1] {
		t.Errorf("got %q, want %q", got, hosts()[1])
	}
	var zero Document
	if d, err := Edit(zero, Want{}); err != nil || len(d.Bytes()) != 0 {
		t.Errorf("zero Document: got %q, %v; want empty", d.Bytes(), err)
	}
}

func TestEditRefuses(t *testing.T) {
	bad := "\xff"
	cases := []struct {
		name string
		want Want
		part string
	}{
		{"no path", Want{Runtimes: map[string]*Runtime{"a": {}}}, "set runtime a: no path"},
		{"path and type", Want{Runtimes: map[string]*Runtime{"a": {Path: "x", Type: "y"}}}, "exclude each other"},
		{"default runtime that is not UTF-8", Want{DefaultRuntime: &bad}, "invalid UTF-8"},
		{"argument that is not UTF-8", register(bad), "invalid UTF-8"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Edit(Document{}, c.want)
			if err == nil || !strings.Contains(err.Error(), c.part) {
				t.Errorf("got %v, want …%s…", err, c.part)
			}
		})
	}
}

func TestFault_J07_AnEditThatMakesTheFileTooLargeIsRefused(t *testing.T) {
	d := mustParse(t, "{}"+strings.Repeat(" ", MaxBytes-2))
	_, err := Edit(d, register())
	var e *Error
	if !errors.As(err, &e) || !strings.Contains(e.Reason, "larger than") {
		t.Errorf("got %v, want an *Error on the size", err)
	}
}
