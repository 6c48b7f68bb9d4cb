// Command runsc is a fake runsc for tests. What it says and does is in a
// trailer behind its own executable, so that one build serves all tests.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// trailer is what package fakerunsc appends, after a line of its own.
type trailer struct {
	Label     string
	Behaviour string
	Rejects   string
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == linger {
		time.Sleep(24 * time.Hour)
	}
	t, err := read()
	if err != nil {
		fmt.Fprintln(os.Stderr, "fake runsc:", err)
		os.Exit(125)
	}
	switch t.Behaviour {
	case "hang":
		time.Sleep(24 * time.Hour)
	case "fail":
		fmt.Fprintln(os.Stderr, "fake runsc: told to fail")
		os.Exit(3)
	case "flood":
		for {
			if _, err := fmt.Println(strings.Repeat("x", 1<<10)); err != nil {
				os.Exit(4)
			}
		}
	case "fork", "escape":
		leave(t.Behaviour == "escape")
	case "refuse":
		if slices.Contains(os.Args[1:], "run") {
			leave(true)
			fmt.Fprintln(os.Stderr, "fake runsc: told to fail")
			os.Exit(3)
		}
	case "environment":
		t.Label = strings.Join(os.Environ(), ",")
	}
	if t.Rejects != "" && slices.Contains(os.Args[1:], "--"+t.Rejects) {
		fmt.Fprintf(os.Stderr, "flag provided but not defined: -%s\n", t.Rejects)
		os.Exit(2)
	}
	switch {
	case slices.Contains(os.Args[1:], "--version"):
		fmt.Printf("runsc version %s\nspec: 1.2.1\n", t.Label)
	case slices.Contains(os.Args[1:], "run"):
		fmt.Println("4.19.0-gvisor") // as `uname -r` in a sandbox
	default:
		fmt.Fprintln(os.Stderr, "fake runsc: knows only --version and run")
		os.Exit(128)
	}
}

// linger is the argument of a process that is left behind.
const linger = "linger"

// leave starts two processes that stay, one with the output of this one and one without.
func leave(session bool) {
	for _, out := range []*os.File{os.Stdout, nil} {
		cmd := exec.Command("/proc/self/exe", linger)
		cmd.Stdout = out
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: session}
		if err := cmd.Start(); err != nil {
			fmt.Fprintln(os.Stderr, "fake runsc:", err)
			os.Exit(125)
		}
	}
}

func read() (trailer, error) {
	var t trailer
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return t, err
	}
	// The last one: the program holds the mark as well.
	const mark = "\nfake runsc trailer: "
	at := bytes.LastIndex(self, []byte(mark))
	if at < 0 {
		return t, errors.New("no trailer")
	}
	return t, json.Unmarshal(self[at+len(mark):], &t)
}
