package kill

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"runsc-provisioner/test/lab"
)

const (
	// everyEnv takes every Nth point, instead of every eighteenth from a random one on.
	everyEnv = "RUNSC_KILL_EVERY"
	// onlyEnv takes one point, by its number.
	onlyEnv = "RUNSC_KILL_POINT"

	daemonJSON = "/etc/docker/daemon.json"
	older      = "20260907.0"
	newer      = "20260914.0"
	pointsLog  = "/run/points"
)

// A scenario is a run that is killed, and the one after it.
type scenario struct {
	name  string
	suite string
	files map[string]lab.File
	setup string // once, right after the start
	reset string // brings the host to the state where the run begins, any number of times
	run   string // the command that is killed
	code  int    // its exit code if it is not killed
	// texts are the texts that daemon.json may have after the kill, as JSON.
	texts []string
	next  string // the command after it
	after int    // its exit code
	// then lists what `state` may print after it.
	then []string
	// stops is true if the run may end containers.
	stops bool
	// down is true if Docker may be down after the kill.
	down bool
	// aside is true if a recovery was set aside.
	aside bool
	// holds is a command that must succeed in the end.
	holds string
	// swept says that it runs only if every point is asked for: make test has no time for it.
	swept bool
}

// A sweeper is one scenario on one host.
type sweeper struct {
	scenario
	*lab.Host
	t *testing.T
	// shutdown is a directory; its file system loses everything that is not on
	// the disk.
	shutdown string
	// mended is the script that mounts the file system again after that.
	mended string
}

// everything reports whether the environment asks for every point or for a
// certain one.
func everything() bool { return os.Getenv(everyEnv) != "" || os.Getenv(onlyEnv) != "" }

// numbers returns which of n points to take.
func numbers(t *testing.T, n int) []int {
	t.Helper()
	number := func(env string, otherwise int) int {
		text := os.Getenv(env)
		if text == "" {
			return otherwise
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			t.Fatalf("%s=%q: want a number from 1 on", env, text)
		}
		return n
	}
	if only := number(onlyEnv, 0); only > 0 {
		return []int{only}
	}
	const sparse = 18
	first, every := 1, number(everyEnv, sparse)
	if every > 1 && n > 0 {
		// Many runs of the tests reach all points. The message of a failure has the number of its point.
		first += int(lab.Seed(t) % uint64(min(every, n)))
	}
	var taken []int
	for i := first; i <= n; i += every {
		taken = append(taken, i)
	}
	return taken
}

// shell runs a script in the host, which must exit with code.
func (s *sweeper) shell(code int, script string) (string, error) {
	r, err := s.Run(s.t.Context(), "bash", "-c", "export PATH=/opt/product:$PATH\n"+script)
	if err != nil {
		return "", err
	}
	if r.Code != code {
		return "", fmt.Errorf("%s: want exit %d, got %s", script, code, r)
	}
	return strings.TrimSpace(r.Stdout), nil
}

// points lists the instants of a run that is not killed.
func (s *sweeper) points() ([]string, error) {
	// Run it once before: only a first run finds directories missing, for
	// example.
	if _, err := s.shell(0, s.reset+"\n"+s.run+" >/dev/null 2>&1\n"+s.reset); err != nil {
		return nil, err
	}
	text, err := s.shell(0, "rm -f "+pointsLog+"; RUNSC_FAILPOINT_LOG="+pointsLog+" "+s.run+" >/run/out 2>&1; code=$?; [ $code = "+fmt.Sprint(s.code)+" ] || { cat /run/out; exit $code; }; cat "+pointsLog)
	return strings.Split(text, "\n"), err
}

// kill does one round. Its error is an inconsistency.
func (s *sweeper) kill(number int) error {
	if _, err := s.shell(0, s.reset); err != nil {
		return fmt.Errorf("before the run: %w", err)
	}
	ran, err := s.shell(0, running)
	if err != nil {
		return fmt.Errorf("before the run: %w", err)
	}
	env := fmt.Sprintf("RUNSC_FAILPOINT=%d ", number)
	if s.shutdown != "" {
		env += "RUNSC_FAILPOINT_SHUTDOWN=" + s.shutdown + " "
	}
	if _, err := s.shell(137, env+s.run); err != nil {
		return err
	}
	if s.mended != "" {
		if _, err := s.shell(0, s.mended); err != nil {
			return fmt.Errorf("mount again: %w", err)
		}
	}
	if err := s.consistent(ran); err != nil {
		return fmt.Errorf("after the kill: %w", err)
	}
	if out, err := s.shell(s.after, s.next); err != nil {
		return fmt.Errorf("the next run: %w\n%s", err, out)
	}
	return s.converged(ran)
}

const (
	// running lists the running containers with their start times.
	running = "docker ps -q --no-trunc | sort | xargs -r docker inspect -f '{{.Id}} {{.State.StartedAt}}'"
	// up waits for a Docker that systemd is starting.
	up = "for i in $(seq 300); do [ $(systemctl is-active docker) = active ] && break; sleep 0.1; done; "
	// state prints the settings that dockerd runs with.
	state = "docker info -f '{{.DefaultRuntime}} {{with index .Runtimes \"runsc\"}}{{.Path}}{{end}} {{range .SecurityOptions}}{{if eq . \"name=userns\"}}remapped{{end}}{{end}}'"
	// leftovers lists what a run has left; there should be nothing.
	leftovers = `ls -A /var/lib/runsc-provisioner 2>/dev/null | grep -v '^lock$\|^accepted.json$\|^accepted.copy.json$\|^made-directory.json$\|^proofs$\|^validated$\|^failed-proofs$\|^rejected-arguments$\|^loaded.json$\|^before.json$\|^ids$\|^backup$'
ls -A /usr/local/lib/gvisor /etc/docker /usr/local/bin /etc/runsc-provisioner/config.d 2>/dev/null | grep runsc-provisioner-
docker ps -aq --filter name=runsc-provisioner-proof; docker images -q --filter reference='runsc-provisioner-proof*'
for p in /proc/[0-9]*; do tr '\0' ' ' < $p/cmdline 2>/dev/null | grep 'runsc-proo[f]'; done
true`
)

// consistent checks the host right after a kill.
func (s *sweeper) consistent(ran string) error {
	text, err := s.shell(0, "cat "+daemonJSON+" 2>/dev/null || echo '{}'")
	if err != nil {
		return err
	}
	var got any
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		return fmt.Errorf("daemon.json does not parse: %w: %s", err, text)
	}
	if !slices.ContainsFunc(s.texts, func(want string) bool { return same(text, want) }) {
		return fmt.Errorf("daemon.json has none of the texts of the plan: %s", text)
	}
	if s.down {
		return nil
	}
	if _, err := s.shell(0, up+state+"; docker run --rm "+lab.Image+" true"); err != nil && !s.stops {
		return err
	} else if _, err := s.shell(0, up+state); err != nil {
		return err
	}
	return s.stillRun(ran)
}

func (s *sweeper) stillRun(ran string) error {
	now, err := s.shell(0, running)
	if err != nil {
		return err
	}
	if now != ran && !s.stops {
		return fmt.Errorf("containers were\n%s\nand are\n%s", ran, now)
	}
	return nil
}

// converged checks the host after the next run.
func (s *sweeper) converged(ran string) error {
	if s.after == 0 {
		said, err := s.shell(0, s.next)
		if err != nil || !strings.Contains(said, "nothing to do") {
			return errors.Join(err, fmt.Errorf("a second run is not done: %s", said))
		}
	}
	listed := leftovers
	if s.aside {
		listed = strings.Replace(listed, "grep -v '", `grep -v '^set-aside$\|`, 1)
	}
	left, err := s.shell(0, listed)
	if err != nil || left != "" {
		return errors.Join(err, fmt.Errorf("left behind: %s", left))
	}
	now, err := s.shell(0, state)
	if err != nil || !slices.Contains(s.then, strings.Join(strings.Fields(now), " ")) {
		return errors.Join(err, fmt.Errorf("dockerd runs with %q, want one of %q", now, s.then))
	}
	if s.holds != "" {
		if out, err := s.shell(0, s.holds); err != nil {
			return fmt.Errorf("%w\n%s", err, out)
		}
	}
	return s.stillRun(ran)
}

// same compares two JSON texts.
func same(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return false
	}
	left, _ := json.Marshal(x)
	right, _ := json.Marshal(y)
	return string(left) == string(right)
}

// sweep kills the runs of a scenario at the points that take chooses, and
// returns how many it killed, how many hosts were inconsistent, and the names
// of the points.
func (s *sweeper) sweep(take func(points []string) []int) (killed, inconsistent int, names []string) {
	s.t.Helper()
	if s.setup != "" {
		if _, err := s.shell(0, s.setup); err != nil {
			s.t.Fatal(err)
		}
	}
	points, err := s.points()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, number := range take(points) {
		if number > len(points) {
			s.t.Fatalf("there are %d points", len(points))
		}
		name := points[number-1]
		killed, names = killed+1, append(names, name)
		if err := s.kill(number); err != nil {
			inconsistent++
			s.t.Errorf("killed at point %d, %q (%s=%d takes only this one):\n%v", number, name, onlyEnv, number, err)
		}
	}
	s.t.Logf("%s on %s: %d points, killed at %d of them", s.name, s.suite, len(points), killed)
	return killed, inconsistent, names
}

func boot(t *testing.T, s scenario, binary string, binds ...lab.Bind) *sweeper {
	t.Helper()
	h := lab.ForTest(t, lab.Options{Suite: s.suite, Name: "kill-" + strings.ReplaceAll(s.name, " ", "-"), Files: s.files, Binary: binary, Binds: binds})
	return &sweeper{scenario: s, Host: h, t: t}
}

func TestFault_F01_KilledAtEveryInstant(t *testing.T) {
	binary := lab.BuildWithFailpoints(t)
	var killed, inconsistent int
	distinct := map[string]bool{}
	for _, s := range scenarios() {
		t.Run(s.name+" on "+s.suite, func(t *testing.T) {
			if s.swept && !everything() {
				t.Skip("make test-kill runs it")
			}
			k, i, names := boot(t, s, binary).sweep(func(points []string) []int { return numbers(t, len(points)) })
			killed, inconsistent = killed+k, inconsistent+i
			for _, name := range names {
				distinct[name] = true
			}
		})
	}
	fmt.Printf("killed %d times at %d distinct points, %d hosts left inconsistent\n", killed, len(distinct), inconsistent)
}
