package metrics

import (
	"fmt"
	"io"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"runsc-provisioner/provision/audit"
	"runsc-provisioner/provision/checkup"
)

// WriteVerification prints what was found of a host as Prometheus text. Like
// the daemon's, its labels have no value that a container could choose.
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
	sandboxes := r.labelled("verify_containers", "How many containers run, by what was seen of them from the host.", "sandbox")
	if !v.Report.Unasked { // else what is not known has no number
		sandboxes.WithLabelValues("sandboxed").Set(float64(in))
		sandboxes.WithLabelValues("unsandboxed").Set(float64(out))
		sandboxes.WithLabelValues("unknown").Set(float64(unknown))
	}
	items := r.labelled("verify_item_status", "How each thing of the host is: 0 ok, 1 warning, 2 critical, 3 unknown.", "item")
	for _, item := range v.Items {
		items.WithLabelValues(item.Name).Set(pluginCode(item.Health))
	}
	kept := r.labelled("verify_writes_kept", "Whether Docker sees what containers write, by the arguments of their runtime.", "runtime")
	proven := r.labelled("verify_writes_proven", "Whether a container of ours was seen of which Docker sees the writes.", "runtime")
	for _, w := range v.Writes {
		kept.WithLabelValues(w.Runtime).Set(truth(w.Kept()))
		proven.WithLabelValues(w.Runtime).Set(truth(w.Proven))
	}
	findings := r.labelled("verify_findings", "How many things are not as they should be, by what they are.", "code")
	for _, f := range v.Findings {
		findings.WithLabelValues(f.Code).Inc()
	}
	r.gauge("verify_orphans", "How many sandboxes no container owns.", v.Report.OrphanCount)
	r.gauge("verify_claims", "How many processes call themselves a sandbox and run from no known release.", v.Report.ClaimCount)
	r.gauge("verify_other_containers", "How many containers are not dockerd's.", len(v.Report.Others))
	r.gauge("verify_weaknesses", "How many settings give away isolation, of all sandboxes.", weak)
	r.gauge("verify_ways_around", "How many grave ways around a sandbox containers were given.", grave)
	r.gauge("verify_processes_unread", "How many processes may not be looked at.", v.Report.Denied)
	return r.write(w)
}

// WriteUnknown prints that nothing could be said.
func WriteUnknown(w io.Writer) error { return newReport(checkup.Unsure).write(w) }

// report is one verification as metrics.
type report struct{ registry *prometheus.Registry }

func newReport(health checkup.Health) report {
	r := report{prometheus.NewRegistry()}
	status := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: "verify_status", Help: "What verify says: 0 ok, 1 warning, 2 critical, 3 unknown."})
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

// pluginCode is a health in the numbers of monitoring plugins.
func pluginCode(h checkup.Health) float64 {
	return map[checkup.Health]float64{checkup.Healthy: 0, checkup.Warning: 1, checkup.Critical: 2, checkup.Unsure: 3}[h]
}
