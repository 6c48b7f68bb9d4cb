package soak

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"runsc-provisioner/provision/status"
	"runsc-provisioner/test/lab"
)

const (
	older = "20260907.0"
	state = "/var/lib/runsc-provisioner"
	// pointsLog has the instants of our runs, including their requests to
	// systemd.
	pointsLog = state + "/points"
	// ofOneKind is how many containers run under each runtime.
	ofOneKind = 2
	// betweenCalms is the number of blows after which the host must be right.
	betweenCalms = 8

	ours      = "[docker]\ndefault_runtime = \"runsc\"\n\n[enforce]\ncontested_after = 1000000\ncontested_window = \"24h\"\n"
	applyIt   = "runsc-provisioner apply --lock-timeout=60s"
	restarted = `^restart: before the job$\|^back: before docker is restarted$`
	begun     = `^back: before docker is started$`
)

// A storm is one host while another program keeps changing it.
type storm struct {
	host
	live     bool // live-restore
	blows    *rand.Rand
	applies  *rand.Rand
	byName   map[string]int
	calms    int
	stuck    int
	runs     int
	kept     string // the containers, as started
	made     int    // how many containers were started
	outlived int    // how many blasts they had to survive, and did
}

// In TestSoakRecovery another program overwrites daemon.json and restarts
// Docker at random moments, even into its start limit, while the daemon works
// and runs of apply end or are killed, for as long as RUNSC_SOAK says, from
// RUNSC_SEED.
func TestSoakRecovery(t *testing.T) {
	if os.Getenv("RUNSC_SOAK") == "" {
		t.Skip("takes minutes: make soak RUN=TestSoakRecovery SOAK=15m")
	}
	length, seed := lengthAndSeed(t)
	binary := lab.BuildWithFailpoints(t)
	for i, live := range []bool{false, true} {
		t.Run(map[bool]string{false: "containers end with dockerd", true: "live-restore"}[live], func(t *testing.T) {
			t.Parallel()
			s := newStorm(t, binary, live, seed+uint64(i))
			s.run(functions + "rm -f /root/asked " + pointsLog + "; : > /root/asked")
			before := s.starts()
			end := time.Now().Add(length)
			for n := 0; time.Now().Before(end); n++ {
				s.blast(n, end)
				s.calm(n)
			}
			s.judge(before, seed, length)
		})
	}
}

func newStorm(t *testing.T, binary string, live bool, seed uint64) *storm {
	t.Helper()
	flag := map[bool]string{true: " --live-restore"}[live]
	files := map[string]lab.File{
		ownConfig: {Content: ours},
		"/etc/systemd/system/docker.service.d/50-soak.conf":            {Content: "[Service]\nExecStart=\nExecStart=/usr/sbin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock" + flag + "\n"},
		"/etc/systemd/system/runsc-provisioner.service.d/50-soak.conf": {Content: "[Service]\nEnvironment=RUNSC_FAILPOINT_LOG=" + pointsLog + "\nRestartSec=100ms\n"},
	}
	s := &storm{
		host:    host{lab.ForTest(t, lab.Options{Name: "storm", Files: files, Binary: binary}), t},
		live:    live,
		blows:   rand.New(rand.NewPCG(seed, 2)),
		applies: rand.New(rand.NewPCG(seed, 3)),
		byName:  map[string]int{},
	}
	s.run("systemctl start runsc-provisioner")
	s.quiet()
	s.begin()
	return s
}

// begin starts containers of both kinds, whatever happened to the earlier ones.
func (s *storm) begin() {
	s.t.Helper()
	s.script("docker ps -aq --filter name=keep- | xargs -r docker rm -f", s.blows)
	for range ofOneKind {
		s.made++
		for _, runtime := range []string{"runc", "runsc"} {
			s.run(fmt.Sprintf("docker run -d --stop-signal KILL --name keep-%s-%d --runtime=%s %s sleep 1000000", runtime, s.made, runtime, lab.Image))
		}
	}
	s.kept = s.run(containersOf)
}

const containersOf = "docker ps --no-trunc -q --filter name=keep- | sort | xargs -r docker inspect -f '{{.Name}} {{.State.StartedAt}} {{.State.Pid}}'"

// script runs a script whose commands may fail: only the state of the host
// afterwards counts.
func (s *storm) script(text string, random *rand.Rand) {
	s.t.Helper()
	part := random.IntN(10)
	r, err := s.Run(s.t.Context(), "bash", "-c", fmt.Sprintf("export RUNSC_FAILPOINT_LOG=%s PART=%d\n%s%s\ntrue", pointsLog, part, functions, text))
	if err != nil || r.Code != 0 {
		s.t.Errorf("%s: %v, %v", text, err, r)
	}
}

// blast makes a number of blows, one after another at random moments, with our
// runs beside them.
func (s *storm) blast(n int, end time.Time) {
	s.t.Helper()
	s.run(fmt.Sprintf("cat > /root/theirs.json <<'EOF'\n%sEOF\necho '{\"default-runtime\": \"runsc\"}' > /root/bare.json; mkdir -p /etc/docker", theirs(n)))
	over := make(chan struct{})
	var both sync.WaitGroup
	both.Go(func() {
		for {
			select {
			case <-over:
				return
			default:
			}
			s.runs++
			s.script(fmt.Sprintf("sleep 0.%d; %s", s.applies.IntN(10), applies[s.applies.IntN(len(applies))]), s.applies)
		}
	})
	for range betweenCalms {
		b := blows[s.blows.IntN(len(blows))]
		for s.gentle(n) && !b.gentle {
			b = blows[s.blows.IntN(len(blows))]
		}
		s.byName[b.name]++
		s.script(fmt.Sprintf("sleep %d.%d\n%s", s.blows.IntN(2), s.blows.IntN(10), b.script), s.blows)
		// The other program starts Docker again if it has stopped it.
		s.script(fmt.Sprintf("sleep %d.%d\nsystemctl is-active -q docker || { put $new; systemctl reset-failed docker docker.socket; asked; systemctl start docker; }",
			s.blows.IntN(3), s.blows.IntN(10)), s.blows)
		if time.Now().After(end) {
			break
		}
	}
	close(over)
	both.Wait()
}

// forgotten kills a dockerd that systemd has forgotten: a restart that hits the
// start limit while another one starts Docker leaves its process
// (KillMode=process), and no later dockerd starts beside it.
const forgotten = "for p in $(cat /sys/fs/cgroup/system.slice/docker.service/cgroup.procs 2>/dev/null); do grep -qsx dockerd /proc/$p/comm && kill $p; done; "

// calm pauses the blows: Docker must run, the next apply must succeed, and the
// one after it must have nothing to do. Otherwise the host is stuck.
func (s *storm) calm(n int) {
	s.t.Helper()
	s.calms++
	s.script("until systemctl is-active -q docker; do put $new; systemctl reset-failed docker docker.socket; "+forgotten+"asked; systemctl start docker; sleep 0.2; done; systemctl reset-failed docker docker.socket", s.blows)
	r, err := s.Run(s.t.Context(), "bash", "-c", "export RUNSC_FAILPOINT_LOG="+pointsLog+"\n"+applyIt+" --once --release "+newer+" && runsc-provisioner plan --detailed-exitcode && [ ! -e "+state+"/journal.json ]")
	if err != nil || r.Code != 0 {
		s.stuck++
		s.t.Errorf("blast %d: stuck: %v %v\n%s", n, err, r, s.run("cat "+daemonJSON+"; ls -R "+state+"; cat "+state+"/journal.json; cat "+state+"/set-aside/*/why; true"))
		return
	}
	s.quiet()
	if !s.live && !s.gentle(n) {
		s.begin() // the other program has ended them
		return
	}
	s.outlived++
	if now := s.run(containersOf); now != s.kept {
		s.t.Errorf("blast %d: containers were\n%s\nand are\n%s", n, s.kept, now)
		s.begin()
	}
}

// gentle reports whether blast n leaves dockerd running: every other one does,
// if containers end with dockerd.
func (s *storm) gentle(n int) bool { return !s.live && n%2 == 0 }

// judge accounts for every start of Docker: by the other program, by systemd
// after a crash, and by us, which is allowed only if Docker is down because of
// us.
func (s *storm) judge(before int, seed uint64, length time.Duration) {
	s.t.Helper()
	starts := s.starts() - before
	asked := s.count("wc -l < /root/asked")
	scheduled := s.count("journalctl -u docker -o cat --no-pager | grep -c 'Scheduled restart job' || true")
	restarts := s.count("grep -c '" + restarted + "' " + pointsLog + " || true")
	begun := s.count("grep -c '" + begun + "' " + pointsLog + " || true")
	recoveries := s.count("grep -c '^recover: done$' " + pointsLog + " || true")
	aside := s.count("grep -c '^set aside: done$' " + pointsLog + " || true")
	s.t.Logf("seed %d, %s, live-restore %t: %d calms, %d hosts stuck; %v; %d runs of apply; %d recoveries, %d set aside; containers outlived %d blasts",
		seed, length, s.live, s.calms, s.stuck, s.byName, s.runs, recoveries, aside, s.outlived)
	s.t.Logf("seed %d: %d starts of Docker: asked for by others %d, scheduled by systemd %d, by us %d, and %d restarts by us", seed, starts, asked, scheduled, begun, restarts)
	if restarts != 0 {
		s.t.Errorf("got %d restarts by us, want none: there was no consent", restarts)
	}
	if starts > asked+scheduled+begun {
		s.t.Errorf("got %d starts of Docker, %d more than accounted for", starts, starts-asked-scheduled-begun)
	}
	if got := s.status(); got.State != status.StateEnforced {
		s.t.Errorf("got the daemon %s, want it enforced", got.Line)
	}
	if text := strings.TrimSpace(s.run("cat " + daemonJSON)); !strings.HasPrefix(text, "{") {
		s.t.Errorf("got daemon.json %q", text)
	}
}
