package difference

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"runsc-provisioner/verify"
)

func named(name, runtime string, c verify.Container) Container {
	c.Name, c.Runtime = name, runtime
	return Container{Container: c}
}

// host has three containers that follow the default runtime, and three that do not.
func host() []Container {
	return []Container{
		named("web", "runc", verify.Container{Network: "app", Mounts: []verify.HostMount{{Source: "/a.sock"}, {Source: "/b.sock"}}}),
		named("plain", "runc", verify.Container{}),
		named("db", "runc", verify.Container{Network: "app"}),
		named("gpu", "nvidia", verify.Container{Network: "app"}),
		named("in", "runsc", verify.Container{Network: "app", Sysctls: []string{"net.a"}}),
		named("unread", "runc", verify.Container{Unread: errors.New("too long"), Network: "app"}),
	}
}

// brief is items in one line each: feature: container (given), …
func brief(items []Item) []string {
	var all []string
	for _, item := range items {
		var names []string
		for _, c := range item.Containers {
			names = append(names, strings.TrimSpace(c.Name+" "+strings.Join(c.Given, ",")))
		}
		all = append(all, string(item.Feature)+": "+strings.Join(names, "; "))
	}
	return all
}

func TestList(t *testing.T) {
	got := brief(List(host(), func(c Container) (Runtime, bool) { return with(verify.KeepWrites), c.Runtime == "runsc" }))
	want := []string{"names: in network app", "sysctls: in --sysctl net.a"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestNewSwitch(t *testing.T) {
	kept := []string{verify.KeepWrites}
	got := NewSwitch(host(), "runc", nil, Runtime{Name: "runsc", Args: kept})
	want := Switch{From: "runc", To: "runsc", Keeping: []Keeping{
		{Name: "db", Lacks: []string{"no names of other containers (on network app)"}},
		{Name: "plain"},
		{Name: "web", Lacks: []string{"no names of other containers (on network app)", "no connection to /a.sock", "no connection to /b.sock"}},
	}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Switch{}, "Items")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"names: db network app; web network app", "sockets: web /a.sock,/b.sock"}, brief(got.Items)); diff != "" {
		t.Errorf("items, -want +got:\n%s", diff)
	}

	lost := host()
	lost[1].Bytes = 1 << 20
	got = NewSwitch(lost, "runc", nil, Runtime{Name: "runsc", Args: []string{"--network=host", "--host-uds=open", "--ignore-cgroups"}})
	if diff := cmp.Diff([]string{"writes: plain 1.0 MiB written", "update: db; plain; web"}, brief(got.Items)); diff != "" {
		t.Errorf("with other arguments, -want +got:\n%s", diff)
	}
	for _, one := range got.Keeping {
		if one.Name == "db" && len(one.Lacks) > 0 {
			t.Errorf("got %+v, want nothing: docker update concerns every container", one)
		}
	}
}

// From one runtime of gVisor's to another, only what the first one had is lost.
func TestNewSwitch_BetweenTwoOfGVisors(t *testing.T) {
	was := Runtime{Name: "runsc", Args: []string{"--host-uds=open", verify.KeepWrites}}
	all := []Container{named("in", "runsc", verify.Container{Network: "app", Mounts: []verify.HostMount{{Source: "/a.sock"}}})}
	got := NewSwitch(all, "runsc", &was, Runtime{Name: "strict", Args: []string{verify.KeepWrites}})
	if diff := cmp.Diff([]string{"sockets: in /a.sock"}, brief(got.Items)); diff != "" || !got.FromSandbox {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]Keeping{{Name: "in", Lacks: []string{"no connection to /a.sock"}}}, got.Keeping); diff != "" {
		t.Errorf("keeping, -want +got:\n%s", diff)
	}
}

// A container without a name, or with one that is not safe to show.
func TestNamesAreSafeToShow(t *testing.T) {
	all := []Container{named("a\x1b[31m", "runc", verify.Container{Privileged: true}), named("", "runc", verify.Container{ID: "4425d82a", Privileged: true})}
	got := brief(NewSwitch(all, "runc", nil, with(verify.KeepWrites)).Items)
	if diff := cmp.Diff([]string{`privileged: "a\x1b[31m" --privileged; 4425d82a --privileged`}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
