package daemon

import (
	"bufio"
	"net/http"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/status"
)

// Each of these dockerds tells a FIFO that it was asked to validate a text.
func TestDriftIsValidatedWhileDockerdIsAsked(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: other users do not run dockerd")
	}
	tests := []struct {
		situation, says string
		restarted       bool
		asked           int // how often it validates
		state           status.State
	}{
		{"accepted", "exit 0", false, 1, status.StateEnforced},
		{"refused", "echo no; exit 1", false, 2, status.StateFailing}, // once more, for a message about this very text
		{"after another start", "exit 0", true, 1, status.StateEnforced},
	}
	for _, test := range tests {
		t.Run(test.situation, func(t *testing.T) {
			t.Parallel()
			h := provisionedHost(t)
			if s := h.round(becauseTimer); s.State != status.StateEnforced {
				t.Fatalf("got %q, want nothing to do", s.Line)
			}
			fifo, program := h.path("asked"), h.path("dockerd")
			must(t, unix.Mkfifo(fifo, 0o600))
			told, err := os.OpenFile(fifo, os.O_RDWR, 0) // waits for no writer
			must(t, err)
			t.Cleanup(func() { told.Close() })
			must(t, os.WriteFile(program, []byte("#!/bin/sh\necho asked >"+fifo+"\n"+test.says+"\n"), 0o755))
			h.units.set(func(u *host.Unit) {
				u.ExecStart = []string{program, "-H", "fd://"}
				if test.restarted {
					u.InvocationID = strings.Repeat("b", 32)
				}
			})

			asked := make(chan string, 10)
			go func() {
				for lines := bufio.NewScanner(told); lines.Scan(); {
					asked <- lines.Text()
				}
			}()
			begun := 0
			h.dockerd.HandleFunc("GET /info", func(w http.ResponseWriter, r *http.Request) {
				if begun == 0 && !test.restarted { // the first answer comes after the first validation has begun
					select {
					case <-asked:
						begun++
					case <-r.Context().Done():
						return
					}
				}
				r.Method = http.MethodPost // the answer of the fake, which takes any method
				h.dockerd.ServeMux.ServeHTTP(w, r)
			})
			h.editDaemonJSON(right, wrong)
			if s := h.round(becauseFiles); s.State != test.state {
				t.Errorf("got %s, %q, want %s", s.State, s.Line, test.state)
			}
			if _, err := told.WriteString("end\n"); err != nil {
				t.Fatal(err)
			}
			for <-asked != "end" {
				begun++
			}
			if begun != test.asked {
				t.Errorf("dockerd validated %d times, want %d", begun, test.asked)
			}
		})
	}
}
