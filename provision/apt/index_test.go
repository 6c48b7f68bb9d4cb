package apt

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

var (
	zeros = strings.Repeat("0", 128)
	ones  = strings.Repeat("1", 128)
)

func TestParseRelease(t *testing.T) {
	text := "Origin: x\nSuite: release\nCodename: c\nDate: Sat, 14 Nov 2026 12:00:00 UTC\nValid-Until: Sun, 15 Nov 2026 12:00:00 +0000\n" +
		"SHA256:\n abc 1 main/x\nSHA512:\n " + zeros + " 12 main/Packages\n " + ones + "     7 main/Packages.gz\n"
	r, err := ParseRelease([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 14, 12, 0, 0, 0, time.UTC)
	if r.Suite != "release" || r.Codename != "c" || !r.Date.Equal(at) || !r.ValidUntil.Equal(at.Add(24*time.Hour)) {
		t.Errorf("got %+v", r)
	}
	if f, listed := r.File("main/Packages.gz"); !listed || f.Size != 7 || f.SHA512[0] != 0x11 {
		t.Errorf("got %+v, %v", f, listed)
	}
	if _, listed := r.File("main/x"); listed {
		t.Error("a file without a SHA-512 is listed")
	}
}

func TestFault_S03_ReleaseIsRefused(t *testing.T) {
	const date = "Date: Sat, 14 Nov 2026 12:00:00 UTC\n"
	for name, text := range map[string]string{
		"empty":               "",
		"no date":             "SHA512:\n " + zeros + " 1 a\n",
		"a local date":        "Date: Sat, 14 Nov 2026 12:00:00 CET\nSHA512:\n",
		"MD5 and SHA-1 only":  date + "MD5Sum:\n abc 1 a\nSHA1:\n abc 1 a\n",
		"SHA-256 only":        date + "SHA256:\n abc 1 a\n",
		"a short digest":      date + "SHA512:\n " + zeros[1:] + " 1 a\n",
		"a digest of letters": date + "SHA512:\n " + zeros[1:] + "g 1 a\n",
		"a negative size":     date + "SHA512:\n " + zeros + " -1 a\n",
		"no size":             date + "SHA512:\n " + zeros + " a\n",
		"a path upwards":      date + "SHA512:\n " + zeros + " 1 ../a\n",
		"a path from the top": date + "SHA512:\n " + zeros + " 1 /a\n",
		"a query in the path": date + "SHA512:\n " + zeros + " 1 a?b\n",
		"a path twice":        date + "SHA512:\n " + zeros + " 1 a\n " + ones + " 1 a\n",
		"two fields":          date + date + "SHA512:\n",
		"two stanzas":         date + "SHA512:\n " + zeros + " 1 a\n\n" + date,
		"a continued nothing": " x\n" + date + "SHA512:\n",
		"no field":            date + "hello\n",
		"a long line":         date + "X: " + strings.Repeat("x", maxLine) + "\nSHA512:\n",
	} {
		if r, err := ParseRelease([]byte(text)); err == nil {
			t.Errorf("%s: got %+v, want it refused", name, r)
		}
	}
}

func packageStanza(name, arch, version, filename string) string {
	return fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: %s\nDescription: x\n more\n .\n end\nFilename: %s\nSize: 12\nSHA512: %s\n\n", name, version, arch, filename, zeros)
}

func TestParsePackages(t *testing.T) {
	text := packageStanza("runsc", "amd64", "20260914.0", "pool/20260914.0/binary-amd64/runsc.deb") + "\n" +
		packageStanza("other", "amd64", "1", "pool/other.deb") + packageStanza("runsc", "arm64", "20260914.0", "pool/arm.deb") +
		strings.TrimRight(packageStanza("runsc", "amd64", "20260907.0", "./pool/old.deb"), "\n")
	all, err := ParsePackages(strings.NewReader(text), "runsc", "amd64")
	if err != nil || len(all) != 2 || all[0].Version != "20260914.0" || all[0].Deb.Path != "pool/20260914.0/binary-amd64/runsc.deb" || all[0].Deb.Size != 12 || all[1].Deb.Path != "pool/old.deb" {
		t.Errorf("got %+v, %v", all, err)
	}
	if all, err = ParsePackages(strings.NewReader(""), "runsc", "amd64"); err != nil || all != nil {
		t.Errorf("empty: got %+v, %v", all, err)
	}
}

func TestFault_S04_PackagesAreRefused(t *testing.T) {
	good := packageStanza("runsc", "amd64", "20260914.0", "pool/runsc.deb")
	for name, r := range map[string]io.Reader{
		"no SHA-512":      strings.NewReader(strings.Replace(good, "SHA512", "SHA256", 1)),
		"no size":         strings.NewReader(strings.Replace(good, "Size: 12\n", "", 1)),
		"no file":         strings.NewReader(strings.Replace(good, "Filename: pool/runsc.deb\n", "", 1)),
		"a path upwards":  strings.NewReader(strings.Replace(good, "pool/", "pool/../../", 1)),
		"a URL":           strings.NewReader(strings.Replace(good, "pool/", "https://example.com/", 1)),
		"no stanza":       strings.NewReader("<html>\n"),
		"more than limit": io.MultiReader(strings.NewReader(good), io.LimitReader(endless("Package: x\n\n"), MaxPackages)),
		"one long line":   io.LimitReader(endless("x"), MaxPackages),
	} {
		if all, err := ParsePackages(r, "runsc", "amd64"); err == nil {
			t.Errorf("%s: got %+v, want it refused", name, all)
		}
	}
}

// endless repeats a text for ever.
type endless string

func (e endless) Read(p []byte) (int, error) {
	n := 0
	for n+len(e) <= len(p) {
		n += copy(p[n:], e)
	}
	return n, nil
}

// FuzzStanzas: whatever a control file has, its stanzas are bounded, and their fields can be written and read again.
func FuzzStanzas(f *testing.F) {
	f.Add("A: b\n c\n\nD: e\n")
	f.Add(" x\n")
	f.Add("A:\n .\nA: twice\n")
	f.Fuzz(func(t *testing.T, text string) {
		for all := newStanzas(strings.NewReader(text)); ; {
			fields, err := all.next()
			if err != nil {
				return
			}
			if len(fields) == 0 || len(fields) > maxFields {
				t.Fatalf("got %d fields", len(fields))
			}
			var again strings.Builder
			for name, value := range fields {
				if !isFieldName(name) || name != strings.ToLower(name) {
					t.Fatalf("got a field %q", name)
				}
				if value == "" || strings.Contains(value, "\n\n") || strings.HasSuffix(value, "\n") {
					continue // an empty line would end the stanza
				}
				fmt.Fprintf(&again, "%s: %s\n", name, strings.ReplaceAll(value, "\n", "\n "))
			}
			second, err := newStanzas(strings.NewReader(again.String())).next()
			if again.Len() > 0 && (err != nil || len(second) > len(fields)) {
				t.Fatalf("%q: got %v, %v from %q", text, second, err, again.String())
			}
		}
	})
}
