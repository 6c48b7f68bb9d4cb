// Package ping measures how long dockerd takes to answer during another
// operation, and guarantees that no slow answer delays the schedule of the
// pings.
//
// It measures each ping from its scheduled time to its answer, however often
// the connection was lost, and counts every loss. It sends dockerd only pings.
package ping

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"runsc-provisioner/test/bench/race"
)

const (
	// waiting limits the unanswered pings. Beyond it later pings wait, and
	// their wait counts.
	waiting = 4096
	// giveUp is how long a ping waits for its answer in total.
	giveUp = time.Minute
	// again is the pause before a ping is sent again after its connection was
	// lost.
	again = time.Millisecond
	// longestLine limits how much of an answer is read, in bytes.
	longestLine = 4 << 10
)

// Watch pings dockerd at the socket path at a fixed interval. Its end waits for
// the answers to all pings sent.
func Watch(socket string, every time.Duration) race.Watch {
	return func() func() race.Answers {
		ctx, stop := context.WithCancel(context.Background())
		r := &round{socket: socket, done: make(chan struct{})}
		go r.send(ctx, every)
		return func() race.Answers {
			stop()
			<-r.done
			return r.answers
		}
	}
}

// A round is a running series of pings.
type round struct {
	socket string
	done   chan struct{}

	mu      sync.Mutex
	answers race.Answers
}

func (r *round) send(ctx context.Context, every time.Duration) {
	defer close(r.done)
	var pings sync.WaitGroup
	defer pings.Wait()
	room := make(chan struct{}, waiting)
	for due := time.Now(); ; due = due.Add(every) {
		timer := time.NewTimer(time.Until(due))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		room <- struct{}{}
		pings.Go(func() {
			r.ping(due)
			<-room
		})
	}
}

// ping asks until there is an answer.
func (r *round) ping(due time.Time) {
	failed, reason := 0, ""
	for {
		err := r.ask(due)
		if err == nil {
			break
		}
		failed, reason = failed+1, err.Error()
		if time.Since(due) > giveUp {
			break
		}
		time.Sleep(again)
	}
	took := time.Since(due)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers.Asked++
	r.answers.Failed += failed
	r.answers.Longest = max(r.answers.Longest, took)
	if reason != "" {
		r.answers.Why = reason
	}
}

// ask sends one request over a new connection: a reused one would hide whether
// dockerd accepts new ones. It avoids net/http, which would make up most of the
// program.
func (r *round) ask(due time.Time) error {
	conn, err := net.Dial("unix", r.socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(due.Add(giveUp)); err != nil {
		return err
	}
	if _, err := conn.Write([]byte("GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n")); err != nil {
		return err
	}
	status, err := bufio.NewReader(io.LimitReader(conn, longestLine)).ReadString('\n')
	if err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	if !strings.HasPrefix(status, "HTTP/1.1 200 ") {
		return errors.New(strings.TrimSpace(status))
	}
	return nil
}
