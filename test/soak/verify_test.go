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

	"runsc-provisioner/test/lab"
)

const (
	ofEach     = 25 // containers in a sandbox, and as many outside
	fewRounds  = 20
	manyRounds = 1000
)

// A crowd is a set of containers on a host; their names say whether they are in
// a sandbox.
type crowd struct {
	t    *testing.T
	host *lab.Host
	rand *rand.Rand
	made int
	live []string
}

func (c *crowd) sh(script string) string {
	c.t.Helper()
	r, err := c.host.Run(c.t.Context(), "sh", "-c", script)
	if err != nil || r.Code != 0 {
		c.t.Fatalf("%s: %v: %v", script, err, r)
	}
	return r.Stdout
}

// name makes a new name; one that begins with "in" is for a container in a
// sandbox.
func (c *crowd) name(runtime string) string {
	c.made++
	return fmt.Sprintf("%s-%d", map[string]string{"runsc": "in", "runc": "out"}[runtime], c.made)
}

func start(name string) string {
	runtime := "runc"
	if strings.HasPrefix(name, "in-") {
		runtime = "runsc"
	}
	return "docker run -d --name " + name + " --runtime=" + runtime + " " + lab.Image + " sleep 90000 >/dev/null"
}

// churn returns a script that ends some containers, in one of several ways, and
// starts as many of each kind.
func (c *crowd) churn() string {
	var script []string
	for range 1 + c.rand.IntN(3) {
		i := c.rand.IntN(len(c.live))
		name := c.live[i]
		c.live = slices.Delete(c.live, i, i+1)
		ends := []string{
			"docker rm -f " + name + " >/dev/null",
			"docker kill " + name + " >/dev/null && docker rm -f " + name + " >/dev/null",
			"kill -9 $(docker inspect -f '{{.State.Pid}}' " + name + ") && docker wait " + name + " >/dev/null && docker rm -f " + name + " >/dev/null",
		}
		fresh := c.name([]string{"runsc", "runc"}[c.rand.IntN(2)])
		c.live = append(c.live, fresh)
		script = append(script, ends[c.rand.IntN(len(ends))], start(fresh))
	}
	return strings.Join(script, " && ")
}

// verdicts returns verify's verdicts by name.
func (c *crowd) verdicts() map[string]string {
	c.t.Helper()
	r, err := c.host.Run(c.t.Context(), "runsc-provisioner", "verify", "--format", "json")
	if err != nil {
		c.t.Fatal(err)
	}
	var v struct {
		Status     string
		Containers []struct {
			Name, State string
			Checks      []struct{ Name, State, Seen string }
		}
		Orphans, Claims []struct{ PID int }
	}
	if err := json.Unmarshal([]byte(r.Stdout), &v); err != nil {
		c.t.Fatalf("%v: %v", err, r)
	}
	states := map[string]string{}
	for _, one := range v.Containers {
		want := "not sandboxed"
		if strings.HasPrefix(one.Name, "in-") {
			want = "sandboxed"
		}
		if states[one.Name] = one.State; one.State != want {
			c.t.Errorf("%s is %s: %+v", one.Name, one.State, one.Checks)
		}
	}
	return states
}

// TestSoakVerdictsAreTheTruth runs verify on fifty containers, some of which
// come and go, even during the look.
func TestSoakVerdictsAreTheTruth(t *testing.T) {
	rounds := fewRounds
	if os.Getenv("RUNSC_SOAK") != "" {
		rounds = manyRounds
	}
	if text := os.Getenv("RUNSC_ROUNDS"); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	seed := lab.Seed(t)
	t.Logf("seed %d, %d rounds", seed, rounds)
	c := &crowd{t: t, host: lab.ForTest(t, lab.Options{}), rand: rand.New(rand.NewPCG(seed, 1))}
	c.sh("runsc-provisioner apply --default-runtime")
	for range ofEach {
		c.live = append(c.live, c.name("runsc"), c.name("runc"))
	}
	c.rand.Shuffle(len(c.live), func(i, j int) { c.live[i], c.live[j] = c.live[j], c.live[i] })
	for batch := range slices.Chunk(c.live, 10) {
		var scripts []string
		for _, name := range batch {
			scripts = append(scripts, start(name))
		}
		c.sh(strings.Join(scripts, " && "))
	}
	judged := 0
	for round := range rounds {
		churned := make(chan lab.Result, 1)
		script := c.churn()
		go func() {
			r, err := c.host.Run(t.Context(), "sh", "-c", script)
			if err != nil {
				r.Code, r.Stderr = -1, err.Error()
			}
			churned <- r
		}()
		judged += len(c.verdicts()) // while containers come and go, each verdict is right or missing
		if r := <-churned; r.Code != 0 {
			t.Fatalf("round %d: %s: %v", round, script, r)
		}
		states := c.verdicts()
		judged += len(states)
		for _, name := range c.live {
			if states[name] == "" {
				t.Errorf("round %d: no verdict on %s", round, name)
			}
		}
		if len(states) != len(c.live) {
			t.Errorf("round %d: got %d verdicts, want %d", round, len(states), len(c.live))
		}
		if t.Failed() {
			t.Fatalf("round %d of seed %d", round, seed)
		}
	}
	t.Logf("%d verdicts in %d rounds, all of them right", judged, rounds)
}
