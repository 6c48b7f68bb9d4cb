package dockerdns

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/provision/hostsfile"
)

// on is an endpoint: "NETWORK ADDRESS[,ADDRESS] NAME…", and links as "TARGET:ALIAS".
func on(text string) Endpoint {
	fields := strings.Fields(text)
	e := Endpoint{Network: fields[0]}
	for addr := range strings.SplitSeq(fields[1], ",") {
		if addr != "-" {
			e.Addrs = append(e.Addrs, netip.MustParseAddr(addr))
		}
	}
	for _, word := range fields[2:] {
		if strings.Contains(word, ":") {
			e.Links = append(e.Links, word)
		} else {
			e.Names = append(e.Names, word)
		}
	}
	return e
}

func container(id string, endpoints ...string) Container {
	c := Container{ID: id}
	for _, text := range endpoints {
		c.Endpoints = append(c.Endpoints, on(text))
	}
	return c
}

func show(records []hostsfile.Record) (lines []string) {
	for _, r := range records {
		lines = append(lines, r.Addr.String()+" "+strings.Join(r.Names, " "))
	}
	return lines
}

func TestRecords(t *testing.T) {
	me := container("me", "app 10.1.0.9 me")
	for _, tt := range []struct {
		situation string
		me        Container
		others    []Container
		networks  map[string]Network
		want      []string
	}{
		{"alone", me, nil, nil, []string{"10.1.0.9 me.app me"}},
		{
			"a peer, with its aliases", me, []Container{container("a", "app 10.1.0.2,fd00::2 db database")}, nil,
			[]string{"10.1.0.2 db.app db database database.app", "10.1.0.9 me.app me", "fd00::2 db.app db database database.app"},
		},
		{"a peer on another network", me, []Container{container("a", "back 10.2.0.2 db")}, nil, []string{"10.1.0.9 me.app me"}},
		{"a peer without an address", me, []Container{container("a", "app - db")}, nil, []string{"10.1.0.9 me.app me"}},
		{
			"scaled", me, []Container{container("a", "app 10.1.0.2 web-1 web"), container("b", "app 10.1.0.3 web-2 WEB")}, nil,
			[]string{"10.1.0.2 web-1.app web-1 web web.app", "10.1.0.3 web-2.app web web-2 web.app", "10.1.0.9 me.app me"},
		},
		{
			"the first network that has a name answers", container("me", "app 10.1.0.9 me", "back 10.2.0.9 me"),
			[]Container{container("a", "app 10.1.0.2 db", "back 10.2.0.2 db"), container("b", "back 10.2.0.3 db cache")}, nil,
			[]string{"10.1.0.2 db.app db", "10.1.0.9 me.app me", "10.2.0.2 db.back", "10.2.0.3 db.back cache cache.back", "10.2.0.9 me.back"},
		},
		{
			"a network without a way out comes last", container("me", "app 10.1.0.9 me", "back 10.2.0.9 me"),
			[]Container{container("a", "app 10.1.0.2 db", "back 10.2.0.2 db")}, map[string]Network{"app": {Internal: true}},
			[]string{"10.1.0.2 db.app", "10.1.0.9 me.app", "10.2.0.2 db.back db", "10.2.0.9 me.back me"},
		},
		{
			"a network with IPv6 comes before", container("me", "app 10.1.0.9 me", "back 10.2.0.9 me"),
			[]Container{container("a", "app 10.1.0.2 db", "back 10.2.0.2 db")}, map[string]Network{"back": {IPv6: true}},
			[]string{"10.1.0.2 db.app", "10.1.0.9 me.app", "10.2.0.2 db.back db", "10.2.0.9 me.back me"},
		},
		{
			"a link", container("me", "app 10.1.0.9 me db:alias"), []Container{container("a", "app 10.1.0.2 db")}, nil,
			[]string{"10.1.0.2 db.app alias db alias.app", "10.1.0.9 me.app me"},
		},
		{
			"a link hides a container of that name", container("me", "app 10.1.0.9 me db:other"),
			[]Container{container("a", "app 10.1.0.2 db"), container("b", "app 10.1.0.3 other x")}, nil,
			[]string{"10.1.0.2 db.app other db other.app", "10.1.0.3 x x.app", "10.1.0.9 me.app me"},
		},
		{
			"a link to what is gone still hides it", container("me", "app 10.1.0.9 me gone:other"),
			[]Container{container("b", "app 10.1.0.3 other x")}, nil, []string{"10.1.0.3 x x.app", "10.1.0.9 me.app me"},
		},
		{
			"an alias with a dot goes before NAME.NETWORK", me,
			[]Container{container("a", "app 10.1.0.2 db"), container("b", "app 10.1.0.3 db.app")}, nil,
			[]string{"10.1.0.2 db", "10.1.0.3 db.app.app db.app", "10.1.0.9 me.app me"},
		},
		{
			"a network with a dot", container("me", "b 10.1.0.9 me", "a.b 10.2.0.9 me"),
			[]Container{container("x", "b 10.1.0.2 c.a"), container("y", "a.b 10.2.0.2 c")}, nil,
			[]string{"10.1.0.2 c.a.b c.a", "10.1.0.9 me.b", "10.2.0.2 c", "10.2.0.9 me.a.b me"},
		},
		{"the default bridge has no names", container("me", "bridge 10.0.0.9 me"), []Container{container("a", "bridge 10.0.0.2 db")}, nil, nil},
		{
			"starting, without an address yet", Container{ID: "me", Starting: true, Endpoints: []Endpoint{on("app - me")}},
			[]Container{container("a", "app 10.1.0.2 db")}, nil, []string{"10.1.0.2 db.app db"},
		},
	} {
		t.Run(tt.situation, func(t *testing.T) {
			got := show(Records(tt.me, append([]Container{tt.me}, tt.others...), tt.networks))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			slices.Reverse(tt.others)
			if again := show(Records(tt.me, append(tt.others, tt.me), tt.networks)); !slices.Equal(got, again) {
				t.Errorf("in another order: %q", again)
			}
		})
	}
}

func TestRecords_Priority(t *testing.T) {
	me := container("me", "app 10.1.0.9 me", "back 10.2.0.9 me")
	me.Endpoints[1].Priority = 1
	got := show(Records(me, []Container{container("a", "app 10.1.0.2 db", "back 10.2.0.2 db")}, nil))
	if want := []string{"10.1.0.2 db.app", "10.2.0.2 db.back db"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Ten thousand aliases take milliseconds: the time must not grow with their square. Any user of Docker can give a
// container that many.
func TestRecords_ManyNames(t *testing.T) {
	many := container("a", "app 10.1.0.2 x")
	for i := range 10_000 {
		many.Endpoints[0].Names = append(many.Endpoints[0].Names, fmt.Sprintf("alias%d", i))
	}
	records := Records(container("me", "app 10.1.0.9 me"), []Container{many}, nil)
	if n := len(records[0].Names); n != 20_002 {
		t.Errorf("got %d names, want 20002", n)
	}
}
