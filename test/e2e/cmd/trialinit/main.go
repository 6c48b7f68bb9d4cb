// Command trialinit is the process of a trial container in the lab. Its
// argument says how it behaves.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"
)

func main() {
	how := "well"
	if len(os.Args) > 1 {
		how = os.Args[1]
	}
	switch how {
	case "fails":
		fmt.Fprintln(os.Stderr, "no such luck")
		os.Exit(3)
	case "floods":
		for range 1 << 10 {
			fmt.Print(strings.Repeat("x", 64<<10))
		}
		return
	}
	if how == "writes" {
		if err := write(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	var name syscall.Utsname
	if err := syscall.Uname(&name); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	release := make([]byte, 0, len(name.Release))
	for _, c := range name.Release {
		if c == 0 {
			break
		}
		release = append(release, byte(c))
	}
	fmt.Println(string(release))
	if how == "stays" {
		time.Sleep(time.Hour)
	}
	io.Copy(io.Discard, os.Stdin)
}

// write changes what the image has in /data.
func write() error {
	return errors.Join(
		os.Mkdir("/data/made", 0o755),
		os.WriteFile("/data/made/file", []byte("new"), 0o644),
		os.WriteFile("/data/replaced", []byte("replaced"), 0o644),
		os.Remove("/data/deleted"),
		os.Rename("/data/before", "/data/after"),
	)
}
