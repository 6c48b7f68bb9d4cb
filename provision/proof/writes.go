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

	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/trial"
	"runsc-provisioner/verify"
)

// writesDir holds all that the container of a proof changes. The image has no /tmp: gVisor
// mounts its own tmpfs there, and Docker never sees what is written to it.
const writesDir = "/proof"

// trialWrites are the changes that the container of one proof makes to its root file system.
// It writes a new file in a new directory, replaces one file, deletes one and renames one.
// All bytes follow from the nonce, so that no other proof makes the same writes.
type trialWrites struct{ nonce string }

// newTrialWrites returns writes with a new nonce.
func newTrialWrites() trialWrites { return trialWrites{rand.Text()} }

// content returns n bytes that no other file and no other proof has.
func (w trialWrites) content(of string, n int) []byte {
	content := make([]byte, n)
	// Read never returns an error (math/rand/v2).
	_, _ = mathrand.NewChaCha8(sha256.Sum256([]byte(w.nonce + "\x00" + of))).Read(content)
	return content
}

// image returns the files of the image, besides init.
func (w trialWrites) image() []trial.File {
	var files []trial.File
	for _, name := range []string{"replaced", "deleted", "before"} {
		files = append(files, trial.File{Name: path.Join(writesDir[1:], name), Content: w.content(name+" in the image", 3000)})
	}
	return files
}

// files returns all files below writesDir after the changes.
func (w trialWrites) files() map[string][]byte {
	return map[string][]byte{
		writesDir + "/replaced":  w.content("replaced", 5000),
		writesDir + "/made/file": w.content("made", 5000),
		writesDir + "/after":     w.content("before in the image", 3000),
	}
}

// missingPaths are the paths that no longer exist after the changes.
func (w trialWrites) missingPaths() []string {
	return []string{writesDir + "/deleted", writesDir + "/before"}
}

// changes are the changes as `docker diff` shows them.
func (w trialWrites) changes() []trial.Change {
	return []trial.Change{
		{Kind: 'C', Path: writesDir},
		{Kind: 'A', Path: writesDir + "/made"}, {Kind: 'A', Path: writesDir + "/made/file"},
		{Kind: 'C', Path: writesDir + "/replaced"},
		{Kind: 'D', Path: writesDir + "/deleted"},
		{Kind: 'D', Path: writesDir + "/before"}, {Kind: 'A', Path: writesDir + "/after"},
	}
}

// makeChanges makes the changes below root, the container's root directory, and reads the
// files back. It changes nothing if the image's files are missing.
func (w trialWrites) makeChanges(root string) error {
	for _, file := range w.image() {
		if err := checkContent(filepath.Join(root, file.Name), file.Content); err != nil {
			return err
		}
	}
	in := func(name string) string { return filepath.Join(root, writesDir, name) }
	written := w.files()
	// It does not sync: most programs do not, and expect Docker to see what they wrote.
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

// checkContent fails if the file at path has other content.
func checkContent(path string, content []byte) error {
	file, err := durable.OpenRegular(path)
	if err != nil {
		return err
	}
	defer file.Close()
	got, err := io.ReadAll(io.LimitReader(file, int64(len(content))+1))
	if err == nil && !bytes.Equal(got, content) {
		err = fmt.Errorf("%s differs from what was written to it", path)
	}
	return err
}

// dockerView is what Docker sees of the container of a proof.
type dockerView struct {
	files        map[string][]byte
	stillFound   []string // of missingPaths
	changes      []trial.Change
	changesKnown bool // false if dockerd cannot list the changes
}

// observe asks dockerd while the container runs.
func (w trialWrites) observe(ctx context.Context, t *trial.Trial) (s dockerView, err error) {
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

// unseen lists the differences between what the container did and what Docker sees.
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
			list = append(list, "docker cp gives "+path+", which was removed")
		}
	}
	for _, path := range s.stillFound {
		if _, listed := s.files[path]; !listed {
			list = append(list, "docker cp finds "+path+", which was removed")
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

// notOurs are changes that `docker diff` may show although the container did not make them:
// gVisor makes the directory of its tmpfs (runsc/boot/vfs.go), and with containerd's image
// store dockerd shows the mount points of its own mounts.
var notOurs = []trial.Change{{Kind: 'A', Path: "/tmp"}}

// compare asks Docker what it sees, and judges it.
func (w trialWrites) compare(ctx context.Context, t *trial.Trial, promised verify.Writes) (result string, err error) {
	s, err := w.observe(ctx, t)
	return w.judge(s, err, promised)
}

// judge compares what Docker sees with what is promised. If Docker sees less than promised,
// the error is *UnseenWrites. The result says in a few words what Docker sees.
//
// If the promise is that writes may be lost, nothing that Docker sees is an error. Docker
// sees all writes with releases from before 2023, which have no overlay of their own. A
// dockerd that cannot answer breaks no promise then.
func (w trialWrites) judge(s dockerView, lookErr error, promised verify.Writes) (result string, err error) {
	lost := promised == verify.WritesLost
	if over := errors.Is(lookErr, context.Canceled) || errors.Is(lookErr, context.DeadlineExceeded); lookErr != nil && (over || !lost) {
		return "", lookErr
	}
	if lookErr != nil {
		return "Docker did not say whether it sees its writes", nil
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

// UnseenWrites says that Docker does not see the changes of a container to its root file
// system, although the configuration promises it.
type UnseenWrites struct {
	// Differences are short sentences: "docker diff does not show A /x". They may contain
	// names that another program chose.
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
