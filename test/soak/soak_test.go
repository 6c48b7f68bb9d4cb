package soak

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"runsc-provisioner/provision/status"
	"runsc-provisioner/test/lab"
)

const (
	// defaultSoak is the length of the soak that is part of all tests.
	defaultSoak = 45 * time.Second
	// unrepaired is the time after which a host counts as not repaired: repairs
	// take milliseconds, the restart of a killed dockerd seconds.
	unrepaired = time.Minute
	// mostGrowth is by how much memory may grow until the end, in KiB: the Go
	// runtime returns it late.
	mostGrowth = 8 << 10
)

const config = `[docker]
default_runtime = "runsc"

[enforce]
contested_after = 1000000
contested_window = "24h"
`

// TestSoak makes random drift for as long as RUNSC_SOAK says, from RUNSC_SEED.
func TestSoak(t *testing.T) {
	length, seed := lengthAndSeed(t)
	t.Logf("RUNSC_SEED=%d RUNSC_SOAK=%s", seed, length)
	h := boot(t)
	s := soak{host: h, random: rand.New(rand.NewPCG(seed, 0)), byName: map[string]int{}}
	s.sums = h.run(sums)
	begun, early := time.Now(), footprint{}
	for n := 0; time.Since(begun) < length; n++ {
		if early.fds == 0 && time.Since(begun) > length/5 {
			early = h.footprint()
		}
		s.round(n)
	}
	late := h.footprint()
	t.Logf("seed %d, %s: %d drifts in %d rounds, %v; repaired after %s (median), %s (longest)",
		seed, time.Since(begun).Round(time.Second), s.drifts, len(s.took), s.byName, median(s.took), slices.Max(s.took))
	t.Logf("seed %d: early %+v, late %+v, %d starts of Docker, %d log lines", seed, early, late, h.starts(), h.lines())
	s.judge(early, late)
}

func lengthAndSeed(t *testing.T) (length time.Duration, seed uint64) {
	length, seed = defaultSoak, lab.Seed(t)
	if text := os.Getenv("RUNSC_SOAK"); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	return length, seed
}

// A soak is one soak in progress.
type soak struct {
	host
	random  *rand.Rand
	sums    string // digests of the release
	byName  map[string]int
	drifts  int
	took    []time.Duration
	started int // how often we made Docker start
}

// round makes one drift, or a few at once, and waits until the host matches the
// configuration again.
func (s *soak) round(n int) {
	s.t.Helper()
	several := 1
	if s.random.IntN(4) == 0 {
		several += 1 + s.random.IntN(2)
	}
	script := "f=" + daemonJSON + "; new=/root/theirs.json; image=" + lab.Image + "; cat > $new <<'EOF'\n" + theirs(n) + "EOF\n"
	var names []string
	edits, files := false, false
	for range several {
		d := drifts[s.random.IntN(len(drifts))]
		if (d.image || d.starts > 0) && several > 1 {
			continue // Docker would not start with the other changes
		}
		script += "RANDOM=" + strconv.Itoa(s.random.IntN(30000)) + "; mkdir -p /etc/docker\n" + d.script + "\n"
		names = append(names, d.name)
		s.byName[d.name]++
		s.drifts++
		s.started += d.starts
		edits, files = d.edits, files || d.files
	}
	s.run(script + "true") // one may have removed what the next changes
	begun := time.Now()
	for {
		wrong := s.mismatch(n, edits, files)
		if wrong == "" {
			break
		}
		if time.Since(begun) > unrepaired {
			s.t.Fatalf("round %d (%s): not repaired within %s: %s\n%s", n, strings.Join(names, ", "), unrepaired, wrong, s.run("cat /run/runsc-provisioner/status.json"))
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.took = append(s.took, time.Since(begun))
}

const sums = "cd " + dir + " && find . -printf '%m %p\\n' | sort && sha256sum $(find . -type f | sort)"

// mismatch returns what does not match the configuration, or "".
func (s *soak) mismatch(n int, edits, files bool) string {
	got := s.status()
	if got.State != status.StateEnforced || got.ConfigKept != "" {
		return "status: " + got.Line
	}
	var text struct {
		Labels   []string
		Default  string `json:"default-runtime"`
		Runtimes map[string]struct{ Path string }
	}
	raw, err := os.ReadFile(s.Path(daemonJSON))
	if err == nil {
		err = json.Unmarshal(raw, &text)
	}
	switch {
	case err != nil:
		return err.Error()
	case text.Default != "runsc" || text.Runtimes["runsc"].Path != dir+"/runsc":
		return "daemon.json: " + string(raw)
	case edits && !slices.Equal(text.Labels, []string{fmt.Sprintf("round=%d", n)}):
		return "daemon.json has lost foreign keys: " + string(raw)
	}
	r, err := s.Run(s.t.Context(), "sh", "-c", `readlink `+link+`; docker info -f '{{.DefaultRuntime}} {{(index .Runtimes "runsc").Path}}'`)
	if err != nil {
		return err.Error()
	}
	if want := dir + "/runsc\nrunsc " + dir + "/runsc\n"; r.Stdout != want {
		return fmt.Sprintf("link and dockerd: got %q, want %q", r.Stdout, want)
	}
	if files {
		if now, err := s.Run(s.t.Context(), "sh", "-c", sums); err != nil || strings.TrimSpace(now.Stdout) != s.sums {
			return fmt.Sprintf("release: %v %s", err, now.Stdout)
		}
	}
	return ""
}

// judge checks the host and the daemon at the end.
func (s *soak) judge(early, late footprint) {
	s.t.Helper()
	status := s.status()
	if got := s.starts(); got != 1+s.started || status.Counts.Restarts != 0 {
		s.t.Errorf("got %d starts of Docker, %d of them the daemon's, want %d and none", got, status.Counts.Restarts, 1+s.started)
	}
	if got := s.run("systemctl show -p NRestarts --value runsc-provisioner"); got != "0" {
		s.t.Errorf("the daemon itself was restarted %s times", got)
	}
	// A descriptor that happened to be open at the early look is not a leak.
	if late.fds > early.fds || late.watches != early.watches {
		s.t.Errorf("descriptors and watches: got %+v, want no more, and the same watches, than early on, %+v", late, early)
	}
	if late.resident > early.resident+mostGrowth {
		s.t.Errorf("memory: got %d KiB, want at most %d more than early on, %d", late.resident, mostGrowth, early.resident)
	}
	if got, most := s.lines(), 12*s.drifts+100; got > most {
		s.t.Errorf("got %d log lines for %d drifts, want at most %d", got, s.drifts, most)
	}
	if got := s.run("journalctl -u runsc-provisioner -o cat --no-pager | grep -iE 'operation not permitted|permission denied|read-only file system|bad system call|watchdog' || true"); got != "" {
		s.t.Errorf("the unit's sandboxing denied something: %s", got)
	}
}

func median(all []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(all))[len(all)/2]
}
