package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"runsc-provisioner/provision/daemon"
)

// Describe is prometheus.Collector's. It describes nothing: which items there
// are is known as they are collected.
func (m *Metrics) Describe(chan<- *prometheus.Desc) {}

// Collect is prometheus.Collector's: the status as it was last published.
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	s := m.status.Load()
	if s == nil {
		return
	}
	c := collecting{to}
	c.gauge("converged", "Whether the host matches the configuration, with nothing held, contested or failing.", truth(s.State == daemon.StateEnforced))
	for _, state := range daemon.States() {
		c.gauge("state", "How the host is: 1 for the state that it is in.", truth(s.State == state), "state", string(state))
	}
	for item, n := range s.Counts.Drifts {
		c.counter("drifts_total", "How often something was found changed.", n, "item", item)
	}
	for item, n := range s.Counts.Repairs {
		c.counter("repairs_total", "How often drift was repaired.", n, "item", item)
	}
	c.counter("failures_total", "How often a look or a repair failed.", s.Counts.Failures)
	c.counter("looks_total", "How often the whole host was looked at.", s.Counts.Looks)
	c.counter("docker_reloads_total", "How often Docker was reloaded.", s.Counts.Reloads)
	c.counter("docker_restarts_total", "How often Docker was restarted.", s.Counts.Restarts)
	c.counter("recoveries_total", "How often a change that did not end was finished or undone.", s.Counts.Recoveries)
	c.counter("recoveries_set_aside_total", "How often it could not be, and was set aside for a look.", s.Counts.SetAside)
	c.gauge("held", "How many changes wait for consent.", float64(len(s.Held)))
	for _, contest := range s.Contested {
		c.gauge("contested", "1 for each setting that another program keeps changing, and that is left alone.", 1, "item", contest.Item)
	}
	c.gauge("config_kept", "Whether the last good configuration is kept, because the files have lost it.", truth(s.ConfigKept != ""))
	if s.Release != "" {
		c.gauge("release_info", "The gVisor release that is wanted, as it is installed.", 1, "release", s.Release)
	}
	c.containers(s.Containers)
	c.counter("unsandboxed_starts_total", "How many containers were started outside a sandbox although one is the default.", s.Counts.Unsandboxed)
	c.counter("stopped_containers_total", "How many containers were stopped for that.", s.Counts.Stopped)
	c.moment("last_look_timestamp_seconds", "When the host was last looked at.", s.LastLook)
	c.moment("last_success_timestamp_seconds", "When the host was last as wanted, as far as it may be made so.", s.LastSuccess)
	if s.LastDrift != nil {
		c.moment("last_drift_timestamp_seconds", "When something was last found changed.", s.LastDrift.At)
	}
}

// collecting is one Collect while it lasts.
type collecting struct{ to chan<- prometheus.Metric }

func (c collecting) containers(n daemon.Containers) {
	if !n.Known {
		return
	}
	const help = "How many containers run, by what was seen of them from the host."
	c.gauge("containers", help, float64(n.Sandboxed), "sandbox", "sandboxed")
	c.gauge("containers", help, float64(n.Outside), "sandbox", "unsandboxed")
	c.gauge("containers", help, float64(n.Unknown), "sandbox", "unknown")
}

func (c collecting) gauge(name, help string, value float64, label ...string) {
	c.metric(prometheus.GaugeValue, name, help, value, label)
}

func (c collecting) counter(name, help string, value uint64, label ...string) {
	c.metric(prometheus.CounterValue, name, help, float64(value), label)
}

// moment leaves out what has not been yet.
func (c collecting) moment(name, help string, at time.Time) {
	if !at.IsZero() {
		c.gauge(name, help, float64(at.UnixMilli())/1000)
	}
}

// metric has no label, or one, as its name and its value.
func (c collecting) metric(kind prometheus.ValueType, name, help string, value float64, label []string) {
	var names, values []string
	if len(label) > 0 {
		names, values = label[:1], label[1:]
	}
	desc := prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, names, nil)
	c.to <- prometheus.MustNewConstMetric(desc, kind, value, values...)
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
