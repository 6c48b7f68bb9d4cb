package trial

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/test/fakedockerd"
)

func TestTrialFromStartToEnd(t *testing.T) {
	f := newFake(t)
	trial, err := Start(t.Context(), f.open(), ownSpec(t))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"0:0 755 init \x7fELF and so on"}, f.ImageEntries()); diff != "" {
		t.Errorf("image (-want +got):\n%s", diff)
	}
	if trial.ID != idA || trial.PID != 4711 || trial.Runtime != "runsc" || trial.Name != ownName || trial.ImageID != "sha256:11" {
		t.Errorf("got %+v", trial.Container)
	}
	for range 2 {
		if line, err := trial.Line(t.Context()); err != nil || line != "4.19.0-gvisor" {
			t.Errorf("Line: got %q, %v", line, err)
		}
	}
	if err := trial.End(t.Context()); err != nil {
		t.Errorf("End: %v", err)
	}
	f.RequireNothingLeft()
	asked := len(f.Questions())
	if err := trial.End(t.Context()); err != nil || len(f.Questions()) != asked {
		t.Errorf("End again: got %v after %q, want no more questions", err, f.Questions()[asked:])
	}
	if got := f.WasAsked("DELETE /containers/ID"); got != 0 {
		t.Errorf("a container that ended and removed itself was removed %d times", got)
	}
}

func TestTrialHasNoPrivilegesAndNoDefaultsOfDockerd(t *testing.T) {
	f := newFake(t)
	trial, err := Start(t.Context(), f.open(), ownSpec(t))
	if err != nil {
		t.Fatal(err)
	}
	defer trial.End(t.Context())
	type object = map[string]any
	want := object{
		"Image": ownName, "Entrypoint": []any{"/init"}, "Cmd": []any{"proof-init"}, "User": "0:0", "Labels": nil, "Healthcheck": nil,
		"AttachStdin": true, "AttachStdout": true, "AttachStderr": true, "OpenStdin": true, "StdinOnce": true, "Tty": false,
	}
	wantHost := object{
		"Runtime": "runsc", "AutoRemove": true, "ReadonlyRootfs": false, "Privileged": false, "Init": false,
		"CapAdd": nil, "CapDrop": []any{"ALL"}, "SecurityOpt": []any{"no-new-privileges"}, "Binds": nil, "Mounts": nil,
		"NetworkMode": "none", "IpcMode": "private", "PidMode": "", "UsernsMode": "",
		"LogConfig": object{"Type": "none", "Config": nil}, "RestartPolicy": object{"Name": "no", "MaximumRetryCount": 0.0},
		"Memory": 0.0, "PidsLimit": nil,
	}
	host, _ := f.Created()["HostConfig"].(object)
	for _, part := range []struct{ got, want object }{{f.Created(), want}, {host, wantHost}} {
		got := object{}
		for key := range part.want {
			got[key] = part.got[key]
		}
		if diff := cmp.Diff(part.want, got); diff != "" {
			t.Errorf("created (-want +got):\n%s", diff)
		}
	}
}

func TestTrialLine(t *testing.T) {
	tests := []struct {
		situation    string
		process      func(stdin io.Reader, stdout, stderr io.Writer)
		want         string
		wantErr      string
		outputLength int
	}{
		{"in pieces, and more after it", func(_ io.Reader, stdout, stderr io.Writer) {
			for _, piece := range []string{"a", "", "b", "c\nd", "\n"} {
				io.WriteString(stdout, piece)
				io.WriteString(stderr, "noise\n")
			}
		}, "abc", "", 0},
		{"empty", func(_ io.Reader, stdout, _ io.Writer) { io.WriteString(stdout, "\n") }, "", "", 0},
		{"as long as allowed", func(_ io.Reader, stdout, _ io.Writer) { io.WriteString(stdout, strings.Repeat("x", maxLine)+"\n") },
			strings.Repeat("x", maxLine), "", 0},
		{"longer", func(_ io.Reader, stdout, _ io.Writer) {
			for range 1000 {
				io.WriteString(stdout, strings.Repeat("x", 10_000))
			}
		}, "", "longer than 4096 bytes", 0},
		{"no line", func(_ io.Reader, stdout, stderr io.Writer) {
			io.WriteString(stdout, "abc")
			io.WriteString(stderr, "panic: out of luck")
		}, "", "ended before there was a line", len("panic: out of luck")},
		{"only endless errors", func(_ io.Reader, _, stderr io.Writer) {
			for range 1000 {
				io.WriteString(stderr, strings.Repeat("x", 1000))
			}
		}, "", "ended before there was a line", maxErrors},
		{"not a stream of dockerd", func(_ io.Reader, stdout, _ io.Writer) {
			stdout.(fakedockerd.Frames).Conn.Write([]byte("HTTP/1.1 500 Internal Server Error\r\n\r\n"))
		}, "", "ended before there was a line", 0},
	}
	for _, tt := range tests {
		t.Run(tt.situation, func(t *testing.T) {
			f := newFake(t)
			inspected := make(chan struct{})
			f.After = func(question string) {
				if question == "GET /containers/ID/json" {
					close(inspected)
				}
			}
			f.Process = func(stdin io.Reader, stdout, stderr io.Writer) {
				<-inspected
				tt.process(stdin, stdout, stderr)
			}
			trial, err := Start(t.Context(), f.open(), ownSpec(t))
			if err != nil {
				t.Fatal(err)
			}
			line, err := trial.Line(t.Context())
			if tt.wantErr == "" && (err != nil || line != tt.want) {
				t.Errorf("got %q, %v, want %q", line, err, tt.want)
			}
			if tt.wantErr != "" {
				failure, ok := errors.AsType[*Error](err)
				if !ok || failure.Act != "read" || !strings.Contains(err.Error(), tt.wantErr) || len(failure.Output) != tt.outputLength {
					t.Errorf("got %+v, want one with %q and %d bytes of output", err, tt.wantErr, tt.outputLength)
				}
			}
			if err := trial.End(t.Context()); err != nil {
				t.Errorf("End: %v", err)
			}
			if got := len(trial.output.stdout); got > maxLine+1 {
				t.Errorf("got %d bytes kept, want at most %d", got, maxLine+1)
			}
			f.RequireNothingLeft()
		})
	}
}

func TestTrialThatDoesNotEndIsKilled(t *testing.T) {
	f := newFake(t)
	forever := make(chan struct{})
	defer close(forever)
	f.Process = func(io.Reader, io.Writer, io.Writer) { <-forever }
	trial, err := Start(t.Context(), f.open(), ownSpec(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := trial.Line(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Line: got %v, want %v", err, context.DeadlineExceeded)
	}
	if err := trial.End(ctx); err != nil {
		t.Errorf("End: %v", err)
	}
	f.RequireNothingLeft()
}

func TestTrialsThatAreRefused(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ situation, name, init, want string }{
		{"another program's name", "web", "", "not a trial's name"},
		{"a name and more", ownName + "\n", "", "not a trial's name"},
		{"another image", ownName + ":v1", "", "not a trial's name"},
		{"nothing after the prefix", Prefix, "", "not a trial's name"},
		{"no program", ownName, filepath.Join(t.TempDir(), "none"), "no such file"},
		{"a directory", ownName, t.TempDir(), "not a regular file"},
		{"a FIFO", ownName, fifo, "not a regular file"},
	}
	for _, tt := range tests {
		t.Run(tt.situation, func(t *testing.T) {
			f := newFake(t)
			spec := ownSpec(t)
			spec.Name = tt.name
			if tt.init != "" {
				spec.Init = tt.init
			}
			if _, err := Start(t.Context(), f.open(), spec); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
			if got := f.WasAsked("POST /images/create"); got != 0 {
				t.Errorf("got %d imports, want 0", got)
			}
		})
	}
}
