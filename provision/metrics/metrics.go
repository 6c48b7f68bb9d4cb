// Package metrics gives what a daemon knows to Prometheus: as a file for
// node_exporter's textfile collector, or on a loopback address.
//
// It guarantees that names and units follow Prometheus' conventions, and that
// no label has a value that a container or an image could choose: those would be
// without end.
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
)

const namespace = "runsc_provisioner"

// FileName is what WriteFile writes in a directory.
const FileName = "runsc-provisioner.prom"

// Metrics are those of one daemon.
type Metrics struct {
	own     *prometheus.Registry // of this program alone
	process *prometheus.Registry // and what every process has
	took    map[daemon.Measure]prometheus.Histogram
	status  atomic.Pointer[daemon.Status]
}

// New makes the metrics of a daemon of some version.
func New(version string) *Metrics {
	m := &Metrics{own: prometheus.NewRegistry(), process: prometheus.NewRegistry(), took: map[daemon.Measure]prometheus.Histogram{}}
	for what, help := range map[daemon.Measure]string{
		daemon.LookTook:   "How long a look at the host took that found nothing to do.",
		daemon.RepairTook: "How long it took from the hint that something has changed until the host matched the configuration again.",
		daemon.StartTook:  "How long it took from the start of a container to the verdict on it.",
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

// Publish takes in a status.
func (m *Metrics) Publish(s daemon.Status) { m.status.Store(&s) }

// Measure takes in how long something took.
func (m *Metrics) Measure(what daemon.Measure, took time.Duration) {
	if h, measured := m.took[what]; measured {
		h.Observe(took.Seconds())
	}
}

// WriteFile writes the metrics of this program into dir, for all to read.
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
