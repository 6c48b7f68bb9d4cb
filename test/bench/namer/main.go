// Command namer connects a container to a network and disconnects it, again and again, and measures how long it takes
// until a sandbox on that network has its name in its hosts file, and until Docker's own DNS answers it there. It prints
// the times in seconds, as JSON.
//
//	namer ROUNDS NETWORK CONTAINER HOSTS-FILE NETWORK-NAMESPACE
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "namer:", err)
		os.Exit(1)
	}
}

// times are in seconds.
type times struct{ Joined, JoinedDocker, Left, LeftDocker []float64 }

// limit is how long one change may take.
const limit = 30 * time.Second

func run(args []string) error {
	if len(args) != 5 {
		return fmt.Errorf("got %d arguments, want ROUNDS NETWORK CONTAINER HOSTS-FILE NETWORK-NAMESPACE", len(args))
	}
	rounds, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	network, container, hosts := args[1], args[2], args[3]
	name := container + "." + network
	inFile := func() (bool, error) {
		text, err := os.ReadFile(hosts)
		return bytes.Contains(text, []byte("\t"+name+" ")), err
	}
	inDocker, err := asker(args[4], name)
	if err != nil {
		return err
	}
	var all times
	for range rounds {
		for _, change := range []struct {
			act            string
			want           bool
			file, byDocker *[]float64
		}{{"connect", true, &all.Joined, &all.JoinedDocker}, {"disconnect", false, &all.Left, &all.LeftDocker}} {
			began := time.Now()
			file, docker := until(began, change.want, inFile), until(began, change.want, inDocker)
			if err := post("/networks/"+network+"/"+change.act, `{"Container":"`+container+`"}`); err != nil {
				return err
			}
			for _, side := range []struct {
				result <-chan result
				into   *[]float64
			}{{file, change.file}, {docker, change.byDocker}} {
				r := <-side.result
				if r.err != nil {
					return r.err
				}
				*side.into = append(*side.into, r.took.Seconds())
			}
		}
	}
	return json.NewEncoder(os.Stdout).Encode(all)
}

type result struct {
	took time.Duration
	err  error
}

// until reports how long it takes until is gives want.
func until(began time.Time, want bool, is func() (bool, error)) <-chan result {
	done := make(chan result, 1)
	go func() {
		for {
			got, err := is()
			took := time.Since(began)
			if err == nil && got != want && took > limit {
				err = fmt.Errorf("nothing happened within %s", limit)
			}
			if err != nil || got == want {
				done <- result{took, err}
				return
			}
			time.Sleep(200 * time.Microsecond)
		}
	}()
	return done
}

// asker returns a function that asks Docker's DNS for a name in a network namespace.
func asker(namespace, name string) (func() (bool, error), error) {
	questions, answers := make(chan struct{}), make(chan result)
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread stays in the namespace
		socket, err := open(namespace)
		ready <- err
		for range questions {
			found, err := ask(socket, name)
			took := time.Duration(0)
			if found {
				took = 1
			}
			answers <- result{took, err}
		}
	}()
	if err := <-ready; err != nil {
		return nil, err
	}
	return func() (bool, error) {
		questions <- struct{}{}
		r := <-answers
		return r.took > 0, r.err
	}, nil
}

func open(namespace string) (int, error) {
	ns, err := os.Open(namespace)
	if err != nil {
		return 0, err
	}
	defer ns.Close()
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		return 0, err
	}
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	return socket, unix.Connect(socket, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 11}, Port: 53})
}

// ask reports whether the answer to a question for an A record has a record (RFC 1035).
func ask(socket int, name string) (bool, error) {
	packet := []byte{0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}
	for label := range strings.SplitSeq(name, ".") {
		packet = append(append(packet, byte(len(label))), label...)
	}
	if _, err := unix.Write(socket, append(packet, 0, 0, 1, 0, 1)); err != nil {
		return false, err
	}
	answer := make([]byte, 512)
	n, err := unix.Read(socket, answer)
	return err == nil && n > 7 && answer[7] > 0, err
}

func post(path, body string) error {
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", "/run/docker.sock")
	}, DisableKeepAlives: true}}
	response, err := client.Post("http://docker"+path, "application/json", strings.NewReader(body))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		return fmt.Errorf("%s: %s", path, response.Status)
	}
	return nil
}
