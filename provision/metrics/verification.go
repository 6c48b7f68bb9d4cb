package metrics

import (
	"fmt"
	"io"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"runsc-provisioner/provision/audit"
	"runsc-provisioner/provision/checkup"
)

// WriteVerification writes the result of verify as Prometheus text. No label has a
// value that a container can choose.
func WriteVerification(w io.Writer, v audit.Verification) error {
	r := newReport(v.Health())
	var weak, grave int
	for _, verdict := range v.Report.Verdicts {
		weak += len(verdict.Weaknesses)
		for _, way := range verdict.Ways {
			if way.Grave {
				grave++
			}
		}
	}
	in, out, unknown := v.Report.Count()
	sandboxes := r.labelled("verify_containers", "How many containers run, by their sandbox state as seen from the host.", "sandbox")
	if !v.Report.Unasked { // if dockerd was not asked, the numbers are unknown
		sandboxes.WithLabelValues("sandboxed").Set(float64(in))
		sandboxes.WithLabelValues("unsandboxed").Set(float64(out))
		sandboxes.WithLabelValues("unknown").Set(float64(unknown))
	}
	if v.NotStartedErr == nil && !v.Report.Unasked {
		r.gauge("verify_containers_not_started", "How many containers stayed down because dockerd did not find their runtime.", len(v.NotStarted))
	}
	items := r.labelled("verify_item_status", "The status of each item of the host: 0 ok, 1 warning, 2 critical, 3 unknown.", "item")
	for _, item := range v.Items {
		items.WithLabelValues(item.Name).Set(pluginCode(item.Health))
	}
	kept := r.labelled("verify_writes_kept", "Whether Docker sees what containers write, by the arguments of their runtime.", "runtime")
	proven := r.labelled("verify_writes_proven", "Whether a trial container has shown that Docker sees its writes.", "runtime")
	for _, w := range v.Writes {
		if w.Known() {
			kept.WithLabelValues(w.Runtime).Set(truth(w.Kept()))
		}
		proven.WithLabelValues(w.Runtime).Set(truth(w.Proven))
	}
	findings := r.labelled("verify_findings", "How many findings verify has, by code.", "code")
	for _, f := range v.Findings {
		findings.WithLabelValues(f.Code).Inc()
	}
	r.gauge("verify_orphans", "How many sandboxes belong to no container.", v.Report.OrphanCount)
	r.gauge("verify_claims", "How many processes call themselves a sandbox and run from no known release.", v.Report.ClaimCount)
	r.gauge("verify_other_containers", "How many containers belong to another engine than dockerd.", len(v.Report.Others))
	r.gauge("verify_weaknesses", "How many settings weaken the isolation of sandboxes.", weak)
	r.gauge("verify_ways_around", "How many grave ways around a sandbox containers have.", grave)
	r.gauge("verify_processes_unread", "How many processes could not be read.", v.Report.Denied)
	return r.write(w)
}

// WriteUnknown writes the status "unknown", for a verify that failed.
func WriteUnknown(w io.Writer) error { return newReport(checkup.Unsure).write(w) }

// report holds the metrics of one verification.
type report struct{ registry *prometheus.Registry }

func newReport(health checkup.Health) report {
	r := report{prometheus.NewRegistry()}
	status := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: "verify_status", Help: "The result of verify: 0 ok, 1 warning, 2 critical, 3 unknown."})
	status.Set(pluginCode(health))
	r.registry.MustRegister(status)
	return r
}

func (r report) labelled(name, help, label string) *prometheus.GaugeVec {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, []string{label})
	r.registry.MustRegister(g)
	return g
}

func (r report) gauge(name, help string, value int) {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help})
	g.Set(float64(value))
	r.registry.MustRegister(g)
}

func (r report) write(w io.Writer) error {
	families, err := r.registry.Gather()
	if err != nil {
		return fmt.Errorf("gather metrics: %w", err)
	}
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(w, family); err != nil {
			return fmt.Errorf("encode metrics: %w", err)
		}
	}
	return nil
}

// pluginCode is the exit code of a monitoring plugin for a health.
func pluginCode(h checkup.Health) float64 {
	return map[checkup.Health]float64{checkup.Healthy: 0, checkup.Warning: 1, checkup.Critical: 2, checkup.Unsure: 3}[h]
}
