// Package metrics guarantees that names and units follow the conventions of
// Prometheus, and that no label has a value that a container or an image can choose:
// such labels would have no limit.
//
// It exports the status of a daemon as a file for node_exporter's textfile collector,
// or on a loopback address, and the result of verify as text.
package metrics

import (
	"bytes"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"

	"runsc-provisioner/provision/daemon"
	"runsc-provisioner/provision/durable"
	"runsc-provisioner/provision/status"
)

const namespace = "runsc_provisioner"

// FileName is the name of the file that WriteFile writes.
const FileName = "runsc-provisioner.prom"

// Metrics are the metrics of one daemon.
type Metrics struct {
	own     *prometheus.Registry // of this program only
	process *prometheus.Registry // of every Go process
	took    map[daemon.Measure]prometheus.Histogram
	status  atomic.Pointer[status.Status]
}

// New makes the metrics of a daemon. version is that of this program.
func New(version string) *Metrics {
	m := &Metrics{own: prometheus.NewRegistry(), process: prometheus.NewRegistry(), took: map[daemon.Measure]prometheus.Histogram{}}
	for what, help := range map[daemon.Measure]string{
		daemon.LookTook:   "How long looks at the host took that found nothing to do.",
		daemon.RepairTook: "The time from the hint of a change until the host matched the configuration again.",
		daemon.StartTook:  "The time from the start of a container to its verdict.",
	} {
		m.took[what] = prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: string(what) + "_duration_seconds", Help: help,
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60},
		})
		m.own.MustRegister(m.took[what])
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "The version of this program, as a label.", ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	m.own.MustRegister(build, m)
	m.process.MustRegister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewGoCollector())
	return m
}

// Publish replaces the status that is collected.
func (m *Metrics) Publish(s status.Status) { m.status.Store(&s) }

// Measure records a duration.
func (m *Metrics) Measure(what daemon.Measure, took time.Duration) {
	if h, measured := m.took[what]; measured {
		h.Observe(took.Seconds())
	}
}

// WriteFile writes the metrics of this program to FileName in dir, readable by every
// user. Errors are those of the file system.
func (m *Metrics) WriteFile(dir string) error {
	families, err := m.own.Gather()
	if err != nil {
		return fmt.Errorf("gather metrics: %w", err)
	}
	var text bytes.Buffer
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(&text, family); err != nil {
			return fmt.Errorf("encode metrics: %w", err)
		}
	}
	return durable.WriteFile(filepath.Join(dir, FileName), text.Bytes(), durable.Plain(0o644))
}
