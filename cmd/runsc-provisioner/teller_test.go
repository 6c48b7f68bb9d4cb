package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"runsc-provisioner/provision/status"
)

// Users who search the journal by MESSAGE_ID have the id from the docs.
func TestMessageIDs(t *testing.T) {
	docs, err := os.ReadFile("../../docs/daemon.md")
	if err != nil {
		t.Fatal(err)
	}
	priorities := map[status.Severity]string{status.Info: "info", status.Warning: "warning", status.Alert: "err"}
	seen := map[string]status.Kind{}
	source, err := os.ReadFile("../../provision/status/notice.go")
	if err != nil {
		t.Fatal(err)
	}
	kinds := regexp.MustCompile(`(?m)^\t\w+ +Kind = "([a-z-]+)"`).FindAllSubmatch(source, -1)
	if len(kinds) == 0 {
		t.Fatal("no kind of notice in the source")
	}
	for _, match := range kinds {
		kind := status.Kind(match[1])
		id := messageID(kind)
		if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(id) {
			t.Errorf("%s: got %q, want 32 hex digits", kind, id)
		}
		if other, taken := seen[id]; taken {
			t.Errorf("%s has the same id as %s", kind, other)
		}
		seen[id] = kind
		if row := fmt.Sprintf("| `%s` | %s | `%s` |", kind, priorities[kind.Severity()], id); !bytes.Contains(docs, []byte(row)) {
			t.Errorf("docs/daemon.md has no row %s", row)
		}
	}
}

func TestFault_V09_NoticesArePrintable(t *testing.T) {
	var stderr bytes.Buffer
	notices := (&app{console: console{stderr: &stderr}}).newDaemonLog()
	notices.journal = false
	notices.write(status.Notice{Kind: status.Unsandboxed, Text: "container \"a\x1b[2J\nb\" runs", Fields: map[string]string{"CONTAINER_NAME": "a\x1b[2J\nb"}})
	got := stderr.String()
	if strings.Count(got, "\n") != 1 || strings.Contains(got, "\x1b") || strings.Contains(got, `\u001b`) {
		t.Errorf("got %q, want one line without control characters", got)
	}
	for _, want := range []string{`"MESSAGE_ID":"` + messageID(status.Unsandboxed), `"level":"error"`, `RUNSC_CONTAINER_NAME`} {
		if !strings.Contains(got, want) {
			t.Errorf("got %q, want %s in it", got, want)
		}
	}
}
