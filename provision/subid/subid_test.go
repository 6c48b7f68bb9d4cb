package subid

import (
	"errors"
	"slices"
	"testing"
)

func parsed(t testing.TB, text string) []Range {
	t.Helper()
	ranges, err := Parse("/etc/subuid", text)
	if err != nil {
		t.Fatal(err)
	}
	return ranges
}

func TestParse(t *testing.T) {
	got := parsed(t, "# a comment\nalice:100000:65536\n\n 1000:200000:10 \n")
	want := []Range{{"alice", 100000, 65536}, {"1000", 200000, 10}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, text := range []string{"alice:100000", "alice:x:1", "alice:1:4294967296", ":1:1", "alice:-1:1", "a:1:1:1"} {
		_, err := Parse("/etc/subuid", "ok:1:1\n"+text+"\n")
		refused, ok := errors.AsType[*LineError](err)
		if !ok || refused.Line != 2 || refused.Text != text {
			t.Errorf("%q: got %v, want line 2 refused", text, err)
		}
	}
}

func TestOwners(t *testing.T) {
	ranges := parsed(t, "alice:100000:65536\n1000:300000:10\nbob:200000:65536\n")
	if got := Total(Of(ranges, Account{"alice", 1000})); got != 65546 {
		t.Errorf("by name and uid: got %d ids, want 65546", got)
	}
	if _, _, clash := Clash(ranges, Account{"alice", 1000}); clash {
		t.Error("got a clash, want none")
	}
	for _, more := range []string{"carol:165535:1\n", "carol:99999:2\n", "carol:0:4294967295\n", "alice:100000:1\n"} {
		if _, _, clash := Clash(append(parsed(t, more), ranges...), Account{"alice", 1000}); !clash {
			t.Errorf("%q: got no clash", more)
		}
	}
	for _, more := range []string{"carol:165536:1\n", "carol:99999:1\n", "carol:100000:0\n"} {
		if own, other, clash := Clash(append(parsed(t, more), ranges...), Account{"alice", 1000}); clash {
			t.Errorf("%q: got a clash of %v and %v", more, own, other)
		}
	}
}

func TestFree(t *testing.T) {
	tests := []struct {
		situation string
		taken     string
		uids      Limits
		hint      uint32
		want      uint32 // 0 means none
	}{
		{"nothing taken", "", DefaultLimits, 0, 100000},
		{"the first taken", "alice:100000:65536\n", DefaultLimits, 0, 165536},
		{"unsorted, with too small a gap", "b:165537:65536\na:100000:65536\n", DefaultLimits, 0, 231073},
		{"one within another", "a:100000:200000\nb:110000:10\n", DefaultLimits, 0, 300000},
		{"an empty one", "a:120000:0\n", DefaultLimits, 0, 100000},
		{"one id within", "app:120000:1\n", DefaultLimits, 0, 120001},
		{"a hint that is free", "", DefaultLimits, 300000, 300000},
		{"a hint that is taken", "alice:365535:1\n", DefaultLimits, 300000, 100000},
		{"a hint that login.defs forbids", "", Limits{500000, 600000}, 100000, 500000},
		{"login.defs", "", Limits{500000, 565535}, 0, 500000},
		{"too narrow by one", "", Limits{500000, 565534}, 0, 0},
		{"the end of all ids", "a:100000:4294867294\n", Limits{100000, 4294967295}, 0, 0},
		{"limits the wrong way round", "", Limits{600000, 500000}, 0, 0},
	}
	for _, tt := range tests {
		got, ok := Free(parsed(t, tt.taken), tt.uids, Limits{0, 4294967295}, 65536, tt.hint)
		if ok && got != tt.want || ok != (tt.want != 0) {
			t.Errorf("%s: got %d, %t, want %d", tt.situation, got, ok, tt.want)
		}
	}
}

func TestParseLimits(t *testing.T) {
	got := ParseLimits("# SUB_UID_MIN 1\nSUB_UID_MIN\t\t 200000\nSUB_UID_MAX 0x100000\nSUB_GID_MIN 7\nSUB_UID_COUNT x\n", "UID")
	if want := (Limits{200000, 0x100000}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := ParseLimits("SUB_UID_MIN many\n", "UID"); got != DefaultLimits {
		t.Errorf("got %v, want the default", got)
	}
}

func TestEntries(t *testing.T) {
	entries := ParseEntries("root:x:0:0:root:/root:/bin/bash\n+nis::0:0:::\nbroken\n1000:x:7:7::/:/\nalice:x:1000:1000::/:/\n")
	for name, want := range map[string]string{"alice": "alice", "0": "root", "1000": "1000", "7": "1000"} {
		if got, ok := Find(entries, name); !ok || got.Name != want {
			t.Errorf("%s: got %v, %t, want %s", name, got, ok, want)
		}
	}
	if got, ok := Find(entries, "nis"); ok {
		t.Errorf("got %v of NIS", got)
	}
}

func TestSource(t *testing.T) {
	for text, want := range map[string]string{"": "files", "passwd: files ldap\n": "files", "subid:\tsss # all\n": "sss", "subid: files": "files"} {
		if got := Source(text); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

// For any file, the allocated ids are free, and the edit only adds one line.
func FuzzAllocate(f *testing.F) {
	f.Add("alice:100000:65536\nbob:165536:65536", uint32(100000))
	f.Add("a:0:4294967295\n", uint32(0))
	f.Fuzz(func(t *testing.T, text string, hint uint32) {
		ranges, err := Parse("/etc/subuid", text)
		if err != nil {
			return
		}
		start, ok := Free(ranges, DefaultLimits, DefaultLimits, 65536, hint)
		if !ok {
			return
		}
		given := Range{"dockremap", start, 65536}
		for _, r := range ranges {
			if r.overlaps(given) {
				t.Fatalf("got %v, which %v overlaps", given, r)
			}
		}
		edited := Append(text, given)
		again, err := Parse("/etc/subuid", edited)
		if err != nil || !slices.Equal(again, append(ranges, given)) {
			t.Fatalf("got %v, %v after the edit, want %v and %v", again, err, ranges, given)
		}
		if !slices.Contains(ranges, given) && len(parsed(t, Drop(edited, given))) != len(ranges) {
			t.Fatalf("got %q after taking it back", Drop(edited, given))
		}
	})
}
