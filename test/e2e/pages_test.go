package e2e

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"runsc-provisioner/test/lab"
	"runsc-provisioner/test/pages"
)

var updatePages = flag.Bool("update", false, "write the outputs in README.md and docs/*.md again, where they differ")

// pagesEnv is the environment variable that makes TestPages take every page ("all").
const pagesEnv = "RUNSC_PAGES"

// firstPages are the pages that people follow first. make test runs these.
var firstPages = []string{"README.md", "docs/getting-started.md", "docs/service.md"}

// pageHosts are the hosts of pages that need more than an ordinary one.
var pageHosts = map[string]struct {
	options  lab.Options
	releases []string // older ones, which the server has too
	prepare  func(host)
}{
	"docs/upgrades.md": {releases: []string{older}},
	"docs/migrating.md": {prepare: func(h host) {
		h.put("/root/runsc.deb", string(h.Deb(h.t, older)), 0o644)
		// The argument that the lab needs comes from daemon.json here, as it would from runsc install.
		h.run("sed -i '/docker.runtimes/,$d' " + lab.LabConfigPath)
	}},
}

// TestPages runs the commands that README.md and docs/*.md show, in the order of each page, and compares their
// output.
func TestPages(t *testing.T) {
	t.Parallel()
	all := slices.Concat(glob(t, "../../README.md"), glob(t, "../../docs/*.md"))
	for _, path := range all {
		name := strings.TrimPrefix(path, "../../")
		page, err := pages.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		script, commands, err := page.Script()
		if err != nil {
			t.Fatal(err)
		}
		chosen := slices.Contains(firstPages, name) || os.Getenv(pagesEnv) == "all" || os.Getenv(matrixEnv) == "1"
		if len(commands) == 0 || !chosen {
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(path), ".md"), func(t *testing.T) {
			onEach(t, pageHosts[name].options, func(t *testing.T, h host) {
				h.forReaders(pageHosts[name].releases...)
				if prepare := pageHosts[name].prepare; prepare != nil {
					prepare(h)
				}
				h.compare(path, script, commands)
			})
		})
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		t.Fatalf("%s: %v, %v", pattern, found, err)
	}
	return found
}

// forReaders makes a host as the pages expect it: with signed releases, the image busybox, and sudo. A reader's
// shell is not root's; here it is, and sudo is a stand-in that runs its arguments.
func (h host) forReaders(releases ...string) {
	h.t.Helper()
	repo := h.ServeSigned(h.t.Context(), h.t, append(releases, newer)...)
	for _, version := range releases { // each has a suite of its day
		day, _, _ := strings.Cut(version, ".")
		repo.Publish(h.t, day, time.Now().Add(-time.Hour), version)
	}
	h.put(lab.LabConfigPath, lab.SignedConfig(repo), 0o644)
	h.put("/usr/local/bin/sudo", "#!/bin/sh\nexec env -- \"$@\"\n", 0o755)
	h.run("docker tag " + lab.Image + " busybox && docker rmi " + lab.Image)
}

func (h host) put(path, text string, mode os.FileMode) {
	h.t.Helper()
	if err := os.WriteFile(h.Path(path), []byte(text), mode); err != nil {
		h.t.Fatal(err)
	}
}

// compare runs the commands of a page, and compares what they print with what the page shows.
func (h host) compare(path, script string, commands []pages.Command) {
	h.t.Helper()
	h.put("/root/page.sh", script, 0o755)
	result, err := h.Run(h.t.Context(), "bash", "-c", "cd /root && exec bash /root/page.sh </dev/null")
	if err != nil {
		h.t.Fatal(err)
	}
	ran, err := pages.Results(result.Stdout, len(commands))
	if err != nil {
		h.t.Errorf("%s: %v", path, err)
	}
	changed := map[int][]string{}
	for i, r := range ran {
		c, output := commands[i], pages.Clean(r.Output)
		asksForCode := i+1 < len(commands) && strings.Contains(commands[i+1].Text, "$?")
		if r.Code != 0 && !asksForCode {
			h.t.Errorf("%s:%d: %s: exit %d\n%s", path, c.Line, c.Text, r.Code, r.Output)
		}
		if pages.Matches(c.Output, output) {
			continue
		}
		changed[i] = output
		if !*updatePages {
			h.t.Errorf("%s:%d: $ %s\nthe page shows\n%s\nthe host printed\n%s", path, c.Line, c.Text,
				strings.Join(c.Output, "\n"), strings.Join(output, "\n"))
		}
	}
	if !*updatePages || len(changed) == 0 {
		return
	}
	text, err := os.ReadFile(path)
	if err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(pages.Rewrite(string(text), commands, changed)), 0o644); err != nil {
		h.t.Fatal(err)
	}
}
