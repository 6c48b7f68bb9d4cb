package main

import (
	"strings"
	"testing"
)

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		name   string
		values []float64
		want   float64
	}{
		{"one value", []float64{7}, 7},
		{"odd, out of order", []float64{9, 1, 5}, 5},
		{"even: the mean of the two in the middle", []float64{4, 1, 100, 2}, 3},
		{"one disturbed run does not change it", []float64{2, 2, 2, 1000, 2}, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := median(test.values); got != test.want {
				t.Errorf("median(%v): got %v, want %v", test.values, got, test.want)
			}
		})
	}
}

func TestMedianLeavesTheOrderOfTheRuns(t *testing.T) {
	runs := []float64{3, 1, 2}
	median(runs)
	if runs[0] != 3 || runs[1] != 1 || runs[2] != 2 {
		t.Errorf("got %v, want [3 1 2]", runs)
	}
}

func TestPercentile(t *testing.T) {
	var values []float64
	for i := range 200 {
		values = append(values, float64(200-i)) // 200 … 1
	}
	for p, want := range map[int]float64{0: 1, 1: 2, 50: 100, 99: 198, 100: 200} {
		if got := percentile(values, p); got != want {
			t.Errorf("percentile %d: got %v, want %v", p, got, want)
		}
	}
	if got := percentile([]float64{7}, 99); got != 7 {
		t.Errorf("of one value: got %v, want it", got)
	}
}

func TestTable(t *testing.T) {
	for _, test := range []struct {
		name string
		row  row
		want string // with single blanks
	}{
		{
			"faster than the peer",
			row{"work", milliseconds, []float64{0.010, 0.012, 0.011}, []float64{0.022, 0.020, 0.030}, aim{ofRatio, 1}},
			"work 11.0 ms (10.0 ms – 12.0 ms) 22.0 ms (20.0 ms – 30.0 ms) 0.50 ≤ 1.0",
		},
		{
			"exactly the aim",
			row{"work", milliseconds, []float64{0.5}, []float64{0.5}, aim{ofRatio, 1}},
			"work 500.0 ms 500.0 ms 1.00 ≤ 1.0",
		},
		{
			"missed by less than the table shows",
			row{"work", milliseconds, []float64{1.001}, []float64{1}, aim{ofRatio, 1}},
			"work 1001.0 ms 1000.0 ms 1.00 ≤ 1.0, missed",
		},
		{
			"for information",
			row{"work", megabytes, []float64{4e6}, []float64{2e6}, aim{}},
			"work 4.0 MB 2.0 MB 2.00 -",
		},
		{
			"no peer",
			row{"size", megabytes, []float64{10.7e6}, nil, aim{ofValue, 16e6}},
			"size 10.7 MB - - ≤ 16.0 MB",
		},
		{
			"too large",
			row{"size", megabytes, []float64{16.2e6}, nil, aim{ofValue, 16e6}},
			"size 16.2 MB - - ≤ 16.0 MB, missed",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			var printed strings.Builder
			if err := printTable(&printed, []row{test.row}); err != nil {
				t.Fatal(err)
			}
			heading, line, _ := strings.Cut(printed.String(), "\n")
			if got, want := strings.Join(strings.Fields(heading), " "), "work this peer ratio aim"; got != want {
				t.Errorf("heading: got %q, want %q", got, want)
			}
			if got := strings.Join(strings.Fields(line), " "); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}
