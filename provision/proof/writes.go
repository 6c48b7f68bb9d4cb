package proof

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	mathrand "math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"runsc-provisioner/provision/engine"
	"runsc-provisioner/verify"
)

// writesDir has all that the container of a proof changes in its root file
// system. The image has no /tmp: there gVisor mounts a tmpfs of its own, and
// what is written to it Docker never sees.
const writesDir = "/proof"

// trialWrites are the changes that the container of one proof makes: it writes
// a new file in a new directory, replaces one, deletes one and renames one. All
// bytes follow from the nonce, so that only what was written in this proof is
// taken for it.
type trialWrites struct{ nonce string }

func newTrialWrites() trialWrites { return trialWrites{rand.Text()} }

// content are n bytes that no other file and no other proof has.
func (w trialWrites) content(of string, n int) []byte {
	content := make([]byte, n)
	// It reads without an error (math/rand/v2).
	_, _ = mathrand.NewChaCha8(sha256.Sum256([]byte(w.nonce + "\x00" + of))).Read(content)
	return content
}

// image are the files that are there before, beside init.
func (w trialWrites) image() []engine.TrialFile {
	var files []engine.TrialFile
	for _, name := range []string{"replaced", "deleted", "before"} {
		files = append(files, engine.TrialFile{Name: path.Join(writesDir[1:], name), Content: w.content(name+" in the image", 3000)})
	}
	return files
}

// files are those that are there afterwards, and nothing else is.
func (w trialWrites) files() map[string][]byte {
	return map[string][]byte{
		writesDir + "/replaced":  w.content("replaced", 5000),
		writesDir + "/made/file": w.content("made", 5000),
		writesDir + "/after":     w.content("before in the image", 3000),
	}
}

// missingPaths are the paths that lead nowhere afterwards.
func (w trialWrites) missingPaths() []string {
	return []string{writesDir + "/deleted", writesDir + "/before"}
}

// changes are what `docker diff` shows of them.
func (w trialWrites) changes() []engine.Change {
	return []engine.Change{
		{Kind: 'C', Path: writesDir},
		{Kind: 'A', Path: writesDir + "/made"}, {Kind: 'A', Path: writesDir + "/made/file"},
		{Kind: 'C', Path: writesDir + "/replaced"},
		{Kind: 'D', Path: writesDir + "/deleted"},
		{Kind: 'D', Path: writesDir + "/before"}, {Kind: 'A', Path: writesDir + "/after"},
	}
}

// makeChanges makes the changes below root, the container's, and reads them again.
// It touches nothing where the image's files are not there.
func (w trialWrites) makeChanges(root string) error {
	for _, file := range w.image() {
		if err := checkContent(filepath.Join(root, file.Name), file.Content); err != nil {
			return err
		}
	}
	in := func(name string) string { return filepath.Join(root, writesDir, name) }
	written := w.files()
	// Nothing is synced: programs do not do so either, and expect Docker to see
	// what they wrote.
	if err := os.Mkdir(in("made"), 0o755); err != nil {
		return err
	}
	for _, name := range []string{"made/file", "replaced"} {
		if err := os.WriteFile(in(name), written[writesDir+"/"+name], 0o644); err != nil {
			return err
		}
	}
	if err := os.Remove(in("deleted")); err != nil {
		return err
	}
	if err := os.Rename(in("before"), in("after")); err != nil {
		return err
	}
	for name, content := range written {
		if err := checkContent(filepath.Join(root, name), content); err != nil {
			return err
		}
	}
	return nil
}

// checkContent wants a file with this content.
func checkContent(path string, content []byte) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	got, err := io.ReadAll(io.LimitReader(file, int64(len(content))+1))
	if err == nil && !bytes.Equal(got, content) {
		err = fmt.Errorf("%s is not what was written to it", path)
	}
	return err
}

// dockerView is what Docker sees of a proof's container.
type dockerView struct {
	files        map[string][]byte
	stillFound   []string // of those that are gone
	changes      []engine.Change
	changesKnown bool // the changes could be asked for
}

// observe asks dockerd, while the container runs.
func (w trialWrites) observe(ctx context.Context, t *engine.Trial) (s dockerView, err error) {
	if s.files, err = t.Files(ctx, writesDir); err != nil {
		return s, err
	}
	for _, path := range w.missingPaths() {
		found, err := t.Has(ctx, path)
		if err != nil {
			return s, err
		}
		if found {
			s.stillFound = append(s.stillFound, path)
		}
	}
	s.changes, s.changesKnown, err = t.Changes(ctx)
	return s, err
}

// unseen lists where what Docker sees is not what the container did.
func (w trialWrites) unseen(s dockerView) (list []string) {
	wanted := w.files()
	for _, path := range slices.Sorted(maps.Keys(wanted)) {
		if got, found := s.files[path]; !found {
			list = append(list, "docker cp does not give "+path)
		} else if !bytes.Equal(got, wanted[path]) {
			list = append(list, "docker cp gives other bytes for "+path)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(s.files)) {
		if _, known := wanted[path]; !known {
			list = append(list, "docker cp gives "+path+", which is gone")
		}
	}
	for _, path := range s.stillFound {
		if _, listed := s.files[path]; !listed {
			list = append(list, "docker cp finds "+path+", which is gone")
		}
	}
	if !s.changesKnown {
		return list
	}
	for _, change := range w.changes() {
		if !slices.Contains(s.changes, change) {
			list = append(list, "docker diff does not show "+change.String())
		}
	}
	for _, change := range s.changes {
		if !slices.Contains(w.changes(), change) && !slices.Contains(notOurs, change) {
			list = append(list, "docker diff shows "+change.String())
		}
	}
	return list
}

// notOurs are changes that `docker diff` may show though the container did not
// make them: gVisor makes the directory of its tmpfs (runsc/boot/vfs.go), and of
// an image in containerd's store dockerd shows the places of its own mounts.
var notOurs = []engine.Change{{Kind: 'A', Path: "/tmp"}}

// compare has Docker look at what the container wrote, and holds that against
// what is promised. It says in a few words what Docker sees.
func (w trialWrites) compare(ctx context.Context, t *engine.Trial, promised verify.Writes) (seen string, err error) {
	s, err := w.observe(ctx, t)
	return w.judge(s, err, promised)
}

// judge weighs what Docker sees. Where it sees less than was promised, the error
// is *UnseenWrites.
//
// Where the writes may be lost, nothing is wrong whatever is seen. Docker sees
// all of them under releases from before 2023, which have no overlay of their
// own, and a dockerd that cannot say breaks no promise.
func (w trialWrites) judge(s dockerView, lookErr error, promised verify.Writes) (seen string, err error) {
	lost := promised == verify.WritesLost
	if over := errors.Is(lookErr, context.Canceled) || errors.Is(lookErr, context.DeadlineExceeded); lookErr != nil && (over || !lost) {
		return "", lookErr
	}
	if lookErr != nil {
		return "whether Docker sees its writes is not known", nil
	}
	unseen := w.unseen(s)
	switch {
	case len(unseen) == 0:
		return "Docker sees its writes", nil
	case lost:
		return "Docker does not see its writes", nil
	}
	return "", &UnseenWrites{unseen}
}

// UnseenWrites says that Docker does not see what a container did to its root
// file system, although it is to.
type UnseenWrites struct {
	// Differences are each a few words: "docker diff does not show A /x". They
	// may have names from outside.
	Differences []string
}

func (u *UnseenWrites) Error() string {
	const most = 4
	text := strings.Join(u.Differences[:min(most, len(u.Differences))], ", ")
	if more := len(u.Differences) - most; more > 0 {
		text += fmt.Sprintf(", and %d more", more)
	}
	return "Docker does not see what it wrote, deleted and renamed: " + text
}
