package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"runsc-provisioner/test/fakedockerd"
)

// hung is how long nothing has happened when a test has failed.
const hung = time.Minute

// streamEvents makes the fake send lines and then wait until the client leaves,
// or hang up.
func streamEvents(f *fakeDockerd, hangUp bool, lines ...string) {
	f.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.(http.Flusher).Flush()
		for _, line := range lines {
			io.WriteString(w, line+"\n")
			w.(http.Flusher).Flush()
		}
		if !hangUp {
			<-r.Context().Done()
		}
	})
}

const (
	reloadLine  = `{"Type":"daemon","Action":"reload","Actor":{"ID":"6WXA:B2LS","Attributes":{"default-runtime":"runsc","runtimes":"runc:{runc [] <nil>}"}},"scope":"local","time":1767323045,"timeNano":1767323045678901234}`
	startedLine = `{"status":"start","id":"aa","from":"busybox","Type":"container","Action":"start","Actor":{"ID":"aa","Attributes":{"image":"busybox","name":"web"}},"scope":"local","time":1767323046,"timeNano":1767323046000000000}`
)

func TestEvents(t *testing.T) {
	for api, f := range map[string]*fakeDockerd{"1.41": newFakeDockerd(t, 12, 41), "1.52": newFakeDockerd(t, 44, 52)} {
		ctx, cancel := context.WithCancel(t.Context())
		streamEvents(f, false, reloadLine, startedLine)
		happened, ended := f.open().Events(ctx, time.Now())
		want := []Event{
			{Type: "daemon", Action: "reload", ID: "6WXA:B2LS", Time: time.Unix(0, 1767323045678901234),
				Attributes: map[string]string{"default-runtime": "runsc", "runtimes": "runc:{runc [] <nil>}"}},
			{Type: "container", Action: "start", ID: "aa", Time: time.Unix(1767323046, 0),
				Attributes: map[string]string{"image": "busybox", "name": "web"}},
		}
		for _, want := range want {
			if got := <-happened; !reflect.DeepEqual(got, want) {
				t.Errorf("API %s: got  %+v\nwant %+v", api, got, want)
			}
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("API %s: got %v, want %v", api, err, context.Canceled)
		}
		if _, open := <-happened; open {
			t.Errorf("API %s: got another event, want the channel closed", api)
		}
		if _, open := <-ended; open {
			t.Errorf("API %s: got another error, want the channel closed", api)
		}
	}
}

func TestEventsAsksForWhatHappensSinceATime(t *testing.T) {
	f := newFakeDockerd(t, 44, 52)
	query := make(chan map[string][]string, 1)
	f.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) { query <- r.URL.Query() })
	_, ended := f.open().Events(t.Context(), time.Unix(1000, 5))
	<-ended
	got := <-query
	if since := got["since"][0]; since != "1000.000000005" {
		t.Errorf("since: got %s", since)
	}
	var filters map[string]map[string]bool
	if err := json.Unmarshal([]byte(got["filters"][0]), &filters); err != nil {
		t.Fatal(err)
	}
	want := map[string]map[string]bool{
		"type":  {"daemon": true, "container": true},
		"event": {"reload": true, "create": true, "start": true, "die": true, "destroy": true},
	}
	if !reflect.DeepEqual(filters, want) {
		t.Errorf("filters: got %v, want %v", filters, want)
	}
}

func TestFault_E07_EventsEndWithDockerd(t *testing.T) {
	tests := []struct {
		situation string
		lines     []string
		want      string
	}{
		{"dockerd ends", []string{reloadLine}, "EOF"},
		{"line cut short", []string{reloadLine, reloadLine[:20]}, "invalid character '\\n'"},
		{"not JSON", []string{reloadLine, "<html>"}, "invalid character"},
	}
	for _, tt := range tests {
		t.Run(tt.situation, func(t *testing.T) {
			f := newFakeDockerd(t, 44, 52)
			streamEvents(f, true, tt.lines...)
			happened, ended := f.open().Events(t.Context(), time.Now())
			if got := <-happened; got.Action != "reload" {
				t.Errorf("got %+v, want the reload", got)
			}
			if err := <-ended; err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

// The author of an image's labels chooses how long an event is. It becomes a
// lost event, and the stream goes on.
func TestFault_V09_OverlongEventIsLostAndTheNextIsNot(t *testing.T) {
	label := func(n int) string {
		return `{"Type":"container","Actor":{"Attributes":{"label":"` + strings.Repeat("x", n) + `"}}}`
	}
	fits := maxEvent - len(label(0)) - len("\n")
	for _, tt := range []struct {
		situation string
		lines     []string
		want      string
	}{
		{"too long by a byte", []string{label(fits + 1), reloadLine}, "lost reload"},
		{"as long as allowed", []string{label(fits), reloadLine}, "container reload"},
		{"much too long, and twice", []string{reloadLine, label(5 * maxEvent), label(3 * maxEvent), reloadLine}, "reload lost lost reload"},
	} {
		t.Run(tt.situation, func(t *testing.T) {
			f := newFakeDockerd(t, 44, 52)
			streamEvents(f, true, tt.lines...)
			happened, ended := f.open().Events(t.Context(), time.Now())
			var got []string
			for e := range happened {
				got = append(got, cmp.Or(e.Action, e.Type))
			}
			if err := <-ended; strings.Join(got, " ") != tt.want || !errors.Is(err, io.EOF) {
				t.Errorf("got %q and %v, want %q and EOF", got, err, tt.want)
			}
		})
	}
}

func TestEventsThatAreRefused(t *testing.T) {
	f := newFakeDockerd(t, 44, 52)
	f.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) { fakedockerd.Refuse(w, 500, "no events today") })
	happened, ended := f.open().Events(t.Context(), time.Now())
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "no events today") {
		t.Errorf("got %v, want dockerd's message", err)
	}
	if _, open := <-happened; open {
		t.Error("got an event, want the channel closed")
	}

	c, err := Open(f.Socket + ".gone")
	if err != nil {
		t.Fatal(err)
	}
	happened, ended = c.Events(t.Context(), time.Now())
	if err := <-ended; err == nil {
		t.Error("no socket: got nil, want an error")
	}
	if _, open := <-happened; open {
		t.Error("no socket: got an event, want the channel closed")
	}
}

func TestManyEventsTogetherExceedTheLimitOfOne(t *testing.T) {
	f := newFakeDockerd(t, 44, 52)
	const n = 3 * maxEvent / len(reloadLine)
	streamEvents(f, true, strings.TrimSuffix(strings.Repeat(reloadLine+"\n", n), "\n"))
	happened, ended := f.open().Events(t.Context(), time.Now())
	got := 0
	for range happened {
		got++
	}
	if err := <-ended; got != n || !errors.Is(err, io.EOF) {
		t.Errorf("got %d events and %v, want %d and EOF", got, err, n)
	}
}

func TestUnreadEventsLeaveNothingRunning(t *testing.T) {
	f := newFakeDockerd(t, 44, 52)
	streamEvents(f, false, reloadLine, reloadLine, reloadLine)
	c := f.open()
	if err := ping(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	for range 5 {
		ctx, cancel := context.WithCancel(t.Context())
		happened, ended := c.Events(ctx, time.Now())
		<-happened
		for range 20 { // time for the next one to come
			if err := ping(ctx, c); err != nil {
				t.Fatal(err)
			}
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
	}
	deadline := time.Now().Add(hung)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("got %d goroutines, want %d:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
		runtime.Gosched()
	}
}

func TestReloadedSince(t *testing.T) {
	for _, test := range []struct {
		lines []string
		want  bool
	}{{nil, false}, {[]string{reloadLine}, true}} {
		f := newFakeDockerd(t, 12, 41)
		streamEvents(f, true, test.lines...)
		if got, err := f.open().ReloadedSince(t.Context(), time.Unix(1, 0)); err != nil || got != test.want {
			t.Errorf("%d events: got %t, %v, want %t", len(test.lines), got, err, test.want)
		}
	}
	f := newFakeDockerd(t, 12, 41)
	if got, err := f.open().ReloadedSince(t.Context(), time.Unix(1, 0)); err == nil || got {
		t.Errorf("no such path: got %t, %v, want an error", got, err)
	}
}

func TestPlugins(t *testing.T) {
	f := newFakeDockerd(t, 12, 41)
	f.AnswerText("/plugins", `[{"Id":"ab","Name":"opa:latest","Enabled":true,"Config":{}}]`)
	got, err := f.open().Plugins(t.Context())
	if want := []Plugin{{ID: "ab", Name: "opa:latest", Enabled: true}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}
