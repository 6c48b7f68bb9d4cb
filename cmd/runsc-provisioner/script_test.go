package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"runsc-provisioner/test/fakedockerd"
)

var update = flag.Bool("update", false, "write the expected outputs of TestScript again")

// TestScript runs testdata/script/*.txtar, each on its own host. The script's
// directory is the file system of the host. Besides the commands of testscript
// there are
//
//	runsc-provisioner ARG...           must exit with 0
//	exits CODE runsc-provisioner ARG...
//	show FILE                          prints the file
//	docker start|stop|fail             starts or stops the unit, or lets it fail
//	container NAME RUNTIME [RELEASE]   runs a container, in a sandbox of RELEASE
//	created NAME RUNTIME JSON          makes a container with this HostConfig, which also has its Mounts
//	started NAME RUNTIME JSON          the same, and it runs
//
// Paths in the output are those of a real host, and times read "N ms" or N.
func TestScript(t *testing.T) {
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("got scripts %v, %v, want some", scripts, err)
	}
	for _, file := range scripts {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		t.Run(name, func(t *testing.T) {
			work := t.TempDir()
			h := newFakeHost(t, filepath.Join(work, "script-"+name)) // where testscript unpacks the script
			testscript.Run(t, testscript.Params{
				Files:              []string{file},
				WorkdirRoot:        work,
				UpdateScripts:      *update,
				RequireUniqueNames: true,
				Condition:          func(string) (bool, error) { return os.Geteuid() == 0 || os.Getenv("CI") == "true", nil }, // [root]
				Setup: func(*testscript.Env) error {
					_ = h.dockerd.Load(h.paths.DaemonJSON) // some scripts test a file that dockerd refuses
					return nil
				},
				Cmds: map[string]func(*testscript.TestScript, bool, []string){
					"runsc-provisioner": func(ts *testscript.TestScript, neg bool, args []string) {
						refuseNegation(ts, neg)
						h.script(ts, exitDone, args)
					},
					"exits": func(ts *testscript.TestScript, neg bool, args []string) {
						refuseNegation(ts, neg)
						code, err := strconv.Atoi(args[0])
						ts.Check(err)
						h.script(ts, code, args[2:])
					},
					"show": func(ts *testscript.TestScript, neg bool, args []string) {
						_, err := io.WriteString(ts.Stdout(), strings.ReplaceAll(ts.ReadFile(args[0]), h.root, ""))
						ts.Check(err)
					},
					"docker": func(ts *testscript.TestScript, neg bool, args []string) {
						h.units.unit.ActiveState = map[string]string{"start": "active", "stop": "inactive", "fail": "failed"}[args[0]]
						h.units.unit.Result = map[string]string{"start": "success", "stop": "success", "fail": "exit-code"}[args[0]]
					},
					"container": func(ts *testscript.TestScript, neg bool, args []string) { h.container(args) },
					"created":   func(ts *testscript.TestScript, neg bool, args []string) { h.created(ts, args, 0) },
					"started":   func(ts *testscript.TestScript, neg bool, args []string) { h.created(ts, args, 1) },
				},
			})
		})
	}
}

func refuseNegation(ts *testscript.TestScript, neg bool) {
	if neg {
		ts.Fatalf("say which code: exits CODE runsc-provisioner ...")
	}
}

var (
	times   = regexp.MustCompile(`\b\d+(\.\d)? m?s\b`)
	seconds = regexp.MustCompile(`"seconds": [0-9.e-]+`)
)

func (h *fakeHost) script(ts *testscript.TestScript, code int, args []string) {
	got := h.run(args...)
	stdout := seconds.ReplaceAllString(times.ReplaceAllString(got.stdout, "N ms"), `"seconds": N`)
	_, err := io.WriteString(ts.Stdout(), stdout)
	_, err2 := io.WriteString(ts.Stderr(), times.ReplaceAllString(got.stderr, "N ms"))
	ts.Check(errors.Join(err, err2))
	if got.code != code {
		ts.Fatalf("got exit %d, want %d", got.code, code)
	}
}

// created makes NAME with RUNTIME. It runs if pid is not 0.
func (h *fakeHost) created(ts *testscript.TestScript, args []string, pid int) {
	c := fakedockerd.Container{ID: fmt.Sprintf("%x", sha256.Sum256([]byte(args[0]))), Name: args[0], Runtime: args[1], PID: pid}
	given := struct{ Mounts []map[string]any }{}
	ts.Check(errors.Join(json.Unmarshal([]byte(args[2]), &c.Given), json.Unmarshal([]byte(args[2]), &given)))
	delete(c.Given, "Mounts")
	c.Mounts = given.Mounts
	h.dockerd.Containers = append(h.dockerd.Containers, c)
}

// container runs NAME with RUNTIME, in a sandbox if RELEASE is given.
func (h *fakeHost) container(args []string) {
	pid := 100 * (len(h.dockerd.Containers) + 1)
	c := fakedockerd.Container{ID: fmt.Sprintf("%x", sha256.Sum256([]byte(args[0]))), Name: args[0], Runtime: args[1], PID: pid}
	h.dockerd.Containers = append(h.dockerd.Containers, c)
	if len(args) > 2 {
		h.proc.sandbox(pid, filepath.Join(h.paths.Store, args[2]), c.ID)
		return
	}
	h.proc.plain(pid, c.ID)
}
