package systemd

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"
)

// A fakeManager speaks just enough D-Bus on a unix socket to do what a real
// systemd cannot be made to do: fall silent, hang up in the middle of a job, or
// finish one without a signal.
type fakeManager struct {
	t       *testing.T
	path    string
	calls   chan string // "Member arg arg", as they come
	methods map[string]func(*fakeManager, *fakePeer, *dbus.Message)

	mu       sync.Mutex
	listener net.Listener
	peers    map[*fakePeer]bool
	answers  sync.WaitGroup
}

type fakePeer struct {
	net.Conn
	mu sync.Mutex
}

// newFakeManager listens under a name that Dial takes for the manager
// ("systemd/private") or for a bus ("bus").
func newFakeManager(t *testing.T, name string) *fakeManager {
	t.Helper()
	f := &fakeManager{
		t:       t,
		path:    filepath.Join(t.TempDir(), name),
		calls:   make(chan string, 100),
		peers:   map[*fakePeer]bool{},
		methods: map[string]func(*fakeManager, *fakePeer, *dbus.Message){},
	}
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		t.Fatal(err)
	}
	f.on("Hello", func(f *fakeManager, p *fakePeer, m *dbus.Message) { f.reply(p, m, ":1.7") })
	f.on("AddMatch", func(f *fakeManager, p *fakePeer, m *dbus.Message) { f.reply(p, m) })
	f.on("Ping", unanswered)
	f.on("Subscribe", func(f *fakeManager, p *fakePeer, m *dbus.Message) { f.reply(p, m) })
	f.on("GetUnit", isNotLoaded)
	f.listen()
	t.Cleanup(func() {
		f.hangUp()
		f.answers.Wait()
	})
	return f
}

func (f *fakeManager) address() string { return "unix:path=" + f.path }

func (f *fakeManager) on(member string, answer func(*fakeManager, *fakePeer, *dbus.Message)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.methods[member] = answer
}

func (f *fakeManager) listen() {
	listener, err := net.Listen("unix", f.path)
	if err != nil {
		f.t.Fatal(err)
	}
	f.mu.Lock()
	f.listener = listener
	f.mu.Unlock()
	f.answers.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			peer := &fakePeer{Conn: conn}
			f.mu.Lock()
			f.peers[peer] = true
			f.mu.Unlock()
			f.answers.Go(func() { f.serve(peer) })
		}
	})
}

// hangUp drops every peer and stops listening, like a manager that has stopped.
func (f *fakeManager) hangUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.listener.Close()
	for peer := range f.peers {
		peer.Close()
		delete(f.peers, peer)
	}
}

func (f *fakeManager) serve(peer *fakePeer) {
	defer peer.Close()
	in := bufio.NewReader(peer)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch word, rest, _ := strings.Cut(strings.Trim(line, "\x00\r\n"), " "); {
		case word == "AUTH" && rest == "":
			io.WriteString(peer, "REJECTED EXTERNAL\r\n")
		case word == "AUTH":
			io.WriteString(peer, "OK 0123456789abcdef0123456789abcdef\r\n")
		case word == "NEGOTIATE_UNIX_FD":
			io.WriteString(peer, "ERROR\r\n")
		case word == "BEGIN":
			f.answer(peer, in)
			return
		}
	}
}

func (f *fakeManager) answer(peer *fakePeer, in io.Reader) {
	for {
		message, err := dbus.DecodeMessage(in)
		if err != nil {
			return
		}
		member, _ := message.Headers[dbus.FieldMember].Value().(string)
		call := member
		for _, argument := range message.Body {
			if text, ok := argument.(string); ok {
				call += " " + text
			}
		}
		f.calls <- call
		f.mu.Lock()
		answer := f.methods[member]
		f.mu.Unlock()
		if answer == nil {
			f.fail(peer, message, "org.freedesktop.DBus.Error.UnknownMethod", "the fake has no "+member)
			continue
		}
		answer(f, peer, message)
	}
}

func (f *fakeManager) reply(peer *fakePeer, to *dbus.Message, body ...any) {
	f.send(peer, dbus.TypeMethodReply, map[dbus.HeaderField]dbus.Variant{
		dbus.FieldReplySerial: dbus.MakeVariant(to.Serial()),
	}, body...)
}

func (f *fakeManager) fail(peer *fakePeer, to *dbus.Message, name, text string) {
	f.send(peer, dbus.TypeError, map[dbus.HeaderField]dbus.Variant{
		dbus.FieldReplySerial: dbus.MakeVariant(to.Serial()),
		dbus.FieldErrorName:   dbus.MakeVariant(name),
	}, text)
}

// jobRemoved signals the end of a job to every peer, as systemd does.
func (f *fakeManager) jobRemoved(id uint32, unit, result string) {
	f.signal(":1.0", managerPath, "org.freedesktop.systemd1.Manager", "JobRemoved", id, fakeJobPath, unit, result)
}

// signal sends a signal to every peer.
func (f *fakeManager) signal(sender string, path dbus.ObjectPath, from, member string, body ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for peer := range f.peers {
		f.send(peer, dbus.TypeSignal, map[dbus.HeaderField]dbus.Variant{
			dbus.FieldSender:    dbus.MakeVariant(sender),
			dbus.FieldPath:      dbus.MakeVariant(path),
			dbus.FieldInterface: dbus.MakeVariant(from),
			dbus.FieldMember:    dbus.MakeVariant(member),
		}, body...)
	}
}

func (f *fakeManager) send(peer *fakePeer, kind dbus.Type, headers map[dbus.HeaderField]dbus.Variant, body ...any) {
	if len(body) > 0 {
		headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(body...))
	}
	message := &dbus.Message{Type: kind, Headers: headers, Body: body}
	peer.mu.Lock()
	defer peer.mu.Unlock()
	err := message.EncodeTo(peer, binary.LittleEndian)
	if err != nil && !errors.Is(err, net.ErrClosed) && !strings.Contains(err.Error(), "broken pipe") {
		f.t.Errorf("fake manager: send: %v", err)
	}
}

const (
	fakeJobID   = 42
	fakeJobPath = dbus.ObjectPath("/org/freedesktop/systemd1/job/42")
)

// takeJob answers a request for a job with its path.
func takeJob(f *fakeManager, peer *fakePeer, message *dbus.Message) {
	f.reply(peer, message, fakeJobPath)
}

// endJob accepts a job that ends at once with a result.
func endJob(result string) func(*fakeManager, *fakePeer, *dbus.Message) {
	return func(f *fakeManager, peer *fakePeer, message *dbus.Message) {
		f.reply(peer, message, fakeJobPath)
		f.jobRemoved(fakeJobID, "docker.service", result)
	}
}

// isLoaded and isNotLoaded answer the question for a unit's path.
func isLoaded(f *fakeManager, peer *fakePeer, message *dbus.Message) {
	f.reply(peer, message, dbus.ObjectPath("/org/freedesktop/systemd1/unit/loaded"))
}

func isNotLoaded(f *fakeManager, peer *fakePeer, message *dbus.Message) {
	f.fail(peer, message, "org.freedesktop.systemd1.NoSuchUnit", "Unit not loaded.")
}

// unanswered handles a call as a hanging manager does: not at all.
func unanswered(*fakeManager, *fakePeer, *dbus.Message) {}
