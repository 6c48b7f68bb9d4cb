package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"runsc-provisioner/provision/status"
)

// Describe implements prometheus.Collector. It describes nothing: the items are known
// only when they are collected.
func (m *Metrics) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector. It collects the last published status.
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	s := m.status.Load()
	if s == nil {
		return
	}
	c := collecting{to}
	c.gauge("converged", "Whether the host matches the configuration, with nothing held, contested or failing.", truth(s.State == status.StateEnforced))
	for _, state := range status.States() {
		c.gauge("state", "The state of the host: 1 for the current one.", truth(s.State == state), "state", string(state))
	}
	for item, n := range s.Counts.Drifts {
		c.counter("drifts_total", "How often an item was found changed.", n, "item", item)
	}
	for item, n := range s.Counts.Repairs {
		c.counter("repairs_total", "How often drift was repaired.", n, "item", item)
	}
	c.counter("failures_total", "How often a look or a repair failed.", s.Counts.Failures)
	c.counter("looks_total", "How often the daemon looked at the whole host.", s.Counts.Looks)
	c.counter("docker_reloads_total", "How often the daemon reloaded Docker.", s.Counts.Reloads)
	c.counter("docker_restarts_total", "How often the daemon restarted Docker.", s.Counts.Restarts)
	c.counter("recoveries_total", "How often an interrupted change was finished or undone.", s.Counts.Recoveries)
	c.counter("recoveries_set_aside_total", "How often an interrupted change could not be recovered and was set aside.", s.Counts.SetAside)
	c.gauge("held", "How many changes need consent.", float64(len(s.Held)))
	for _, contest := range s.Contested {
		c.gauge("contested", "1 for each setting that another program keeps changing, so it is left alone.", 1, "item", contest.Item)
	}
	c.gauge("unwatched", "Whether files cannot be watched, so that only the timer notices drift.", truth(s.Unwatched != ""))
	c.gauge("config_kept", "Whether the last good configuration is in effect, because the files have lost settings.", truth(s.ConfigKept != ""))
	if s.Release != "" {
		c.gauge("release_info", "The installed gVisor release that the configuration wants, as a label.", 1, "release", s.Release)
	}
	c.containers(s.Containers)
	if s.Containers.Known {
		c.gauge("containers_not_started", "How many containers stayed down because dockerd did not find their runtime.", float64(len(s.Containers.NotStarted)))
	}
	if s.Names != nil {
		c.gauge("names_kept", "How many containers have all names of their networks in their hosts file.", float64(s.Names.Kept))
		c.gauge("names_left", "How many hosts and resolv.conf files of containers were left alone.", float64(len(s.Names.Left)))
	}
	c.counter("unsandboxed_starts_total", "How many containers started outside a sandbox although a sandbox is the default.", s.Counts.Unsandboxed)
	c.brief(s.Counts.Brief)
	c.counter("stopped_containers_total", "How many containers were stopped because they ran outside a sandbox.", s.Counts.Stopped)
	c.moment("last_look_timestamp_seconds", "When the daemon last looked at the host.", s.LastLook)
	c.moment("last_success_timestamp_seconds", "When the host last matched the configuration, except for held or contested changes.", s.LastSuccess)
	if s.LastDrift != nil {
		c.moment("last_drift_timestamp_seconds", "When an item was last found changed.", s.LastDrift.At)
	}
}

// collecting sends the metrics of one Collect.
type collecting struct{ to chan<- prometheus.Metric }

func (c collecting) containers(n status.Containers) {
	if !n.Known {
		return
	}
	const help = "How many containers run, by their sandbox state as seen from the host."
	c.gauge("containers", help, float64(n.Sandboxed), "sandbox", "sandboxed")
	c.gauge("containers", help, float64(n.Outside), "sandbox", "unsandboxed")
	c.gauge("containers", help, float64(n.Unknown), "sandbox", "unknown")
}

func (c collecting) brief(n status.BriefCounts) {
	const help = "How many containers ended before the daemon looked at them, by the runtime that they were created with."
	c.counter("brief_containers_total", help, n.Sandboxed, "sandbox", "sandboxed")
	c.counter("brief_containers_total", help, n.Outside, "sandbox", "unsandboxed")
	c.counter("brief_containers_total", help, n.Unknown, "sandbox", "unknown")
}

func (c collecting) gauge(name, help string, value float64, label ...string) {
	c.metric(prometheus.GaugeValue, name, help, value, label)
}

func (c collecting) counter(name, help string, value uint64, label ...string) {
	c.metric(prometheus.CounterValue, name, help, float64(value), label)
}

// moment sends nothing for the zero time.
func (c collecting) moment(name, help string, at time.Time) {
	if !at.IsZero() {
		c.gauge(name, help, float64(at.UnixMilli())/1000)
	}
}

// metric sends a value. label is empty, or the name and the value of one label.
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
