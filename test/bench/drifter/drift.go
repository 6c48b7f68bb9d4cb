package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	daemonJSON = "/etc/docker/daemon.json"
	status     = "/run/runsc-provisioner/status.json"
	socket     = "/run/docker.sock"
	wanted     = "runsc"
	// roundLimit limits one round.
	roundLimit = 30 * time.Second
)

// texts returns the foreign text of a round.
type texts func(round int) string

// same is for a program that always writes the same text.
func same(int) string { return "{\"debug\": false, \"default-runtime\": \"runc\"}\n" }

// fresh returns a new text each time, as when users edit: dockerd has not
// validated it yet.
func fresh(round int) string {
	return fmt.Sprintf("{\"labels\": [\"round=%d\"], \"default-runtime\": \"runc\"}\n", round)
}

// save writes a foreign text, in one of two ways in turn, and returns when it
// was in place.
func save(round int, text string) (time.Time, error) {
	if round%2 == 0 {
		err := os.WriteFile(daemonJSON, []byte(text), 0o644)
		return time.Now(), err
	}
	beside := filepath.Join(filepath.Dir(daemonJSON), "theirs")
	if err := os.WriteFile(beside, []byte(text), 0o644); err != nil {
		return time.Time{}, err
	}
	err := os.Rename(beside, daemonJSON)
	return time.Now(), err
}

// ours reports whether daemon.json matches the configuration.
func ours() bool {
	text, err := os.ReadFile(daemonJSON)
	if err != nil {
		return false
	}
	var doc struct {
		Default  string                     `json:"default-runtime"`
		Runtimes map[string]json.RawMessage `json:"runtimes"`
	}
	return json.Unmarshal(text, &doc) == nil && doc.Default == wanted && doc.Runtimes[wanted] != nil
}

// quiet waits until the daemon has repaired more often than before and has
// nothing left to do, and returns how often it has repaired.
func quiet(before float64) (float64, error) {
	for end := time.Now().Add(roundLimit); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile(status)
		if err != nil {
			continue
		}
		var s struct {
			State  string
			Counts struct{ Repairs map[string]float64 }
		}
		if json.Unmarshal(text, &s) == nil && s.State == "enforced" && s.Counts.Repairs["default-runtime"] > before && ours() {
			return s.Counts.Repairs["default-runtime"], nil
		}
	}
	return 0, errors.New("the daemon does not finish")
}

// validated has the seconds of rounds with a text that dockerd has to validate,
// and of dockerd's validation of the repaired text alone.
type validated struct{ Restored, Alone []float64 }

// untilFresh measures both in turn, so that anything that slows the host affects
// both.
func untilFresh(rounds int) (v validated, err error) {
	pid, err := dockerd()
	if err != nil {
		return v, err
	}
	program, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return v, err
	}
	v.Restored, err = untilBytes(rounds, fresh, func() error {
		begun := time.Now()
		said, err := exec.Command(program, "--validate", "--config-file="+daemonJSON).CombinedOutput()
		if err != nil {
			return fmt.Errorf("dockerd --validate: %w: %s", err, said)
		}
		v.Alone = append(v.Alone, time.Since(begun).Seconds())
		return nil
	})
	return v, err
}

// untilBytes measures the time until our bytes are in the file, in seconds. After
// each round, when the daemon is quiet, it calls after, unless that is nil.
func untilBytes(rounds int, text texts, after func() error) (seconds []float64, err error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	defer watcher.Close()
	if err := watcher.Add(filepath.Dir(daemonJSON)); err != nil {
		return nil, err
	}
	repairs, err := quiet(0)
	if err != nil {
		return nil, err
	}
	for round := range rounds {
		begun, err := save(round, text(round))
		if err != nil {
			return nil, err
		}
		end := time.After(roundLimit)
		for !ours() {
			select {
			case <-watcher.Events:
			case err := <-watcher.Errors:
				return nil, err
			case <-end:
				return nil, fmt.Errorf("round %d: not restored within %s", round, roundLimit)
			}
		}
		seconds = append(seconds, time.Since(begun).Seconds())
		if repairs, err = quiet(repairs); err != nil {
			return nil, err
		}
		if after != nil {
			if err := after(); err != nil {
				return nil, err
			}
		}
		for len(watcher.Events) > 0 {
			<-watcher.Events
		}
	}
	return seconds, nil
}

// untilEffect measures the time from dockerd's event that it runs with the
// foreign text to its event that it runs with ours.
func untilEffect(rounds int) (seconds []float64, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	reloads, err := listen(ctx)
	if err != nil {
		return nil, err
	}
	repairs, err := quiet(0)
	if err != nil {
		return nil, err
	}
	for len(seconds) < rounds {
		pid, err := dockerd()
		if err != nil {
			return nil, err
		}
		if _, err := save(len(seconds), same(0)); err != nil {
			return nil, err
		}
		if err := syscall.Kill(pid, syscall.SIGHUP); err != nil {
			return nil, err
		}
		var drifted time.Time
		for end := time.After(roundLimit); ; {
			var runtime string
			select {
			case runtime = <-reloads:
			case <-end:
				return nil, fmt.Errorf("round %d: dockerd does not run with ours within %s", len(seconds), roundLimit)
			}
			if runtime != wanted {
				drifted = time.Now()
				continue
			}
			// If our write was quicker than the signal, there was no effect to
			// undo.
			if !drifted.IsZero() {
				seconds = append(seconds, time.Since(drifted).Seconds())
			}
			break
		}
		if repairs, err = quiet(repairs); err != nil {
			return nil, err
		}
		for len(reloads) > 0 {
			<-reloads
		}
	}
	return seconds, nil
}

// listen sends the default runtime of each reload event of dockerd.
func listen(ctx context.Context) (<-chan string, error) {
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://docker/events", nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	reloads := make(chan string, 1000)
	go func() {
		defer response.Body.Close()
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			var event struct {
				Action string
				Actor  struct{ Attributes map[string]string }
			}
			if json.Unmarshal(lines.Bytes(), &event) == nil && event.Action == "reload" {
				reloads <- event.Actor.Attributes["default-runtime"]
			}
		}
	}()
	return reloads, nil
}

func dockerd() (int, error) {
	text, err := os.ReadFile("/run/docker.pid")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}
