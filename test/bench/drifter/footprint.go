package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// footprint is one process's use of resources.
type footprint struct {
	Resident float64 // bytes, the median of samples
	CPU      float64 // seconds, with that of children that ended
	Wakeups  float64 // how often its threads were put to sleep and woken
}

// sampleEvery is the interval between samples of resident memory.
const sampleEvery = 5 * time.Second

// footprints measures processes for the time window.
func footprints(window time.Duration, pids []string) ([]footprint, error) {
	before := make([]footprint, len(pids))
	resident := make([][]float64, len(pids))
	for i, pid := range pids {
		var err error
		if before[i], err = look(pid); err != nil {
			return nil, err
		}
	}
	for end := time.Now().Add(window); time.Now().Before(end); time.Sleep(min(sampleEvery, time.Until(end))) {
		for i, pid := range pids {
			now, err := look(pid)
			if err != nil {
				return nil, err
			}
			resident[i] = append(resident[i], now.Resident)
		}
	}
	after := make([]footprint, len(pids))
	for i, pid := range pids {
		now, err := look(pid)
		if err != nil {
			return nil, err
		}
		slices.Sort(resident[i])
		after[i] = footprint{Resident: resident[i][len(resident[i])/2], CPU: now.CPU - before[i].CPU, Wakeups: now.Wakeups - before[i].Wakeups}
	}
	return after, nil
}

// look reads what a process has used so far (proc(5)).
func look(pid string) (f footprint, err error) {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return f, err
	}
	const utime, stime, cutime, cstime, afterComm = 14, 15, 16, 17, 3
	const ticks = 100 // USER_HZ
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	for _, at := range []int{utime, stime, cutime, cstime} {
		n, err := strconv.ParseFloat(fields[at-afterComm], 64)
		if err != nil {
			return f, err
		}
		f.CPU += n / ticks
	}
	threads, err := filepath.Glob("/proc/" + pid + "/task/*/status")
	if err != nil {
		return f, err
	}
	for i, thread := range threads {
		text, err := os.ReadFile(thread)
		if err != nil {
			continue // it has ended
		}
		for line := range strings.Lines(string(text)) {
			name, value, _ := strings.Cut(line, ":")
			n, _ := strconv.ParseFloat(strings.Fields(value + " -")[0], 64)
			switch {
			case name == "VmRSS" && i == 0:
				f.Resident = n * 1024
			case name == "voluntary_ctxt_switches":
				f.Wakeups += n
			}
		}
	}
	if f.Resident == 0 {
		return f, fmt.Errorf("process %s has no memory", pid)
	}
	return f, nil
}
