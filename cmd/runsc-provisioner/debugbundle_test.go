package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// unpacked are the files of a bundle.
func unpacked(t *testing.T, bundle string) map[string]string {
	t.Helper()
	zip, err := gzip.NewReader(strings.NewReader(bundle))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for tarball := tar.NewReader(zip); ; {
		header, err := tarball.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		text, readErr := io.ReadAll(tarball)
		if err := errors.Join(err, readErr); err != nil {
			t.Fatal(err)
		}
		files[strings.TrimPrefix(header.Name, "runsc-provisioner-debug/")] = string(text)
	}
}

var bundled = []string{"config.txt", "daemon.json.txt", "docker.service.txt", "dockerd.txt", "doctor.txt", "journal.txt", "plan.txt",
	"releases.txt", "status.txt", "verify.json", "verify.txt", "version.txt"}

func TestDebugBundle_IsCompleteAndPrintableOnABrokenHost(t *testing.T) {
	for situation, daemonJSON := range map[string]string{
		"all is well":           `{"labels": ["hunter2"]}`,
		"daemon.json is broken": `{"labels": ["hunter2"],}`,
	} {
		t.Run(situation, func(t *testing.T) {
			h := freshHost(t, daemonJSON)
			h.container([]string{"--token=hunter2\x1b", "runc"})
			h.units.said = []string{"a \x1b[31mline\u202e\u009b", "password=hunter2"}
			h.units.unit.Environment = []string{"PGKEY=/hunter2"}
			h.units.unit.ExecStart = append(h.units.unit.ExecStart, "--label", "/hunter2")
			files := unpacked(t, h.want(exitDone, "debug-bundle", "-").stdout)
			if diff := cmp.Diff(bundled, slices.Sorted(maps.Keys(files))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for name, text := range files {
				if strings.Contains(text, "hunter2") {
					t.Errorf("%s: got a secret in it, want none:\n%s", name, text)
				}
				if strings.HasSuffix(name, ".json") && !json.Valid([]byte(text)) {
					t.Errorf("%s: got\n%s\nwant JSON", name, text)
				}
				for _, r := range text {
					if r != '\n' && r != '\t' && unsafeRune(r) {
						t.Errorf("%s: got %q in it, want only printable text", name, r)
					}
				}
			}
			if want := "a \\x1b[31mline\\u202e\\u009b\npassword=…\n"; files["journal.txt"] != want {
				t.Errorf("journal.txt: got %q, want %q", files["journal.txt"], want)
			}
			if want := "{\"labels\": [\"***\"]"; !strings.Contains(files["daemon.json.txt"], want) {
				t.Errorf("daemon.json.txt: got %q, want %q in it", files["daemon.json.txt"], want)
			}
			if want := "flags /usr/bin/dockerd -H fd:// --label …\nversion 26.1.5\n"; !strings.HasPrefix(files["dockerd.txt"], want) {
				t.Errorf("dockerd.txt: got %q, want it to begin with %q", files["dockerd.txt"], want)
			}
		})
	}
}

func TestDebugBundle_AnExistingFileIsNotOverwritten(t *testing.T) {
	h := freshHost(t, "{}")
	h.write("b.tar.gz", "the user's")
	before := h.dockerd.Asked()
	h.want(exitFailed, "debug-bundle", filepath.Join(h.root, "b.tar.gz"))
	if got := h.read("b.tar.gz"); got != "the user's" || h.dockerd.Asked() != before {
		t.Errorf("got %q after %d questions, want the file unchanged and no question", got, h.dockerd.Asked()-before)
	}
}

func TestDebugBundle_AnInterruptedBundleLeavesNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "b.tar.gz")
	ctx, cancel := context.WithCancel(t.Context())
	a := &app{console: console{stdout: io.Discard, stderr: io.Discard}, systemd: func(ctx context.Context) (unitsCloser, error) {
		if made, err := filepath.Glob(path + ".part-*"); len(made) != 1 {
			t.Errorf("got %v, %v, want the file made before the first question", made, err)
		}
		cancel()
		return nil, ctx.Err()
	}}
	if err := a.writeBundle(ctx, path, time.Now()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if left, err := filepath.Glob(path + "*"); len(left) > 0 {
		t.Errorf("got %v, %v left behind", left, err)
	}
}

func TestCollect_DoesNotWaitForAPartThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		quick := part{"quick", func(context.Context) map[string]string { return map[string]string{"quick.txt": "here\n"} }}
		slow := part{"slow", func(ctx context.Context) map[string]string {
			<-ctx.Done()
			return map[string]string{"slow.txt": context.Cause(ctx).Error() + "\n"}
		}}
		deaf := part{"deaf", func(context.Context) map[string]string {
			<-release
			return nil
		}}
		var stderr bytes.Buffer
		c := collector{app: &app{console: console{stderr: &stderr, terminal: true}}, timeout: 15 * time.Second, noticeAfter: 3 * time.Second, grace: 2 * time.Second}
		got := c.collect(t.Context(), []part{quick, slow, deaf})
		want := map[string]string{"quick.txt": "here\n", "slow.txt": "no answer within 15s\n", "not-collected-deaf.txt": "no answer: this part did not end\n"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if want := "collecting: quick, slow, deaf (15s at most)\nwaiting for: slow, deaf (15s at most)\n"; stderr.String() != want {
			t.Errorf("got %q, want %q", stderr.String(), want)
		}
	})
}
