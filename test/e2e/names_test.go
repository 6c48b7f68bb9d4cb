package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"runsc-provisioner/test/lab"
)

// roundsEnv is the environment variable with the number of rounds of TestNames_RandomRounds.
const roundsEnv = "RUNSC_ROUNDS"

// engineEnv is the environment variable with the engine for it.
const engineEnv = "RUNSC_ENGINE"

// crowd makes containers, and changes them at random.
type crowd struct {
	host
	random   *rand.Rand
	networks []string
	made     int
	names    map[string]bool // all that a container had at any time
}

// TestNames_RandomRounds: whatever happens to containers, a sandbox has the answers of Docker's own DNS soon, and no
// others.
func TestNames_RandomRounds(t *testing.T) {
	rounds := 20
	if text := os.Getenv(roundsEnv); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	seed := lab.Seed(t)
	h := kept(t, namesOptions(), keepsNames)
	h.serveNoNames()
	c := crowd{host: h, random: rand.New(rand.NewPCG(seed, seed)), networks: []string{"front", "back", "a.b"}, names: map[string]bool{}}
	h.run("docker network create --ipv6 --subnet fd00:1::/64 front; docker network create back; docker network create --internal a.b")
	for range 3 {
		c.start("runsc")
	}
	c.start("runc")
	var longest time.Duration
	for round := range rounds {
		did := c.step()
		took := h.sameAnswers(c.asked())
		longest = max(longest, took)
		t.Logf("round %d: %s: %s", round, did, took)
	}
	t.Logf("the longest took %s", longest)
}

// namesOptions boot the engine that the environment names, or the suite's.
func namesOptions() lab.Options {
	o := lab.Options{Engine: os.Getenv(engineEnv)}
	for _, e := range lab.Engines() {
		if e.Name == o.Engine {
			o.Suite = e.Suites[len(e.Suites)-1]
		}
	}
	return o
}

// asked are the names to ask for: each that was ever there, alone and with each network.
func (c *crowd) asked() (names []string) {
	for name := range c.names {
		names = append(names, name)
		for _, network := range c.networks {
			names = append(names, name+"."+network)
		}
	}
	slices.Sort(names)
	return names
}

func pick[T any](r *rand.Rand, all []T) T { return all[r.IntN(len(all))] }

// note keeps the names of all containers, to ask for them from now on.
func (c *crowd) note() {
	for _, one := range c.running() {
		for _, name := range []string{strings.TrimPrefix(one.Name, "/"), one.ID[:12], one.Config.Hostname} {
			c.names[name] = true
		}
	}
}

// start starts a new container.
func (c *crowd) start(runtime string) string {
	c.made++
	name := fmt.Sprintf("c%d", c.made)
	alias := pick(c.random, []string{"svc", "web", "DB", "x.y"})
	flags := []string{"--runtime=" + runtime, "--network=" + pick(c.random, c.networks), "--network-alias=" + alias, "--name=" + name}
	if c.random.IntN(3) == 0 {
		flags = append(flags, "--hostname=host"+name+".example.com")
	}
	if all := c.running(); len(all) > 0 && c.random.IntN(4) == 0 {
		flags = append(flags, "--link="+strings.TrimPrefix(pick(c.random, all).Name, "/")+":linked")
		c.names["linked"] = true
	}
	// A link to a container on another network is refused: then it starts without.
	command := "docker run -d " + strings.Join(flags, " ") + " busybox:lab sleep 100000"
	c.run(command + " || { docker rm -f " + name + "; docker run -d --runtime=" + runtime + " --network=back --name=" + name + " busybox:lab sleep 100000; }")
	c.names[alias] = true
	c.note()
	return command
}

// step changes something.
func (c *crowd) step() (did string) {
	all := c.running()
	if len(all) < 3 {
		return c.start(pick(c.random, []string{"runsc", "runc"}))
	}
	one := pick(c.random, all)
	name := strings.TrimPrefix(one.Name, "/")
	network := pick(c.random, c.networks)
	_, connected := one.NetworkSettings.Networks[network]
	switch n := c.random.IntN(10); {
	case n < 2 && len(all) < 8:
		return c.start(pick(c.random, []string{"runsc", "runsc", "runc"}))
	case n < 3:
		did = "docker rm -f " + name
	case n < 4:
		did = "docker restart -t 0 " + name
	case n < 5:
		did = "docker stop -t 0 " + name + " && docker start " + name
	case n < 6:
		c.made++
		did = fmt.Sprintf("docker rename %s r%d", name, c.made)
	case n < 7: // scale: one more of the same
		return c.start(one.HostConfig.Runtime)
	case connected:
		did = "docker network disconnect " + network + " " + name
	default:
		alias := pick(c.random, []string{"svc", "late"})
		c.names[alias] = true
		did = "docker network connect --alias " + alias + " " + network + " " + name
	}
	c.run(did)
	c.note()
	return did
}
