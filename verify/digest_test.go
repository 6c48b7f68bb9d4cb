package verify

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDigestHasLimits(t *testing.T) {
	proc := newFakeProc(t)
	r := fakeRelease(t, t.TempDir(), "20260914.0")
	r.Dev = fileID(t, r.Dir).Dev
	r.Within = "/lib/gvisor" // as where the store is on a mount of its own
	huge, odd := filepath.Join(r.Dir, "huge"), filepath.Join(r.Dir, "odd")
	proc.write(huge, "")
	proc.write(odd, "of another size than any file of a release")
	if err := os.Truncate(huge, maxDigested+1); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{r.Dir, r.Dir + "/runsc", huge} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		r.Sizes[info.Size()] = true
	}
	for _, tt := range []struct {
		name, file string
		path       string // as /proc would name it
		dev        uint64 // where it is on another device
		digested   uint64
		want       error
		sum        bool
	}{
		{"a file from the store", r.Dir + "/runsc", r.Dir + "/runsc", 0, 0, nil, true},
		{"a file from the store, by its mount", r.Dir + "/runsc", "/lib/gvisor/20260914.0/runsc", 0, 0, nil, true},
		{"a path of the store on another device", r.Dir + "/runsc", r.Dir + "/runsc", 7, 0, nil, false},
		{"another size", odd, r.Dir + "/runsc", 0, 0, nil, false},
		{"a file from elsewhere", r.Dir + "/runsc", "/tmp/runsc", 0, 0, nil, false},
		{"a huge sparse file", huge, r.Dir + "/runsc", 0, 0, nil, false},
		{"over the budget", r.Dir + "/runsc", r.Dir + "/runsc", 0, maxBudget, errOverBudget, false},
		{"a directory", r.Dir, r.Dir + "/runsc", 0, 0, errOverBudget, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir, err := openProc(filepath.Dir(tt.file))
			if err != nil {
				t.Fatal(err)
			}
			defer dir.close()
			p := &pass{ctx: t.Context(), fs: &FS{}, releases: []Release{r}, digested: tt.digested}
			sum, err := p.digest(dir, filepath.Base(tt.file), Exe{ID: FileID{Dev: r.Dev + tt.dev}, Path: tt.path, Deleted: true})
			if !errors.Is(err, tt.want) || (sum != "") != tt.sum {
				t.Errorf("got %q, %v, want a digest: %v, %v", sum, err, tt.sum, tt.want)
			}
		})
	}
}

func TestFault_V03_DeletedAndRenamedFilesAreStillTheirReleases(t *testing.T) {
	r, sentry := catRelease(t)
	cmd := sleeper(t, sentry, "runsc-sandbox", "-", containerID(1))
	// A store removes a release like this: it renames the directory, then
	// deletes it.
	hidden := filepath.Join(filepath.Dir(r.Dir), ".gone")
	if err := os.Rename(r.Dir, hidden); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(hidden); err != nil {
		t.Fatal(err)
	}
	r.Files = nil
	proc := newFakeProc(t)
	proc.adopt(cmd.Process.Pid)
	fs := proc.fs()
	for look := range 2 {
		report, survey := judgeAll(t, fs, []Container{container(1, cmd.Process.Pid, "runsc")}, runtimesOf(r), []Release{r})
		got := find(report.Verdicts[0], CheckExecutable)
		if got.State != Passed || !strings.Contains(got.Seen, "deleted") {
			t.Errorf("look %d: got executable %v (%s), want passed, deleted", look, got.State, got.Seen)
		}
		if survey.InUse[r.Name] != 1 || len(report.Orphans) != 0 || survey.Denied != 0 {
			t.Errorf("look %d: got %v in use, orphans %v, denied %d, want 1, none, 0", look, survey.InUse, report.Orphans, survey.Denied)
		}
	}
	if len(fs.digests.sums) != 1 {
		t.Errorf("got %d digests remembered, want 1", len(fs.digests.sums))
	}
}
