package release_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/provision/release"
	"runsc-provisioner/test/fakerunsc"
)

func TestInstall_EachLayout(t *testing.T) {
	sidecars := []string{"runsc", "containerd-shim-runsc-v1", "gvisor-bin/gvisor_sentry"}
	tests := map[string]struct {
		layouts []fakerunsc.Layout
		archive string
		files   []string
	}{
		"zstd is preferred": {[]fakerunsc.Layout{fakerunsc.Loose, fakerunsc.Bzip2, fakerunsc.Zstd}, "gvisor.tar.zstd", sidecars},
		"bzip2 only":        {[]fakerunsc.Layout{fakerunsc.Bzip2}, "gvisor.tar.bz2", sidecars},
		"bzip2 over loose":  {[]fakerunsc.Layout{fakerunsc.Bzip2, fakerunsc.Loose}, "gvisor.tar.bz2", sidecars},
		"loose only":        {[]fakerunsc.Layout{fakerunsc.Loose}, "runsc", sidecars[:2]},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.publish(t, test.layouts...)
			got := mustInstall(t, r, r.spec(wanted, ""))
			if got.Name != wanted || got.Manifest.Archives[0].Name != test.archive {
				t.Errorf("got %s from %v, want %s from %s", got.Name, got.Manifest.Archives, wanted, test.archive)
			}
			var files []string
			for _, f := range got.Manifest.Files {
				files = append(files, f.Path)
			}
			if diff := cmp.Diff(test.files, files); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			list, err := r.store.List(t.Context())
			if err != nil || len(list) != 2 || list[0].Name != wanted || list[1].Name != before || !list[0].State.Intact() || !list[1].State.Intact() {
				t.Errorf("got %+v, error %v; want both releases, intact, the newest first", list, err)
			}
		})
	}
	t.Run("loose without a shim", func(t *testing.T) {
		r := newRig(t)
		fakerunsc.Publish(t, r.at(wanted), "runsc", fakerunsc.Program(t, fakerunsc.Options{}))
		if got := mustInstall(t, r, r.spec(wanted, "")); len(got.Manifest.Files) != 1 {
			t.Errorf("got files %v, want runsc alone", got.Manifest.Files)
		}
	})
}

func TestInstall_VersionsAreResolved(t *testing.T) {
	tests := map[string]struct{ at, channel, version, label, name string }{
		"latest":        {"release/latest", "release", "latest", "release-20260914.0", "20260914.0"},
		"point of date": {"release/20260914", "release", "20260914", "release-20260914.3", "20260914.3"},
		"nightly":       {"nightly/2026-09-15", "nightly", "2026-09-15", "release-20260907.0-13-gabc123", "20260907.0-13-gabc123"},
		"master":        {"master/latest", "master", "latest", "release-20260914.0-1-gdef", "20260914.0-1-gdef"},
		"Debian's":      {"release/20240729.0", "release", "20240729.0", "0.0~20240729.0", "20240729.0"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			fakerunsc.Bundle(t, filepath.Join(r.tree, test.at, release.Arch()), fakerunsc.Options{Label: test.label}, fakerunsc.Zstd)
			spec := r.spec(test.version, "")
			spec.Channel = test.channel
			got := mustInstall(t, r, spec)
			if got.Name != test.name || !got.Satisfies(spec) {
				t.Errorf("got %s, satisfies %v; want %s, true", got.Name, got.Satisfies(spec), test.name)
			}
			if other := r.spec("20260101.0", ""); got.Satisfies(other) {
				t.Errorf("%s satisfies %s, want not", got.Name, other.Version)
			}
		})
	}
}

func TestInstall_AgainKeepsTheRelease(t *testing.T) {
	r := newRig(t)
	old := r.snapshot(t)
	got := mustInstall(t, r, r.spec(before, ""))
	if is := r.snapshot(t); is != old || got.Name != before {
		t.Errorf("got %s, store changed\nfrom\n%s\nto\n%s", got.Name, old, is)
	}
}

func TestInstall_NightlyOfTwoDaysIsOneBuild(t *testing.T) {
	r := newRig(t)
	for _, day := range []string{"2026-09-12", "2026-09-13"} {
		fakerunsc.Bundle(t, filepath.Join(r.tree, "nightly", day, release.Arch()), fakerunsc.Options{Label: "release-20260907.0-13-gabc"}, fakerunsc.Zstd)
		spec := r.spec(day, "")
		spec.Channel = "nightly"
		if got := mustInstall(t, r, spec); !got.Satisfies(spec) {
			t.Errorf("got %+v, want it to satisfy %s", got.Manifest, day)
		}
	}
	if err := os.RemoveAll(filepath.Join(r.store.Dir, "20260907.0-13-gabc")); err != nil {
		t.Fatal(err)
	}
	got, err := r.store.Restore(t.Context(), "20260907.0-13-gabc")
	if err != nil || got.Manifest.Version != "2026-09-13" || !got.State.Intact() {
		t.Errorf("got %+v, error %v; want the last day's, intact", got.Manifest, err)
	}
}

func TestInstall_OtherFilesUnderTheSameName(t *testing.T) {
	r := newRig(t)
	fakerunsc.Bundle(t, r.at(before), fakerunsc.Options{Label: "0.0~" + before}, fakerunsc.Zstd)
	refused[*release.RefusedError](t, r, r.spec(before, ""), "other files", "remove it first")
}

func TestInstall_ArchiveOfTheLastInstalledIsKept(t *testing.T) {
	r := newRig(t)
	r.publish(t, fakerunsc.Zstd)
	mustInstall(t, r, r.spec(wanted, ""))
	got, err := filepath.Glob(filepath.Join(r.store.Dir, ".archive", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(r.store.Dir, ".archive", wanted)
	if diff := cmp.Diff([]string{filepath.Join(kept, "gvisor.tar.zstd"), filepath.Join(kept, "manifest.json")}, got); diff != "" {
		t.Errorf("archives (-want +got):\n%s", diff)
	}
}

func TestInstall_LostArchiveIsStoredAgain(t *testing.T) {
	r := newRig(t)
	old := r.snapshot(t)
	if err := os.RemoveAll(filepath.Join(r.store.Dir, ".archive", before)); err != nil {
		t.Fatal(err)
	}
	mustInstall(t, r, r.spec(before, ""))
	if got, want := strings.Count(r.snapshot(t), "\n"), strings.Count(old, "\n"); got != want {
		t.Errorf("got %d entries, want %d:\n%s", got, want, r.snapshot(t))
	}
	damage(t, r)
	if _, err := r.store.Restore(t.Context(), before); err != nil {
		t.Error(err)
	}
}

func TestInstall_PinsThatHold(t *testing.T) {
	r := newRig(t)
	r.publish(t, fakerunsc.Zstd)
	text, err := os.ReadFile(filepath.Join(r.at(wanted), "gvisor.tar.zstd.sha512"))
	if err != nil {
		t.Fatal(err)
	}
	spec := r.spec(wanted, "")
	spec.SHA512 = map[string]string{"gvisor.tar.zstd": strings.ToUpper(string(text[:128]))}
	got := mustInstall(t, r, spec)
	if !got.Satisfies(spec) {
		t.Error("got false, want the release to satisfy its pins")
	}
	spec.SHA512["gvisor.tar.zstd"] = strings.Repeat("0", 128)
	if got.Satisfies(spec) {
		t.Error("got true, want the release not to satisfy another pin")
	}
}

func TestInstall_ReportsProgress(t *testing.T) {
	r := newRig(t)
	r.publish(t, fakerunsc.Zstd)
	var told []release.Progress
	r.source.Progress = func(p release.Progress) { told = append(told, p) }
	got := mustInstall(t, r, r.spec(wanted, ""))
	size := got.Manifest.Archives[0].Size
	if first := (release.Progress{Stage: release.StageDownload, File: "gvisor.tar.zstd.sha512", Total: -1}); told[0] != first {
		t.Errorf("first progress: got %+v, want %+v", told[0], first)
	}
	want := []release.Progress{
		{Stage: release.StageDownload, File: "gvisor.tar.zstd", Done: size, Total: size},
		{Stage: release.StageUnpack, File: "gvisor.tar.zstd", Done: size, Total: size},
	}
	if diff := cmp.Diff(want, told[max(0, len(told)-2):]); diff != "" {
		t.Errorf("last progress (-want +got):\n%s", diff)
	}
}

func TestRemove(t *testing.T) {
	r := newRig(t)
	if err := r.store.Remove("20260101.0"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want it not to exist", err)
	}
	if err := r.store.Remove("../bin"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want it not to exist", err)
	}
	if err := r.store.Remove(before); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(r.store.Dir)
	if err != nil || len(left) != 0 {
		t.Errorf("got %v, error %v; want nothing left", left, err)
	}
}
