package proof

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/trial"
	"runsc-provisioner/verify"
)

// below returns the regular files below dir by their path in it.
func below(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files[strings.TrimPrefix(path, dir)], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// unpack writes the image's files to a new directory.
func (w trialWrites) unpack(t *testing.T) (root string) {
	t.Helper()
	root = t.TempDir()
	for _, file := range w.image() {
		path := filepath.Join(root, file.Name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, file.Content, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestWrites_ChangeWhatTheyAnnounce(t *testing.T) {
	w := newTrialWrites()
	root := w.unpack(t)
	before := below(t, root)
	if err := w.makeChanges(root); err != nil {
		t.Fatal(err)
	}
	after := below(t, root)
	if diff := cmp.Diff(w.files(), after); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	// The announced changes are the changes.
	changes := map[string]byte{writesDir: 'C', writesDir + "/made": 'A'}
	for path, content := range after {
		if old, found := before[path]; !found {
			changes[path] = 'A'
		} else if string(old) != string(content) {
			changes[path] = 'C'
		}
	}
	var gone []string
	for path := range before {
		if _, found := after[path]; !found {
			changes[path] = 'D'
			gone = append(gone, path)
		}
	}
	got := map[string]byte{}
	for _, change := range w.changes() {
		got[change.Path] = change.Kind
	}
	if diff := cmp.Diff(changes, got); diff != "" {
		t.Errorf("changes, -want +got:\n%s", diff)
	}
	slices.Sort(gone)
	if diff := cmp.Diff(gone, slices.Sorted(slices.Values(w.missingPaths()))); diff != "" {
		t.Errorf("missing, -want +got:\n%s", diff)
	}
}

// Started by hand on a host, Init must not write.
func TestWrites_ChangeNothingWithoutTheImage(t *testing.T) {
	other := newTrialWrites()
	root := other.unpack(t)
	before := below(t, root)
	if err := newTrialWrites().makeChanges(root); err == nil {
		t.Error("in the image of another proof: got no error")
	}
	if diff := cmp.Diff(before, below(t, root)); diff != "" {
		t.Errorf("it wrote, -want +got:\n%s", diff)
	}
	empty := t.TempDir()
	if err := newTrialWrites().makeChanges(empty); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in an empty directory: got %v, want %v", err, fs.ErrNotExist)
	}
	if got := below(t, empty); len(got) > 0 {
		t.Errorf("it wrote %d files", len(got))
	}
}

// all is the view of a Docker that sees all writes.
func (w trialWrites) all() dockerView {
	return dockerView{files: w.files(), changes: w.changes(), changesKnown: true}
}

func TestWrites_AreComparedWithThePromise(t *testing.T) {
	w, another := newTrialWrites(), newTrialWrites()
	filestore := trial.Change{Kind: 'A', Path: "/.gvisor.filestore.0123"}
	tests := []struct {
		situation string
		change    func(*dockerView)
		want      []string // the paths of what Docker does not see
	}{
		{"all of it", func(*dockerView) {}, nil},
		{"in another order, and the directory of gVisor's /tmp", func(s *dockerView) {
			slices.Reverse(s.changes)
			s.changes = append(s.changes, trial.Change{Kind: 'A', Path: "/tmp"})
		}, nil},
		{"a store that cannot list changes", func(s *dockerView) { s.changes, s.changesKnown = nil, false }, nil},
		{"a store that cannot list changes, and no writes", func(s *dockerView) {
			s.files, s.changes, s.changesKnown = map[string][]byte{}, nil, false
		}, []string{"/proof/after", "/proof/made/file", "/proof/replaced"}},
		{"the answers of another proof", func(s *dockerView) { s.files = another.files() }, []string{"/proof/after", "/proof/made/file", "/proof/replaced"}},
		{"another byte", func(s *dockerView) { s.files["/proof/made/file"][4096]++ }, []string{"/proof/made/file"}},
		{"the end of a file is missing", func(s *dockerView) { s.files["/proof/replaced"] = s.files["/proof/replaced"][:4096] }, []string{"/proof/replaced"}},
		{"a deleted file is found", func(s *dockerView) { s.stillFound = []string{"/proof/deleted"} }, []string{"/proof/deleted"}},
		{"a renamed file is found", func(s *dockerView) { s.files["/proof/before"] = s.files["/proof/after"] }, []string{"/proof/before"}},
		{"a deletion that diff does not show", func(s *dockerView) { s.changes = allBut(s.changes, trial.Change{Kind: 'D', Path: "/proof/deleted"}) }, []string{"D /proof/deleted"}},
		{"a change that the container did not make", func(s *dockerView) { s.changes = append(s.changes, trial.Change{Kind: 'C', Path: "/tmp"}) }, []string{"C /tmp"}},
		{"gVisor's own overlay", func(s *dockerView) {
			s.files = map[string][]byte{}
			for _, file := range w.image() {
				s.files["/"+file.Name] = file.Content
			}
			s.stillFound, s.changes = w.missingPaths(), []trial.Change{filestore}
		}, []string{"/proof/after", "/proof/made/file", "/proof/replaced", "/proof/before", "/proof/deleted", "C /proof", "A /proof/made", "A /proof/made/file",
			"C /proof/replaced", "D /proof/deleted", "D /proof/before", "A /proof/after", filestore.String()}},
	}
	for _, tt := range tests {
		t.Run(tt.situation, func(t *testing.T) {
			s := w.all()
			tt.change(&s)
			for _, promised := range []verify.Writes{verify.WritesKept, "", verify.WritesLost} {
				_, err := w.judge(s, nil, promised)
				var unseen *UnseenWrites
				if fails := errors.As(err, &unseen); fails != (len(tt.want) > 0 && promised != verify.WritesLost) {
					t.Errorf("promised %q: got %v", promised, err)
				} else if !fails {
					continue
				}
				if got := unseen.Differences; len(got) != len(tt.want) {
					t.Fatalf("promised %q: got %q, want one difference for each of %q", promised, got, tt.want)
				}
				for i, difference := range unseen.Differences {
					if !strings.Contains(difference+",", " "+tt.want[i]+",") {
						t.Errorf("promised %q: got %q, want it about %q", promised, difference, tt.want[i])
					}
				}
			}
		})
	}
}

func allBut(changes []trial.Change, one trial.Change) []trial.Change {
	return slices.DeleteFunc(changes, func(c trial.Change) bool { return c == one })
}

func TestWrites_DockerDoesNotAnswer(t *testing.T) {
	w := newTrialWrites()
	for _, tt := range []struct {
		err   error
		fails map[verify.Writes]bool
	}{
		{errors.New("no such layer"), map[verify.Writes]bool{verify.WritesKept: true, verify.WritesLost: false}},
		{&trial.Error{Act: "diff", Err: context.Canceled}, map[verify.Writes]bool{verify.WritesKept: true, verify.WritesLost: true}},
		{context.DeadlineExceeded, map[verify.Writes]bool{verify.WritesKept: true, verify.WritesLost: true}},
	} {
		for _, promised := range slices.Sorted(maps.Keys(tt.fails)) {
			if _, err := w.judge(dockerView{}, tt.err, promised); errors.Is(err, tt.err) != tt.fails[promised] || (err != nil) != tt.fails[promised] {
				t.Errorf("%v, promised %q: got %v, want it to fail: %t", tt.err, promised, err, tt.fails[promised])
			}
		}
	}
}

// A proof of an earlier version does not cover the writes, nor does a proof with another
// promise.
func TestProofKey_CoversTheWrites(t *testing.T) {
	const args = `["m",["--overlay2=none"],"26.1","boot",false]`
	keys := map[string]bool{durable.Digest([]byte(args)): true}
	for _, promised := range []verify.Writes{verify.WritesKept, verify.WritesLost} {
		key := state.ProofKey("m", []string{"--overlay2=none"}, "26.1", "boot", false, promised)
		if keys[key] {
			t.Errorf("promised %q: got the key of a proof of less", promised)
		}
		keys[key] = true
	}
}
