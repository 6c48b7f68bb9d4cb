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
	drifterInHost = "/usr/local/lib/runsc-provisioner-bench/drifter"
	driftRounds   = 200
	effectRounds  = 50
	// pollEvery is the interval of a polling agent. No comparable program has a
	// figure for drift, so the peer is half of it, the average delay of such an
	// agent.
	pollEvery = time.Minute
)

const keeping = `[docker]
default_runtime = "runsc"

[enforce]
contested_after = 1000000
`

// keptHost boots a host with the daemon under its own unit.
func keptHost(ctx context.Context, built programs, o lab.Options) (*lab.Host, error) {
	o.Suite, o.Binary = "trixie", built.product
	o.Binds = []lab.Bind{{Source: built.drifter, Target: drifterInHost, ReadOnly: true}}
	o.Files = map[string]lab.File{"/etc/runsc-provisioner/config.d/60-bench.toml": {Content: keeping}}
	host, err := lab.Boot(ctx, o)
	if err != nil {
		return nil, err
	}
	_, err = succeed(ctx, host, lab.Command{Argv: []string{"sh", "-euc",
		`systemctl start runsc-provisioner
until grep -q '"state": "enforced"' /run/runsc-provisioner/status.json; do sleep 0.1; done`}})
	if err != nil {
		return nil, errors.Join(err, host.Close())
	}
	return host, nil
}

// driftRows measures how long a foreign edit of daemon.json and a foreign
// reload of dockerd last.
func driftRows(ctx context.Context, built programs) (rows []row, err error) {
	host, err := keptHost(ctx, built, lab.Options{Name: "bench-drift"})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	measure := func(what string, rounds int, into any) error {
		said, err := succeed(ctx, host, lab.Command{Argv: []string{drifterInHost, what, strconv.Itoa(rounds)}})
		if err != nil {
			return err
		}
		return json.Unmarshal([]byte(said), into)
	}
	var restored, effect []float64
	var fresh struct{ Restored, Alone []float64 }
	if err := errors.Join(
		measure("bytes", driftRounds, &restored), measure("fresh", driftRounds, &fresh), measure("effect", effectRounds, &effect),
	); err != nil {
		return nil, err
	}
	polled := []float64{pollEvery.Seconds() / 2}
	return []row{
		{fmt.Sprintf("drift, from a foreign write's close to our bytes: median of %d (peer: an agent that polls every %s)", driftRounds, pollEvery), milliseconds, restored, polled, aim{ofValue, 0.050}},
		{"the same: p99", milliseconds, []float64{percentile(restored, 99)}, polled, aim{ofValue, 0.200}},
		{"the same, each write another text, which dockerd --validate has to look at first: median", milliseconds, fresh.Restored, polled, aim{ofValue, 0.050}},
		{"the same, beside dockerd --validate of the repaired text alone", milliseconds, fresh.Restored, fresh.Alone, aim{ofRatio, 1.2}},
		{"the same: p99", milliseconds, []float64{percentile(fresh.Restored, 99)}, polled, aim{ofValue, 0.200}},
		{fmt.Sprintf("drift, from a foreign reload to ours in dockerd: median of %d", effectRounds), milliseconds, effect, polled, aim{ofValue, 0.300}},
	}, nil
}

// footprintRows measures the idle daemon's use of resources, compared with
// node_exporter, scraped every 15 s as usual.
func footprintRows(ctx context.Context, built programs, window time.Duration) (rows []row, err error) {
	host, err := keptHost(ctx, built, lab.Options{Name: "bench-footprint", Prometheus: true})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	const prepare = `systemd-run -q --unit=node prometheus-node-exporter --web.listen-address=127.0.0.1:9100
printf 'global: {scrape_interval: 15s}\nscrape_configs: [{job_name: node, static_configs: [{targets: ["127.0.0.1:9100"]}]}]\n' >/root/prometheus.yml
systemd-run -q --unit=prom prometheus --config.file=/root/prometheus.yml --storage.tsdb.path=/root/tsdb --web.listen-address=127.0.0.1:9090
sleep 20
systemctl show -p MainPID --value runsc-provisioner node`
	said, err := succeed(ctx, host, lab.Command{Argv: []string{"sh", "-euc", prepare}})
	if err != nil {
		return nil, err
	}
	argv := append([]string{drifterInHost, "footprint", window.String()}, strings.Fields(said)...)
	if said, err = succeed(ctx, host, lab.Command{Argv: argv}); err != nil {
		return nil, err
	}
	var seen []struct{ Resident, CPU, Wakeups float64 }
	if err := json.Unmarshal([]byte(said), &seen); err != nil {
		return nil, fmt.Errorf("read the footprints: %w", err)
	}
	if len(seen) != 2 {
		return nil, fmt.Errorf("read the footprints: got %d of 2", len(seen))
	}
	work := fmt.Sprintf("daemon, idle for %s, beside node_exporter", window)
	return []row{
		{work + ": resident memory", megabytes, []float64{seen[0].Resident}, []float64{seen[1].Resident}, aim{ofRatio, 1.2}},
		{work + ": CPU", milliseconds, []float64{seen[0].CPU}, []float64{seen[1].CPU}, aim{ofValue, 0.100}},
		{work + ": wakeups", times, []float64{seen[0].Wakeups}, []float64{seen[1].Wakeups}, aim{}},
	}, nil
}
