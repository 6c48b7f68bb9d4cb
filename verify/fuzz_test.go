package verify

import (
	"bytes"
	"strings"
	"testing"
	"unicode"
)

func FuzzCmdline(f *testing.F) {
	f.Add([]byte("runsc-sandbox\x00boot\x00id\x00"))
	f.Add([]byte("nginx: worker\n"))
	f.Add([]byte("\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		argv := parseCmdline(b)
		joined := []byte(strings.Join(argv, "\x00"))
		if len(b) > 0 && !bytes.Equal(bytes.TrimSuffix(b, []byte{0}), joined) {
			t.Errorf("got %q of %q", argv, b)
		}
		for _, arg := range argv {
			if strings.Contains(arg, "\x00") {
				t.Errorf("got an argument with a NUL: %q", arg)
			}
		}
	})
}

func FuzzStat(f *testing.F) {
	f.Add("sleep", 5, uint64(99))
	f.Add("a) S 1 (b", 5, uint64(99))
	f.Add("\n8 (x) R", 5, uint64(1<<63))
	f.Fuzz(func(t *testing.T, comm string, parent int, start uint64) {
		parent &= 1<<31 - 1
		got, err := parseStat([]byte(fakeStat(fakeProcess{pid: 7, comm: comm, parent: parent, start: start})))
		if want := (stat{7, parent, start}); err != nil || got != want {
			t.Errorf("name %q: got %+v, %v, want %+v", comm, got, err, want)
		}
		_, _ = parseStat([]byte(comm))
	})
}

// FuzzText gives one text to every other parser: none may panic, and none may
// find a sandbox's properties in a text without them.
func FuzzText(f *testing.F) {
	for _, seed := range []string{sandboxStatus, sandboxMounts, overlayMounts, identityMap, hybridCgroup, "user:[1]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		b := []byte(text)
		if s, err := parseStatus(b); err == nil && s.noNewPrivs && !strings.Contains(text, "NoNewPrivs:") {
			t.Errorf("no-new-privs of %q", text)
		}
		if m, err := parseRoot(b); err == nil && m.FSType == "" {
			t.Errorf("a root without a type of %q", text)
		}
		if ranges, err := parseIDMap(b); err == nil && len(ranges) > len(text)/5 {
			t.Errorf("%d ranges of %d bytes", len(ranges), len(text))
		}
		if groups, err := parseCgroups(b); err == nil {
			for _, g := range groups {
				for _, id := range containerIDs(g.Path) {
					if len(id) != 64 || !strings.Contains(text, id) {
						t.Errorf("id %q of %q", id, text)
					}
				}
			}
		}
		_, _ = parseNamespace("user", text)
		for _, r := range Printable(text) {
			if unicode.IsControl(r) {
				t.Errorf("a control character in %q", Printable(text))
			}
		}
	})
}
