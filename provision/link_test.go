package provision

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/plan"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/provision/transaction"
	"runsc-provisioner/test/dockerhost"
	"runsc-provisioner/test/stored"
)

// The way back finds the link and the store of before, whatever [paths] says by then.
func TestFault_X10_TheLinkIsPutBackIntoAnEarlierStore(t *testing.T) {
	const name = "20260914.0"
	for _, killed := range []bool{false, true} {
		pr, _, o := hostWithDockerd(t, oldText)
		pr.Owner = os.Geteuid()
		stored.Release(t, pr.Paths.Store, name, map[string]string{"runsc": name})
		if err := pr.store().SetLink(name); err != nil {
			t.Fatal(err)
		}
		earlier, before := pr.Paths, filepath.Join(pr.Paths.Store, name, "runsc")
		pr.Paths = pr.Paths.Configured(config.Config{Paths: config.Paths{Store: filepath.Join(t.TempDir(), "new"), Link: config.DefaultPaths().Link}})
		stored.Release(t, pr.Paths.Store, name, map[string]string{"runsc": name})
		var err error
		if o.Link, err = pr.store().LinkState(); err != nil || o.Link.Target != before {
			t.Fatalf("got %+v, %v, want a link of ours into the earlier store", o.Link, err)
		}
		p := dockerhost.Upgrade(o, newText)
		link := steps.Link{Path: pr.Paths.Link, Target: filepath.Join(pr.Paths.Store, name, "runsc"), Release: name}
		p.Steps = slices.Insert(p.Steps, 0, steps.Step(link))
		if killed {
			if _, err := transaction.Begin(pr.docker(), p, o, config.Default().RuntimeNames()); err != nil {
				t.Fatal(err)
			}
			if err := pr.store().SetLink(name); err != nil {
				t.Fatal(err)
			}
			pr.Paths = earlier // the file with [paths] is gone by the next run
			if err := pr.State().Stores().Add(filepath.Dir(filepath.Dir(link.Target))); err != nil {
				t.Fatal(err)
			}
			j, _, err := pr.State().Journal().Read()
			if err == nil {
				j.Failed, j.Trial = true, ""
				err = pr.State().Journal().Write(j)
			}
			if err == nil {
				_, err = pr.recoverAndReport(t.Context(), plan.Options{})
			}
			if err != nil {
				t.Fatal(err)
			}
		} else if err := pr.failsAfterWriting(t, p, o); err != nil {
			t.Fatal(err)
		}
		if target, err := os.Readlink(pr.Paths.Link); err != nil || target != before {
			t.Errorf("killed %v: got %s, %v, want %s", killed, target, err, before)
		}
	}
}

// Docker does not need the link, so a run without it goes on.
func TestFault_X10_ALinkThatCannotBeMadeUndoesNothing(t *testing.T) {
	const name = "20260914.0"
	pr, d, o := hostWithDockerd(t, oldText)
	pr.Owner = os.Geteuid()
	stored.Release(t, pr.Paths.Store, name, map[string]string{"runsc": name})
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	pr.Paths.Link = filepath.Join(file, "runsc") // below a file
	var said error
	pr.onNoLink = func(err error) { said = err }
	p := dockerhost.Upgrade(o, newText)
	p.Steps = slices.Insert(p.Steps, 0, steps.Step(steps.Link{Path: pr.Paths.Link, Release: name}))
	if _, err := pr.apply(t.Context(), p, config.Default(), o); err != nil || said == nil {
		t.Errorf("got %v, link %v, want only the link missing", err, said)
	}
	if now, err := os.ReadFile(d.File); string(now) != newText || err != nil {
		t.Errorf("got %s, %v, want the new text", now, err)
	}
}
