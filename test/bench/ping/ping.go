// Package ping measures how long dockerd takes to answer while something else
// happens to it.
//
// It guarantees that pings are sent on a fixed schedule which no slow answer
// delays, that the time of each is counted from its place in that schedule
// until it was answered, however often its connection was lost, and that every
// loss is counted. It asks dockerd for nothing but a ping.
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
	// waiting bounds the pings that have no answer yet. Beyond it the next ones
	// wait, and that counts.
	waiting = 4096
	// giveUp is how long a ping waits for its answer, in all.
	giveUp = time.Minute
	// again is how long a ping whose connection was lost waits to be sent again.
	again = time.Millisecond
	// longestLine bounds what is read of an answer, in bytes.
	longestLine = 4 << 10
)

// Watch pings dockerd at socket, a path, every so often. To end it waits for
// the answers to all pings that were sent.
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

// round is a series of pings that goes on.
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
	failed, why := 0, ""
	for {
		err := r.ask(due)
		if err == nil {
			break
		}
		failed, why = failed+1, err.Error()
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
	if why != "" {
		r.answers.Why = why
	}
}

// ask sends one request over a connection of its own: one that is kept would
// hide whether new ones are taken. net/http would be most of the program that
// does this.
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
