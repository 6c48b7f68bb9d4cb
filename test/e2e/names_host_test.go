package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"runsc-provisioner/provision/hostsfile"
)

// namesLimit is how long a container's names may take to become right. A healthy host takes milliseconds.
const namesLimit = time.Minute

// keepsNames configures the keeping of names.
const keepsNames = "[docker]\nnames = \"maintain\"\n"

// onNetwork is a running container, as docker inspect shows it.
type onNetwork struct {
	ID              string
	Name            string
	HostConfig      struct{ Runtime string }
	HostsPath       string
	NetworkSettings struct {
		SandboxKey string
		Networks   map[string]struct {
			Aliases []string
		}
	}
	Config struct{ Hostname string }
}

// running are the running containers.
func (h host) running() (all []onNetwork) {
	h.t.Helper()
	ids := h.run("docker ps -q --no-trunc")
	if ids == "" {
		return nil
	}
	text := h.run("docker inspect " + strings.ReplaceAll(ids, "\n", " "))
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		h.t.Fatal(err)
	}
	return all
}

// answers maps names to addresses. A name without an address is not in it.
type answers map[string][]string

// dockersAnswers are Docker's own answers to a container: its DNS is asked in the container's network namespace, at
// 127.0.0.11, where a sandbox does not reach it.
func (h host) dockersAnswers(c onNetwork, names []string) (answers, error) {
	said := answers{}
	var mu sync.Mutex
	work := make(chan string, len(names))
	for _, name := range names {
		work <- name
	}
	close(work)
	var group sync.WaitGroup
	var failed []error
	for range 8 {
		group.Go(func() {
			err := h.inNamespace(c.NetworkSettings.SandboxKey, func() error {
				for name := range work {
					addrs, err := askDocker(name)
					if err != nil {
						return err
					}
					mu.Lock()
					if len(addrs) > 0 {
						said[name] = addrs
					}
					mu.Unlock()
				}
				return nil
			})
			mu.Lock()
			defer mu.Unlock()
			failed = append(failed, err)
		})
	}
	group.Wait()
	return said, errors.Join(failed...)
}

// inNamespace calls f in a network namespace of the host.
func (h host) inNamespace(key string, f func() error) error {
	ended := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		ended <- func() error {
			ns, err := os.Open(h.Path(strings.Replace(key, "/var/run", "/run", 1)))
			if err != nil {
				return err
			}
			defer ns.Close()
			if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
				return fmt.Errorf("enter the network of a container: %w", err)
			}
			return f()
		}()
	}()
	return <-ended
}

// askDocker asks Docker's DNS for the addresses of a name. It must not start a goroutine: only this thread is in the
// namespace.
func askDocker(name string) (addrs []string, err error) {
	for _, kind := range []uint16{typeA, typeAAAA} {
		some, err := askDNS("127.0.0.11:53", name, kind)
		if err != nil {
			return nil, err
		}
		addrs = append(addrs, some...)
	}
	slices.Sort(addrs)
	return slices.Compact(addrs), nil
}

// answersIn are the answers to names in the text of a hosts file.
func answersIn(text string, names []string) answers {
	at := map[string][]string{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(strings.SplitN(line, "#", 2)[0])
		if len(fields) == 0 {
			continue
		}
		addr, err := netip.ParseAddr(fields[0])
		if err != nil {
			continue
		}
		for _, name := range fields[1:] {
			at[strings.ToLower(name)] = append(at[strings.ToLower(name)], addr.String())
		}
	}
	said := answers{}
	for _, name := range names {
		if addrs := at[strings.ToLower(name)]; len(addrs) > 0 {
			slices.Sort(addrs)
			said[name] = slices.Compact(addrs)
		}
	}
	return said
}

// sameAnswers waits until each sandbox has the answers of Docker's DNS to names. It returns how long that took.
func (h host) sameAnswers(names []string) time.Duration {
	h.t.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeout(h.t.Context(), namesLimit)
	defer cancel()
	for _, c := range h.running() {
		if c.HostConfig.Runtime != "runsc" {
			continue
		}
		for {
			why := h.differ(c, names)
			if why == "" {
				break
			}
			if ctx.Err() != nil {
				text, _ := os.ReadFile(h.Path(filepath.Join("/var/lib/docker/containers", c.ID, "hosts")))
				h.t.Fatalf("%s: %s\nits hosts file:\n%s", c.Name, why, text)
			}
			// Nothing tells a test that the file was changed and that dockerd has changed its mind.
			time.Sleep(5 * time.Millisecond)
		}
	}
	return time.Since(began)
}

// differ says how the names in a sandbox differ from Docker's answers; "" if they do not.
func (h host) differ(c onNetwork, names []string) string {
	want, err := h.dockersAnswers(c, names)
	if err != nil {
		return err.Error()
	}
	text, err := os.ReadFile(h.Path(filepath.Join("/var/lib/docker/containers", c.ID, "hosts")))
	if err != nil {
		return err.Error()
	}
	got := answersIn(string(text), names)
	// A program finds names in lines of dockerd without asking DNS, with any runtime.
	byDockerd := hostsfile.Named(string(text))
	for _, all := range []answers{want, got} {
		maps.DeleteFunc(all, func(name string, _ []string) bool { return byDockerd[strings.ToLower(name)] })
	}
	for _, name := range names {
		if !slices.Equal(got[name], want[name]) {
			return fmt.Sprintf("%s: got %v, Docker says %v", name, got[name], want[name])
		}
	}
	return ""
}

const (
	typeA    = 1
	typeAAAA = 28
)

// askDNS asks a server one question over UDP, and returns the addresses in its answer (RFC 1035).
func askDNS(server, name string, kind uint16) (addrs []string, err error) {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(socket)
	at := netip.MustParseAddrPort(server)
	if err := unix.Connect(socket, &unix.SockaddrInet4{Addr: at.Addr().As4(), Port: int(at.Port())}); err != nil {
		return nil, err
	}
	timeout := unix.Timeval{Sec: 10}
	if err := unix.SetsockoptTimeval(socket, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
		return nil, err
	}
	if _, err := unix.Write(socket, question(name, kind)); err != nil {
		return nil, err
	}
	packet := make([]byte, 64<<10)
	n, err := unix.Read(socket, packet)
	if errors.Is(err, unix.ECONNREFUSED) {
		return nil, nil // a container without a network has no DNS
	}
	if err != nil {
		return nil, fmt.Errorf("ask %s for %s: %w", server, name, err)
	}
	return addressesIn(packet[:n])
}

func question(name string, kind uint16) []byte {
	packet := []byte{0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}
	for label := range strings.SplitSeq(name, ".") {
		packet = append(append(packet, byte(len(label))), label...)
	}
	return append(packet, 0, byte(kind>>8), byte(kind), 0, 1)
}

var errPacket = errors.New("the packet is cut short")

func addressesIn(packet []byte) (addrs []string, err error) {
	if len(packet) < 12 {
		return nil, errPacket
	}
	count, rest := int(packet[6])<<8|int(packet[7]), packet[12:]
	if rest = afterName(rest); len(rest) < 4 {
		return nil, errPacket
	}
	rest = rest[4:]
	for range count {
		if rest = afterName(rest); len(rest) < 10 {
			return nil, errPacket
		}
		size := int(rest[8])<<8 | int(rest[9])
		if len(rest) < 10+size {
			return nil, errPacket
		}
		if kind := int(rest[0])<<8 | int(rest[1]); kind == typeA || kind == typeAAAA {
			addrs = append(addrs, net.IP(rest[10:10+size]).String())
		}
		rest = rest[10+size:]
	}
	return addrs, nil
}

// afterName skips a name, which may end in a pointer.
func afterName(packet []byte) []byte {
	for len(packet) > 0 {
		size := int(packet[0])
		switch {
		case size == 0:
			return packet[1:]
		case size >= 0xc0:
			return packet[min(2, len(packet)):]
		case size+1 > len(packet):
			return nil
		}
		packet = packet[size+1:]
	}
	return nil
}

// serveNoNames is a name server of the host, at 127.0.0.1, that knows no name. dockerd of each version asks it from the
// host's network. Without one, each question about an unknown name would take seconds.
func (h host) serveNoNames() {
	h.t.Helper()
	var conn net.PacketConn
	err := h.inNetwork(func() (err error) {
		conn, err = net.ListenPacket("udp", "127.0.0.1:53")
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { conn.Close() })
	go func() {
		packet := make([]byte, 4096)
		for {
			n, from, err := conn.ReadFrom(packet)
			if err != nil {
				return
			}
			if n > 3 {
				packet[2] |= 0x80                     // an answer
				packet[3] = packet[3]&0xf0 | 0x80 | 3 // no such name
				_, _ = conn.WriteTo(packet[:n], from)
			}
		}
	}()
	h.run("echo nameserver 127.0.0.1 >/etc/resolv.conf")
}

func TestAnswersIn(t *testing.T) {
	got := answersIn("10.0.0.2\tdb.app db # x\n10.0.0.3 DB # x\n::1 six\n#10.0.0.9 gone\n", []string{"db", "six", "gone", "db.app"})
	want := answers{"db": {"10.0.0.2", "10.0.0.3"}, "six": {"::1"}, "db.app": {"10.0.0.2"}}
	if !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got %v, want %v", got, want)
	}
}
