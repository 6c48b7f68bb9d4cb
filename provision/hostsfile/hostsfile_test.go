package hostsfile

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const byDocker26 = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\nff00::0\tip6-mcastprefix\n" +
	"ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n172.18.0.3\tweb\n"

// done is a text after an edit, as the file has it.
func done(text string, e Edit) string {
	file := []byte(text + e.Append)
	for _, o := range e.Overwrite {
		copy(file[o.Offset:], o.Text)
	}
	return string(file)
}

// foreign are the lines of others, in order.
func foreign(text string) (lines []string) {
	for line := range strings.Lines(text) {
		if !strings.HasSuffix(line, Mark+"\n") {
			lines = append(lines, line)
		}
	}
	return lines
}

// own are our lines with an address, sorted.
func own(text string) (lines []string) {
	for line := range strings.Lines(text) {
		if strings.HasSuffix(line, Mark+"\n") && line[0] != '#' {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return lines
}

func record(addr string, names ...string) Record {
	return Record{Addr: netip.MustParseAddr(addr), Names: names}
}

func madeLines(t *testing.T, records ...Record) []string {
	t.Helper()
	lines, skipped := Lines(records)
	if skipped != 0 {
		t.Fatalf("%d names were skipped", skipped)
	}
	return lines
}

func TestLines(t *testing.T) {
	got, cut := Lines([]Record{
		record("172.18.0.2", "db.app", "db"), record("fd00::2", "a b", "new\nline", "#x", "1.2.3.4", "", "ü", strings.Repeat("x", 254)),
		record("fd00::3", "_srv.a-b"),
	})
	want := []string{"172.18.0.2\tdb.app db " + Mark + "\n", "fd00::3\t_srv.a-b " + Mark + "\n"}
	if diff := cmp.Diff(want, got); diff != "" || cut != 0 {
		t.Errorf("cut %d, -want +got:\n%s", cut, diff)
	}
}

func TestLines_ManyNamesAreLimited(t *testing.T) {
	var names []string
	for i := range 10_000 {
		names = append(names, fmt.Sprintf("alias-with-a-long-name-%d.example.com", i))
	}
	lines, skipped := Lines([]Record{record("10.0.0.2", names...)})
	size, found := 0, 0
	for _, line := range lines {
		if size += len(line); len(line) > maxLine || !strings.HasPrefix(line, "10.0.0.2\t") || !strings.HasSuffix(line, " "+Mark+"\n") {
			t.Fatalf("a line of %d bytes: %.80q…", len(line), line)
		}
		found += len(strings.Fields(line)) - 3
	}
	if size > MaxBlock || found+skipped != len(names) || skipped == 0 {
		t.Errorf("%d bytes, %d names and %d skipped", size, found, skipped)
	}
}

// A container with many aliases takes no room from others.
func TestLines_ManyNamesOfOne(t *testing.T) {
	hog := record("10.0.0.2", "hog")
	for i := range 10_000 {
		hog.Names = append(hog.Names, fmt.Sprintf("alias-with-a-long-name-%d.example.com", i))
	}
	lines, cut := Lines([]Record{hog, record("10.0.0.3", "db.app", "db")})
	if !slices.Contains(lines, "10.0.0.3\tdb.app db "+Mark+"\n") || cut == 0 {
		t.Errorf("db has no line, and %d names are cut", cut)
	}
}

// In an edited file, what is no longer true goes, and nothing is added.
func TestRetire(t *testing.T) {
	db, cache := "172.18.0.2\tdb "+Mark+"\n", "172.18.0.9\tcache "+Mark+"\n"
	text := byDocker26 + db + "1.2.3.4\tmine\n" + cache
	got := done(text, Retire(text, []string{cache, "172.18.0.7\tnew " + Mark + "\n"}))
	if want := byDocker26 + strings.Repeat("#", len(db)-len(Mark)-1) + Mark + "\n1.2.3.4\tmine\n" + cache; got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestAnswers(t *testing.T) {
	got := Answers("10.0.0.2\tDB db.app # x\n10.0.0.3\tdb # x\nnot-an-address\tdb\n#10.0.0.9\tgone\n")
	if !slices.Equal(got["db"], []netip.Addr{netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.0.3")}) || len(got) != 2 {
		t.Errorf("got %v", got)
	}
}

func TestMaintain(t *testing.T) {
	db, cache := "172.18.0.2\tdb "+Mark+"\n", "172.18.0.9\tcache redis "+Mark+"\n"
	for _, tt := range []struct {
		situation, text string
		want            []string
		wantText        string
	}{
		{"the first time", byDocker26, []string{db}, byDocker26 + db},
		{"nothing to do", byDocker26 + db, []string{db}, byDocker26 + db},
		{"nothing wanted", byDocker26, nil, byDocker26},
		{"one more", byDocker26 + db, []string{cache, db}, byDocker26 + db + cache},
		{"dockerd has added a line", byDocker26 + db + "172.19.0.2\tweb\n", []string{cache, db}, byDocker26 + db + "172.19.0.2\tweb\n" + cache},
		{"gone", byDocker26 + db, nil, byDocker26 + "####### " + "x" /* replaced below */},
		{"another of the same length", byDocker26 + db, []string{"172.18.0.3\tdb " + Mark + "\n"}, byDocker26 + "172.18.0.3\tdb " + Mark + "\n"},
		{"a shorter one does not fit with its filler", byDocker26 + db, []string{"1.2.3.4\tdb " + Mark + "\n"}, byDocker26 + strings.Repeat("#", len(db)-len(Mark)-1) + Mark + "\n" + "1.2.3.4\tdb " + Mark + "\n"},
		{"in the place of two", byDocker26 + db + cache, []string{"1.2.3.4\tdb " + Mark + "\n"}, byDocker26 + "1.2.3.4\tdb " + Mark + "\n" + strings.Repeat("#", len(db+cache)-len("1.2.3.4\tdb \n"+Mark)-len(Mark)-1) + Mark + "\n"},
		{"a line of ours that was cut short and a hole", byDocker26 + "\x00\x00\x00.2\tdb " + Mark + "\n", []string{db}, byDocker26 + strings.Repeat("#", len("\x00\x00\x00.2\tdb ")) + Mark + "\n" + db},
	} {
		t.Run(tt.situation, func(t *testing.T) {
			if tt.situation == "gone" {
				tt.wantText = byDocker26 + strings.Repeat("#", len(db)-len(Mark)-1) + Mark + "\n"
			}
			edit := Maintain(tt.text, tt.want)
			got := done(tt.text, edit)
			if diff := cmp.Diff(tt.wantText, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if again := Maintain(got, tt.want); !again.IsEmpty() {
				t.Errorf("the second time: %+v", again)
			}
		})
	}
}

func TestClear(t *testing.T) {
	db := "172.18.0.2\tdb " + Mark + "\n"
	for _, tt := range []struct {
		situation, text, want string
		ours                  bool
	}{
		{"nothing of ours", byDocker26, byDocker26, false},
		{"at the end", byDocker26 + db, byDocker26, true},
		{"in between", byDocker26 + db + "172.19.0.2\tweb\n" + db, byDocker26 + "172.19.0.2\tweb\n", true},
	} {
		tail, ours := Clear(tt.text)
		got := tt.text
		if ours {
			got = tt.text[:tail.Offset] + tail.Text
		}
		if got != tt.want || ours != tt.ours {
			t.Errorf("%s: got %t, %q", tt.situation, ours, got)
		}
	}
}

func TestCheckHosts(t *testing.T) {
	own := map[string]bool{"web": true, "web.example.com": true, "extra": true}
	for _, tt := range []struct{ situation, text, want string }{
		{"Docker 26", byDocker26, ""},
		{"Docker 29", strings.ReplaceAll(byDocker26, "::0", "::"), ""},
		{"without IPv6", "127.0.0.1\tlocalhost\n172.18.0.3\tweb\n", ""},
		{"with a domain and an extra host", byDocker26 + "10.0.0.1\tExtra\n172.19.0.2\tweb.example.com web\n", ""},
		{"with lines of ours", byDocker26 + "172.18.0.2\tdb " + Mark + "\n", ""},
		{"empty: dockerd has just truncated it", "", "incomplete"},
		{"cut short", byDocker26[:len(byDocker26)-1], "incomplete"},
		{"without localhost", "172.18.0.3\tweb\n", "incomplete"},
		{"another name", byDocker26 + "1.2.3.4\tevil\n", "edited"},
		{"a name beside the hostname", byDocker26 + "172.18.0.3\tweb evil\n", "edited"},
		{"a comment", byDocker26 + "# mine\n", "edited"},
		{"an empty line", byDocker26 + "\n", "edited"},
		{"blanks in place of a tab", byDocker26 + "172.18.0.3 web\n", "edited"},
	} {
		got := ""
		err := CheckHosts(tt.text, own)
		var incomplete *IncompleteError
		var edited *EditedError
		switch {
		case errors.As(err, &incomplete):
			got = "incomplete"
		case errors.As(err, &edited):
			got = "edited"
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.situation, got, tt.want)
		}
	}
}

// FuzzMaintain: whatever is in the file, no byte of others changes, no line of ours is missing, and the file only grows.
func FuzzMaintain(f *testing.F) {
	f.Add(byDocker26, "db 1.2.3.4\ncache 10.0.0.1")
	f.Add(byDocker26+"172.18.0.2\tdb "+Mark+"\n172.19.0.2\tweb\n######"+Mark+"\n", "a 1.1.1.1\nbbbbbbbbbbbbbbbbbbbbbbbb ::1")
	f.Add(strings.Repeat("#", 9000)+Mark+"\n", "x 1.2.3.4")
	f.Fuzz(func(t *testing.T, text, wanted string) {
		if text != "" && !strings.HasSuffix(text, "\n") {
			t.Skip()
		}
		var records []Record
		for line := range strings.Lines(wanted) {
			name, text, _ := strings.Cut(strings.TrimSpace(line), " ")
			if addr, err := netip.ParseAddr(text); err == nil {
				records = append(records, Record{addr, []string{name}})
			}
		}
		want, _ := Lines(records)
		got := done(text, Maintain(text, want))
		if !slices.Equal(foreign(text), foreign(got)) {
			t.Errorf("lines of others changed:\n%q\n%q", text, got)
		}
		sorted := slices.Sorted(slices.Values(want))
		if !slices.Equal(own(got), sorted) {
			t.Errorf("got %q, want %q", own(got), sorted)
		}
		if len(got) < len(text) {
			t.Errorf("the file has shrunk from %d to %d bytes", len(text), len(got))
		}
		if !Maintain(got, want).IsEmpty() {
			t.Error("the second edit has something to do")
		}
		if tail, ours := Clear(got); ours && got[:tail.Offset]+tail.Text != strings.Join(foreign(text), "") {
			t.Errorf("after Clear: %q", got[:tail.Offset]+tail.Text)
		}
	})
}

// Lines that come and go use the room of earlier ones: the file does not grow for ever.
func TestMaintain_UsesItsRoomAgain(t *testing.T) {
	text, longest := byDocker26, 0
	for round := range 2000 {
		var records []Record
		for i := range 1 + round%7 {
			records = append(records, record(fmt.Sprintf("172.18.%d.%d", round%200, i+2), fmt.Sprintf("c%d.app", round*7+i), "svc"))
		}
		text = done(text, Maintain(text, madeLines(t, records...)))
		if round == 100 {
			longest = len(text)
		}
	}
	if len(text) > 2*longest {
		t.Errorf("%d bytes after 100 rounds, %d after 2000", longest, len(text))
	}
}
