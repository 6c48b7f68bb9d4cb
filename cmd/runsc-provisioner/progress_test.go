package main

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/steps"
)

// silences moves a download, and counts how often said is printed after each silence.
func silences(t *testing.T, draws bool, said string, want ...int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var stderr bytes.Buffer
		p := &progress{to: &console{stderr: &stderr}, draws: draws}
		const size = 30 << 20
		check := func(what string, want int) {
			t.Helper()
			synctest.Wait()
			if got := strings.Count(stderr.String(), said); got != want {
				t.Errorf("%s: got %q %d times, want %d: %q", what, said, got, want, stderr.String())
			}
		}
		move := func(done int64) { p.move(steps.InstallRelease{}, release.Progress{Done: done, Total: size}) }
		move(0)
		time.Sleep(stalledAfter - time.Second)
		check("a pause", want[0])
		move(1 << 20)
		time.Sleep(stalledAfter + time.Second)
		check("a stall", want[1])
		move(2 << 20)
		time.Sleep(stalledAfter + time.Second)
		check("a second stall", want[2])
		move(size)
		time.Sleep(time.Minute)
		check("unpacking", want[2])
		p.move(steps.SaveImages{}, release.Progress{Done: 1, Total: size})
		time.Sleep(time.Minute)
		check("a slow disk", want[2])
		p.end()
		time.Sleep(time.Minute)
		check("the end", want[2])
	})
}

func TestStalledDownload(t *testing.T) {
	t.Run("on a terminal", func(t *testing.T) { silences(t, true, "no data for 5 s", 0, 1, 2) })
	t.Run("elsewhere", func(t *testing.T) { silences(t, false, "no data from the release server", 0, 1, 2) })
}
