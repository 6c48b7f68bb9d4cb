package release

import (
	"slices"
	"testing"
)

func TestParseLabel(t *testing.T) {
	tests := map[string]string{ // "": refused
		"release-20260914.0":             "20260914.0",
		"20260914.0":                     "20260914.0",
		"release-20260914":               "20260914",
		"google-20260914.1":              "20260914.1",
		"20260907.0-13-gabc":             "20260907.0-13-gabc",
		"release-20260907.0-13-gabc":     "20260907.0-13-gabc",
		"0.0~20240729.0":                 "20240729.0",
		"VERSION_MISSING":                "",
		"":                               "",
		"2026-09-14":                     "",
		"release-2026091":                "",
		"release-20260914.0-dirty":       "",
		"release-20260914.0\n":           "",
		"../20260914.0":                  "",
		"release-20260914.0.0":           "",
		"20260914.9999999":               "",
		"0.0~release-20260914.0":         "",
		"20260907.0-13-g../../etc/passw": "",
	}
	for text, want := range tests {
		got, err := ParseLabel(text)
		if (err != nil) != (want == "") || err == nil && got.String() != want {
			t.Errorf("%q: got %q, error %v; want %q", text, got, err, want)
		}
	}
}

func TestLabelsInOrder(t *testing.T) {
	want := []string{"20221219.0", "20260907", "20260907.0", "20260907.0-2-gfff", "20260907.0-13-gabc", "20260907.1", "20260907.10", "20260914.0"}
	var labels []Label
	for _, text := range want {
		l, err := ParseLabel(text)
		if err != nil {
			t.Fatal(err)
		}
		labels = append(labels, l)
	}
	slices.Reverse(labels)
	slices.SortFunc(labels, Label.Compare)
	for i, l := range labels {
		if l.String() != want[i] {
			t.Errorf("%d: got %s, want %s", i, l, want[i])
		}
	}
}

func TestLabelSatisfies(t *testing.T) {
	tests := []struct {
		label, version string
		want           bool
	}{
		{"20260914.0", "latest", true},
		{"20260914.0", "20260914", true},
		{"20260914.7", "20260914", true},
		{"20260914", "20260914", true},
		{"20260914.0", "20260914.0", true},
		{"20260914.1", "20260914.0", false},
		{"20260914", "20260914.0", false},
		{"20260915.0", "20260914", false},
		{"20260914.0-3-gabc", "20260914", false},
		{"20260914.0-3-gabc", "20260914.0", false},
		{"20260914.0-3-gabc", "20260914.0-3-gabc", true},
		{"20260914.0", "2026-09-14", false},
		{"20260914.0", "", false},
	}
	for _, test := range tests {
		l, err := ParseLabel(test.label)
		if err != nil {
			t.Fatal(err)
		}
		if got := l.Satisfies(test.version); got != test.want {
			t.Errorf("%s satisfies %q: got %v, want %v", test.label, test.version, got, test.want)
		}
	}
}

func FuzzParseLabel(f *testing.F) {
	for _, seed := range []string{"release-20260914.0", "0.0~20240729.0", "20260907.0-13-gabc", "20260914", "x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l, err := ParseLabel(text)
		if err != nil {
			return
		}
		name := l.String()
		again, err := ParseLabel(name)
		if err != nil || again != l {
			t.Errorf("%q: got %+v again, error %v; want %+v", name, again, err, l)
		}
		if !namePattern().MatchString(name) || !l.Satisfies(name) || l.Compare(again) != 0 {
			t.Errorf("%q: not a name of itself", name)
		}
	})
}
