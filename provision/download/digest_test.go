package download

import (
	"strings"
	"testing"
)

var sum = strings.Repeat("0a", 64)

func TestParseChecksum(t *testing.T) {
	tests := map[string]struct {
		text, says string // says "": accepted
	}{
		"as published":     {sum + "  runsc\n", ""},
		"no newline":       {sum + "  runsc", ""},
		"upper case":       {strings.ToUpper(sum) + "  runsc\n", ""},
		"empty":            {"", "empty"},
		"short":            {sum[1:] + "  runsc\n", "127 characters"},
		"not hex":          {"x" + sum[1:] + "  runsc\n", "hexadecimal"},
		"other name":       {sum + "  other\n", `"other"`},
		"path":             {sum + "  ./runsc\n", `"./runsc"`},
		"digest alone":     {sum + "\n", "form"},
		"one blank":        {sum + " runsc\n", "form"},
		"binary mode":      {sum + " *runsc\n", "form"},
		"two lines":        {sum + "  runsc\n" + sum + "  runsc\n", "more than one line"},
		"carriage return":  {sum + "  runsc\r\n", "runsc"},
		"trailing newline": {sum + "  runsc\n\n", "more than one line"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ParseChecksum([]byte(test.text), "runsc")
			if test.says == "" && (err != nil || got.String() != sum) {
				t.Errorf("got %s, error %v; want %s", got, err, sum)
			}
			if test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)) {
				t.Errorf("got error %v, want it to say %q", err, test.says)
			}
		})
	}
}

func FuzzParseChecksum(f *testing.F) {
	for _, seed := range []string{sum + "  runsc\n", sum + "  runsc", sum + " runsc", "", "<?xml version='1.0'?><Error/>", strings.ToUpper(sum) + "  runsc\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := ParseChecksum(text, "runsc")
		if err != nil {
			return
		}
		// Only one line with that digest and that name is accepted.
		want := got.String() + "  runsc"
		if line := strings.TrimSuffix(string(text), "\n"); strings.ToLower(line) != want {
			t.Errorf("got %s from %q", got, text)
		}
	})
}
