package e2e

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"runsc-provisioner/test/lab"
)

// matrixEnv set to 1 runs TestMatrix on every variant, and writes the result to compatibilityDoc.
const matrixEnv = "RUNSC_MATRIX"

// A variant is a kind of host on which every promise is tried.
type variant struct {
	engine lab.Engine
	suite  string
	store  lab.Store
	remap  bool // userns-remap is on
}

func variants() []variant {
	var all []variant
	for _, e := range lab.Engines() {
		for _, suite := range e.Suites {
			for _, store := range e.Stores {
				all = append(all, variant{e, suite, store, false}, variant{e, suite, store, true})
			}
		}
	}
	return all
}

func (v variant) String() string {
	remap := "off"
	if v.remap {
		remap = "on"
	}
	return strings.Join([]string{v.engine.Name, v.suite, string(v.store), remap}, "-")
}

// options are those of the variant's host.
func (v variant) options(product string) lab.Options {
	o := lab.Options{
		Name: "m-" + strings.ReplaceAll(v.String(), ".", ""), Suite: v.suite, Engine: v.engine.Name, Binary: product, Buildx: true,
		Files: map[string]lab.File{},
	}
	// containerd's store is the default of the newest engine, and an option of the others.
	switch isNewest := v.engine.Name == lab.Newest; {
	case isNewest && v.store == lab.GraphDriver:
		o.Files[daemonJSON] = lab.File{Content: `{"features": {"containerd-snapshotter": false}}` + "\n"}
	case !isNewest && v.store == lab.Containerd:
		o.Files[daemonJSON] = lab.File{Content: `{"features": {"containerd-snapshotter": true}}` + "\n"}
	}
	return o
}

// The states of a cell.
const (
	works         = "works"
	heldBack      = "held"
	notApplicable = "n/a"
	fails         = "FAILS"
)

// A cell says whether a promise is kept on a variant, and why not.
type cell struct{ State, Why string }

// A row is all that was seen on a variant.
type row struct {
	Engine, Suite, Store, Remap string
	Versions                    string
	Seconds                     float64
	Cells                       map[string]cell // by promise
}

func (r row) failed() bool {
	for _, c := range r.Cells {
		if c.State == fails {
			return true
		}
	}
	return len(r.Cells) < len(promises)
}

// try boots a host of the variant and tries each promise on it, in their order.
func (v variant) try(t *testing.T, product string) row {
	started := time.Now()
	h := host{lab.ForTest(t, v.options(product)), t}
	fields := strings.Split(v.String(), "-")
	r := row{Engine: fields[0], Suite: fields[1], Store: fields[2], Remap: fields[3], Cells: map[string]cell{}}
	r.Versions = h.run(`echo "Docker $(docker version -f '{{.Server.Version}}'), $(containerd --version | cut -d' ' -f1,3), $(runc --version | head -n 1 | sed 's/ version//'), $(systemctl --version | head -n 1 | cut -d' ' -f1,2)"`)
	var out cell // why no further promise can be tried
	for _, p := range promises {
		if out.State != "" {
			r.Cells[p.name] = out
			continue
		}
		c := cell{fails, "see the log"}
		t.Run(p.name, func(t *testing.T) {
			c = p.keep(host{h.Host, t}, v)
			if t.Failed() {
				c = cell{fails, "see the log"}
			}
		})
		r.Cells[p.name] = c
		if p.name == "remap" && v.remap && c.State != works {
			out = cell{notApplicable, "userns-remap is not on"}
		}
	}
	r.Seconds = time.Since(started).Seconds()
	return r
}

// TestMatrix tries each promise on each variant of a host. A cell that fails fails the test. `make matrix` tries
// all of them. `make test` tries two variants of Debian's engines, and one of those that the lab has built already.
func TestMatrix(t *testing.T) {
	lab.SkipIfOff(t)
	cache, err := lab.OpenCache(os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	all := os.Getenv(matrixEnv) == "1"
	wanted := variants()
	if !all {
		wanted = slice(t, cache)
	}
	product := lab.BuildProduct(t, "")
	seen := results{dir: filepath.Join(cache.Dir(), "matrix-"+digest(t, product, os.Args[0])[:12])}
	if !all {
		seen.dir = t.TempDir() // keeps nothing for the next run
	}
	t.Run("host", func(t *testing.T) {
		for _, v := range wanted {
			t.Run(v.String(), func(t *testing.T) {
				t.Parallel()
				if r, ok := seen.earlier(t, v); ok {
					t.Logf("tried before: %s", r.Versions)
					return
				}
				seen.keep(t, v, v.try(t, product))
			})
		}
	})
	var rows []row
	for _, v := range wanted {
		r, ok := seen.earlier(t, v)
		if !ok {
			t.Errorf("%s: not tried", v)
			continue
		}
		rows = append(rows, r)
	}
	t.Logf("\n%s", table(rows))
	if all && !t.Failed() {
		if err := os.WriteFile(compatibilityDoc, []byte(compatibility(rows, time.Now())), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// slice is the part of the variants that `make test` tries.
func slice(t *testing.T, cache *lab.Cache) []variant {
	seed := lab.Seed(t)
	var chosen, built []variant
	for _, v := range variants() {
		has, err := cache.HasEngine(t.Context(), v.engine)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case !v.engine.Built():
			chosen = append(chosen, v)
		case has:
			built = append(built, v)
		}
	}
	source := rand.New(rand.NewPCG(seed, 0))
	take := func(n int, from []variant) []variant {
		source.Shuffle(len(from), func(i, j int) { from[i], from[j] = from[j], from[i] })
		return from[:min(len(from), n)]
	}
	chosen = append(take(2, chosen), take(1, built)...)
	t.Logf("seed %d: %v", seed, chosen)
	return chosen
}

// results are the rows that earlier runs of the same programs have left, so that an interrupted run goes on.
type results struct {
	dir string
	mu  sync.Mutex
}

func (s *results) earlier(t *testing.T, v variant) (r row, ok bool) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, v.String()+".json"))
	if os.IsNotExist(err) {
		return r, false
	}
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r, !r.failed()
}

// keep stores a row unless it failed.
func (s *results) keep(t *testing.T, v variant, r row) {
	t.Helper()
	t.Logf("\n%s", table([]row{r}))
	if t.Failed() || r.failed() {
		return
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(s.dir, v.String()+".json")
	if err := os.WriteFile(path+".new", text, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// digest is that of some files.
func digest(t *testing.T, paths ...string) string {
	t.Helper()
	sum := sha256.New()
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(sum, f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
	return fmt.Sprintf("%x", sum.Sum(nil))
}
