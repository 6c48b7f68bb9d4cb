package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"runsc-provisioner/pattern"
	"runsc-provisioner/provision/durable"
)

// ownFile is one entry of the state directory.
type ownFile struct {
	name  string
	isDir bool
	// kept says that Mend leaves it alone, because a command reports it with advice of its own.
	kept  bool
	limit int64                   // in bytes; 0 is none
	check func(text []byte) error // why the text is damaged; nil checks nothing
	keys  func() *regexp.Regexp   // matches each key, if it is a KeyFile
}

// ownFiles lists all entries of the state directory except those of proofs that are running.
func ownFiles() []ownFile {
	keyFile := func(name string, valid func() *regexp.Regexp) ownFile {
		return ownFile{name: name, limit: maxKeyFile, check: checkKeys(valid), keys: valid}
	}
	return []ownFile{
		{name: lockName},
		{name: journalName, kept: true, limit: maxJournal},
		{name: backupName, isDir: true},
		{name: setAsideName, isDir: true},
		{name: beforeName, kept: true, limit: maxBefore},
		{name: loadedName, limit: maxLoaded, check: checkRecord[Loaded](LoadedSchema)},
		{name: madeDirName, limit: maxMadeDir, check: checkMadeDir},
		{name: restartedName, limit: maxRestarted, check: checkRestarted},
		{name: indexesName, limit: maxSeen, check: checkRecord[indexes](seenSchema)},
		{name: archiveKeyName, limit: maxArchiveKey},
		{name: offersName, limit: maxSeen, check: checkRecord[offers](seenSchema)},
		keyFile(proofsName, digestKey), keyFile(failuresName, digestKey), keyFile(rejectionsName, digestKey),
		keyFile(validationsName, digestKey), keyFile(madeIDsName, madeKey), keyFile(trialsName, trialKey),
		{name: "accepted.json", kept: true}, {name: "accepted.copy.json", kept: true},
		{name: "images.json", kept: true}, {name: "images.tar"},
	}
}

func checkMadeDir(text []byte) error { return json.Unmarshal(text, &madeDir{}) }

func checkRestarted(text []byte) error {
	_, err := time.Parse(time.RFC3339, string(text))
	return err
}

var (
	digestKey = pattern.Lazy(`^[0-9a-f]{64}$`)
	// madeKey matches what subid.AccountKey and subid.RangeKey make.
	madeKey  = pattern.Lazy(`^[[:graph:]]+:[[:graph:]]+$`)
	trialKey = pattern.Lazy(`^runsc-provisioner-proof-[a-z0-9]{1,64}$`)
)

// checkKeys returns a check of a KeyFile.
func checkKeys(valid func() *regexp.Regexp) func([]byte) error {
	return func(text []byte) error {
		for i, key := range strings.Fields(string(text)) {
			if !valid().MatchString(key) {
				return fmt.Errorf("it is damaged: line %d", i+1)
			}
		}
		return nil
	}
}

// Defect is a file of the state directory that cannot be used, or not be trusted. The next
// run moves it away and goes on without it.
type Defect struct {
	Path   string
	Reason string
	file   ownFile
}

// Defects lists the files that cannot be used: not of their type, too large, damaged, or of
// another version. Those that others could have written count too. It omits the journal, the
// record of the earlier state, the accepted configuration and saved images, whose readers
// report them. It is empty if this user may not look.
func (d Dir) Defects() []Defect {
	var all []Defect
	for _, f := range ownFiles() {
		if reason := d.defectOf(f); reason != "" && !f.kept {
			all = append(all, Defect{Path: filepath.Join(string(d), f.name), Reason: reason, file: f})
		}
	}
	return all
}

// defectOf says why f cannot be used; "" if it can, or is missing.
func (d Dir) defectOf(f ownFile) string {
	path := filepath.Join(string(d), f.name)
	info, err := os.Lstat(path)
	if err != nil {
		return "" // missing, or this user may not look
	}
	switch {
	case f.isDir && !info.IsDir():
		return "it is " + durable.KindOf(info.Mode()) + ", not a directory"
	case !f.isDir && !info.Mode().IsRegular():
		return "it is " + durable.KindOf(info.Mode()) + ", not a regular file"
	case f.limit > 0 && info.Size() > f.limit:
		return fmt.Sprintf("it has more than %d bytes", f.limit)
	}
	var unsafe *durable.UnsafeError
	if err := durable.CheckOwn(path, info); errors.As(err, &unsafe) {
		return unsafe.Reason
	}
	if f.check == nil {
		return ""
	}
	text, err := durable.ReadOwn(path, f.limit)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	if err == nil {
		err = f.check(text)
	}
	if err != nil {
		return strings.TrimPrefix(err.Error(), "read "+path+": ")
	}
	return ""
}

// Safe returns a *durable.UnsafeError if a user other than root could change the records: the
// directory, one above it, or a file in it is theirs, or they may write to it.
//
// It passes over the journal: JournalStore.Read believes none that others could have written, and
// the run sets it aside.
func (d Dir) Safe() error { return d.safe(journalName) }

// safe is Safe, except for the file called but.
func (d Dir) safe(but string) error {
	if err := durable.Trusted(string(d)); err != nil {
		return err
	}
	for _, f := range ownFiles() {
		if f.name == but {
			continue
		}
		path := filepath.Join(string(d), f.name)
		info, err := os.Lstat(path)
		if err != nil || info.Mode()&fs.ModeSymlink != 0 {
			continue // missing, or this user may not look; a symlink is a defect
		}
		if err := durable.CheckOwn(path, info); err != nil {
			return err
		}
		if !f.isDir || !info.IsDir() {
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			continue
		}
		for _, entry := range entries {
			info, err := entry.Info()
			if err != nil || info.Mode()&fs.ModeSymlink != 0 {
				continue
			}
			if err := durable.CheckOwn(filepath.Join(path, entry.Name()), info); err != nil {
				return err
			}
		}
	}
	return nil
}
