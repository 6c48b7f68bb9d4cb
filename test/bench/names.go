package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"runsc-provisioner/test/lab"
)

const (
	namerInHost = "/usr/local/lib/runsc-provisioner-bench/namer"
	nameChanges = 200
	firstStarts = 100
	// manyContainers are on manyNetworks, and one in each network is in a sandbox: 200 sandboxes would need more memory
	// than most machines have. The service watches each container alike.
	manyContainers = 200
	manyNetworks   = 20
)

// namesRows measures how soon a sandbox has a name, whether its first lookup works, and what the service takes with many
// containers.
func namesRows(ctx context.Context, p pace, built programs) (rows []row, err error) {
	host, err := lab.Boot(ctx, lab.Options{
		Name: "bench-names", Binary: built.product,
		Binds: []lab.Bind{
			{Source: built.namer, Target: namerInHost, ReadOnly: true}, {Source: built.drifter, Target: drifterInHost, ReadOnly: true},
		},
		Files: map[string]lab.File{"/etc/runsc-provisioner/config.d/60-bench.toml": {Content: "[docker]\nnames = \"maintain\"\n"}},
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	shell := func(command string) (string, error) {
		said, err := succeed(ctx, host, lab.Command{Argv: []string{"sh", "-euc", command}})
		return strings.TrimSpace(said), err
	}
	if _, err := shell(`echo nameserver 127.0.0.1 >/etc/resolv.conf # nothing is there: it refuses at once
systemctl start runsc-provisioner
until grep -q '"state": "enforced"' /run/runsc-provisioner/status.json; do sleep 0.1; done
docker network create app
docker run -d --name web --runtime runsc --network app busybox:lab sleep 1000000
docker run -d --name db --network app busybox:lab sleep 1000000
docker run -d --name peer busybox:lab sleep 1000000`); err != nil {
		return nil, err
	}
	changes, err := changeRows(shell)
	if err != nil {
		return nil, err
	}
	first, err := firstRows(shell)
	if err != nil {
		return nil, err
	}
	many, err := manyRow(shell, p.idle)
	return append(append(changes, first...), many), err
}

func changeRows(shell func(string) (string, error)) ([]row, error) {
	said, err := shell(fmt.Sprintf("%s %d app peer $(docker inspect -f '{{.HostsPath}} {{.NetworkSettings.SandboxKey}}' web)", namerInHost, nameChanges))
	if err != nil {
		return nil, err
	}
	var seen struct{ Joined, JoinedDocker, Left, LeftDocker []float64 }
	if err := json.Unmarshal([]byte(said), &seen); err != nil {
		return nil, err
	}
	within := aim{ofValue, 0.100}
	return []row{
		{fmt.Sprintf("a container joins a network, until a sandbox has its name: median of %d (peer: until Docker's DNS answers)", nameChanges), milliseconds, seen.Joined, seen.JoinedDocker, within},
		{"the same: p99", milliseconds, []float64{percentile(seen.Joined, 99)}, []float64{percentile(seen.JoinedDocker, 99)}, within},
		{"it leaves, until the name is gone: median", milliseconds, seen.Left, seen.LeftDocker, within},
		{"the same: p99", milliseconds, []float64{percentile(seen.Left, 99)}, []float64{percentile(seen.LeftDocker, 99)}, within},
	}, nil
}

// firstRows counts the first lookups that come too early. The program of each container looks its peer up, and does
// nothing before. The peer is runc.
func firstRows(shell func(string) (string, error)) (rows []row, err error) {
	const lookup = "busybox:lab ping -c 1 -W 1 db"
	count := func(runtime string) (starts, restarts float64, err error) {
		said, err := shell(fmt.Sprintf(`late=0
for i in $(seq %[1]d); do docker run --rm --runtime %[2]s --network app %[3]s 2>&1 | grep -q 'PING db' || late=$((late+1)); done
docker create --name again --runtime %[2]s --network app %[3]s >/dev/null
for i in $(seq %[1]d); do docker restart -t 0 again >/dev/null; docker wait again >/dev/null; done
echo $late $((%[1]d - $(docker logs again 2>&1 | grep -c 'PING db')))
docker rm -f again >/dev/null`, firstStarts, runtime, lookup))
		if err != nil {
			return 0, 0, err
		}
		_, err = fmt.Sscan(said, &starts, &restarts)
		return starts, restarts, err
	}
	for _, load := range []string{"idle", "with both processors busy"} {
		if load != "idle" {
			if _, err := shell("for i in 1 2 3 4; do systemd-run -q --unit=busy$i sh -c 'while :; do :; done'; done"); err != nil {
				return nil, err
			}
		}
		starts, restarts, err := count("runsc")
		if err != nil {
			return nil, err
		}
		peerStarts, peerRestarts, err := count("runc")
		if err != nil {
			return nil, err
		}
		rows = append(rows,
			row{fmt.Sprintf("first lookups that fail, of %d starts, %s (peer: runc)", firstStarts, load), times, []float64{starts}, []float64{peerStarts}, aim{ofValue, 0}},
			row{fmt.Sprintf("first lookups that fail, of %d restarts, %s (peer: runc)", firstStarts, load), times, []float64{restarts}, []float64{peerRestarts}, aim{ofValue, 0}})
	}
	_, err = shell("systemctl stop 'busy*'")
	return rows, err
}

// manyRow measures the service with many containers that do nothing.
func manyRow(shell func(string) (string, error), window time.Duration) (row, error) {
	said, err := shell(fmt.Sprintf(`for n in $(seq %d); do docker network create n$n >/dev/null; done
for i in $(seq %d); do
runtime=runc; test $i -gt %[1]d || runtime=runsc
docker run -d --name c$i --runtime $runtime --network n$((i %% %[1]d + 1)) busybox:lab sleep 1000000 >/dev/null
done
sleep 20
%[3]s footprint %[4]s $(systemctl show -P MainPID runsc-provisioner)`, manyNetworks, manyContainers, drifterInHost, window))
	if err != nil {
		return row{}, err
	}
	var seen []struct{ CPU float64 }
	if err := json.Unmarshal([]byte(said), &seen); err != nil || len(seen) != 1 {
		return row{}, fmt.Errorf("read the footprint %q: %w", said, err)
	}
	work := "the service, with " + strconv.Itoa(manyContainers) + " containers on " + strconv.Itoa(manyNetworks) + " networks, idle for " + window.String() + ": CPU"
	return row{work, milliseconds, []float64{seen[0].CPU}, nil, aim{ofValue, 0.100}}, nil
}
