package lab

import (
	"runtime"
	"strings"
	"testing"
)

func TestOptions(t *testing.T) {
	for _, test := range []struct {
		name    string
		options Options
		want    string // host name, or part of the error
	}{
		{"zero value", Options{}, "trixie"},
		{"suite names the host", Options{Suite: "bookworm"}, "bookworm"},
		{"unknown suite", Options{Suite: "sid"}, `suite "sid"`},
		{"name that is not a host name", Options{Name: "../x"}, `host name "../x"`},
		{"relative bind", Options{Binds: []Bind{{Source: "a", Target: "/b"}}}, "want absolute paths"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o, err := test.options.complete()
			got := o.Name
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// A fakeTB is a test that records that it was skipped.
type fakeTB struct {
	testing.TB
	skipped string
}

func (*fakeTB) Helper() {}

func (f *fakeTB) Skipf(format string, _ ...any) {
	f.skipped = format
	runtime.Goexit()
}

func TestForTest_LabOffIsASkipThatSaysHow(t *testing.T) {
	t.Setenv(Env, "")
	t.Setenv("CI", "")
	tb := &fakeTB{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		ForTest(tb, Options{})
	}()
	<-done
	if !strings.Contains(tb.skipped, "set %s=1") {
		t.Errorf("got skip line %q, want one that says how to switch the lab on", tb.skipped)
	}
}
