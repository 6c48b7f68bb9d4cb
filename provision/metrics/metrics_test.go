package metrics

import (
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"runsc-provisioner/provision/audit"
	"runsc-provisioner/provision/checkup"
	"runsc-provisioner/provision/contest"
	"runsc-provisioner/provision/daemon"
	"runsc-provisioner/provision/status"
	"runsc-provisioner/provision/steps"
	"runsc-provisioner/verify"
)

// parsed gives the value of each metric in a text, by name and label. A histogram
// has its count.
func parsed(t *testing.T, text string) map[string]float64 {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	values := map[string]float64{}
	for name, family := range families {
		name = strings.TrimPrefix(name, namespace+"_")
		for _, metric := range family.GetMetric() {
			key := name
			for _, label := range metric.GetLabel() {
				key += " " + label.GetValue()
			}
			switch {
			case metric.GetGauge() != nil:
				values[key] = metric.GetGauge().GetValue()
			case metric.GetCounter() != nil:
				values[key] = metric.GetCounter().GetValue()
			case metric.GetHistogram() != nil:
				values[key] = float64(metric.GetHistogram().GetSampleCount())
			}
		}
	}
	return values
}

// written is what WriteFile writes.
func written(t *testing.T, m *Metrics) map[string]float64 {
	t.Helper()
	dir := t.TempDir()
	if err := m.WriteFile(dir); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, FileName)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// node_exporter does not run as root.
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("got %v, %v, want a file that all may read", info.Mode(), err)
	}
	return parsed(t, string(text))
}

// has compares some of the values, and absent names those that must not be there.
func has(t *testing.T, got, want map[string]float64, absent ...string) {
	t.Helper()
	for name, value := range want {
		if is, found := got[name]; !found || is != value {
			t.Errorf("%s: got %v (found: %v), want %v", name, is, found, value)
		}
	}
	for _, name := range absent {
		if is, found := got[name]; found {
			t.Errorf("%s: got %v, want it left out", name, is)
		}
	}
}

func TestOneStateIsOneAndOnlyEnforcedIsConverged(t *testing.T) {
	for _, state := range status.States() {
		m := New("1.2.3")
		m.Publish(status.Status{State: state})
		want := map[string]float64{"converged": 0}
		if state == status.StateEnforced {
			want["converged"] = 1
		}
		for _, other := range status.States() {
			want["state "+string(other)] = 0
		}
		want["state "+string(state)] = 1
		has(t, written(t, m), want)
	}
}

func TestNothingIsKnownBeforeTheFirstStatus(t *testing.T) {
	has(t, written(t, New("1.2.3")), map[string]float64{"build_info 1.2.3": 1}, "converged", "looks_total", "state starting")
}

func TestMetricsFollowTheStatus(t *testing.T) {
	m := New("1.2.3")
	m.Publish(status.Status{State: status.StateStarting})
	has(t, written(t, m), map[string]float64{"held": 0, "config_kept": 0, "looks_total": 0},
		"containers sandboxed", "last_look_timestamp_seconds", "last_drift_timestamp_seconds", "release_info 20260914.0")

	at := func(seconds float64) time.Time { return time.UnixMilli(int64(seconds * 1000)) }
	m.Publish(status.Status{
		Release: "20260914.0", ConfigKept: "lost", LastLook: at(1000.5), LastSuccess: at(900),
		LastDrift:  &status.LastDrift{At: at(800)},
		Held:       []steps.Held{{What: "a"}, {What: "b"}},
		Contested:  []contest.Contest{{Item: "default-runtime"}},
		Containers: status.Containers{Known: true, Sandboxed: 3, Outside: 2, Unknown: 1},
		Counts: status.Counts{
			Looks: 10, Failures: 11, Reloads: 12, Restarts: 13, Recoveries: 14, SetAside: 15, Unsandboxed: 16, Stopped: 17,
			Drifts: map[string]uint64{"link": 2}, Repairs: map[string]uint64{"link": 1},
		},
	})
	m.Measure(daemon.RepairTook, time.Second)
	m.Measure(daemon.RepairTook, time.Minute)
	m.Measure("unheard-of", time.Second)
	has(t, written(t, m), map[string]float64{
		"held": 2, "contested default-runtime": 1, "config_kept": 1, "release_info 20260914.0": 1,
		"containers sandboxed": 3, "containers unsandboxed": 2, "containers unknown": 1,
		"looks_total": 10, "failures_total": 11, "docker_reloads_total": 12, "docker_restarts_total": 13,
		"recoveries_total": 14, "recoveries_set_aside_total": 15, "unsandboxed_starts_total": 16, "stopped_containers_total": 17,
		"drifts_total link": 2, "repairs_total link": 1,
		"last_look_timestamp_seconds": 1000.5, "last_success_timestamp_seconds": 900, "last_drift_timestamp_seconds": 800,
		"repair_duration_seconds": 2, "look_duration_seconds": 0, "start_duration_seconds": 0,
	})
}

// What a container or an image could choose would make labels without end.
func TestNoLabelIsChosenByAContainer(t *testing.T) {
	const chosen = "chosen-by-a-container"
	m := New("1.2.3")
	m.Publish(status.Status{
		Contested:  []contest.Contest{{Item: "link", Got: chosen}},
		LastDrift:  &status.LastDrift{Drift: checkup.Drift{Got: chosen}},
		Containers: status.Containers{Known: true, Strays: []status.Outside{{ID: chosen, Name: chosen, Image: chosen, Runtime: chosen}}},
	})
	var text strings.Builder
	v := audit.Verification{Report: verify.Report{Verdicts: []verify.Verdict{{Container: verify.Container{ID: chosen, Name: chosen, Runtime: chosen}}}},
		Findings: []audit.Finding{{Code: "container-outside", Object: chosen, Seen: chosen}}}
	if err := WriteVerification(&text, v); err != nil {
		t.Fatal(err)
	}
	for name := range written(t, m) {
		text.WriteString(name)
	}
	if strings.Contains(text.String(), chosen) {
		t.Errorf("got %q in\n%s", chosen, text.String())
	}
}

func TestFileIsNotWrittenWithoutItsDirectory(t *testing.T) {
	if err := New("1.2.3").WriteFile(filepath.Join(t.TempDir(), "absent")); err == nil {
		t.Error("got no error")
	}
}

func serve(t *testing.T, m *Metrics) (address string, stop func()) {
	t.Helper()
	// A port that was free a moment ago: Serve tells no port that the kernel chose.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = listener.Addr().String()
	listener.Close()
	if stop, err = m.Serve(address); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return address, stop
}

func TestServerAnswersScrapesAndNothingElse(t *testing.T) {
	m := New("1.2.3")
	m.Publish(status.Status{State: status.StateEnforced})
	address, stop := serve(t, m)
	ask := func(method, path string, header http.Header) (int, string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header = header
		response, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(body)
	}
	code, body := ask(http.MethodGet, "/metrics", http.Header{})
	if code != http.StatusOK {
		t.Fatalf("got %d: %s", code, body)
	}
	got := parsed(t, body)
	has(t, got, map[string]float64{"converged": 1})
	if got["process_open_fds"] == 0 || got["go_goroutines"] == 0 {
		t.Error("got nothing of the process itself")
	}
	for _, test := range []struct {
		method, path string
		header       http.Header
		want         int
	}{
		{http.MethodPost, "/metrics", http.Header{}, http.StatusMethodNotAllowed},
		{http.MethodGet, "/", http.Header{}, http.StatusNotFound},
		{http.MethodGet, "/debug/pprof/", http.Header{}, http.StatusNotFound},
		{http.MethodGet, "/metrics", http.Header{"X": {strings.Repeat("x", 32<<10)}}, http.StatusRequestHeaderFieldsTooLarge},
	} {
		if code, _ := ask(test.method, test.path, test.header); code != test.want {
			t.Errorf("%s %s with %d headers: got %d, want %d", test.method, test.path, len(test.header), code, test.want)
		}
	}
	if _, err := m.Serve(address); err == nil {
		t.Error("a second server on the same address: got no error")
	}
	stop()
	if connection, err := net.Dial("tcp", address); err == nil {
		connection.Close()
		t.Error("it still listens after its end")
	}
}

func TestVerificationInNumbers(t *testing.T) {
	verdict := func(state verify.State) verify.Verdict { return verify.Verdict{State: state} }
	weak := verdict(verify.Sandboxed)
	weak.Weaknesses = make([]verify.Weakness, 2)
	weak.Ways = []verify.Way{{Grave: true}, {}}
	v := audit.Verification{
		Items: []checkup.Item{{Name: "release", Health: checkup.Healthy}, {Name: "link", Health: checkup.Warning},
			{Name: "dockerd", Health: checkup.Critical}, {Name: "runtime", Health: checkup.Unsure}},
		Findings: []audit.Finding{{Code: "orphan", Health: checkup.Warning}, {Code: "orphan", Health: checkup.Critical}},
		Report: verify.Report{
			Verdicts:    []verify.Verdict{weak, verdict(verify.Sandboxed), verdict(verify.NotSandboxed), verdict(verify.Unknown)},
			OrphanCount: 5, ClaimCount: 6, Others: make([]verify.Other, 7), Denied: 8,
		},
		Writes: []checkup.RuntimeWrites{{Runtime: "runsc", Proven: true}},
	}
	text := func() map[string]float64 {
		var out strings.Builder
		if err := WriteVerification(&out, v); err != nil {
			t.Fatal(err)
		}
		return parsed(t, out.String())
	}
	has(t, text(), map[string]float64{
		"verify_status": 2, "verify_containers sandboxed": 2, "verify_containers unsandboxed": 1, "verify_containers unknown": 1,
		"verify_item_status release": 0, "verify_item_status link": 1, "verify_item_status dockerd": 2, "verify_item_status runtime": 3,
		"verify_findings orphan": 2, "verify_orphans": 5, "verify_claims": 6, "verify_other_containers": 7, "verify_processes_unread": 8,
		"verify_weaknesses": 2, "verify_ways_around": 1, "verify_writes_proven runsc": 1,
	})
	v.Report.Unasked = true
	has(t, text(), nil, "verify_containers sandboxed", "verify_containers unsandboxed", "verify_containers unknown")

	var out strings.Builder
	if err := WriteUnknown(&out); err != nil {
		t.Fatal(err)
	}
	if got := parsed(t, out.String()); len(got) != 1 || got["verify_status"] != 3 {
		t.Errorf("got %v, want verify_status 3 alone", got)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestVerificationThatCannotBeWrittenIsAnError(t *testing.T) {
	if err := WriteUnknown(fullDisk{}); err == nil {
		t.Error("got no error")
	}
}
