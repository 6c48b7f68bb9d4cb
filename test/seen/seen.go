// Package seen makes hosts that a test can plan for, in few words: values as package
// host gives them, with nothing behind them.
package seen

import (
	"strings"
	"testing"
	"time"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/subid"
	"runsc-provisioner/verify"
)

// The host of the plan tests: three releases that may be installed, the newest
// of which is what the channel calls latest.
const (
	Oldest = "20260831.0"
	Older  = "20260907.0"
	Newer  = "20260914.0"
	Store  = "/usr/local/lib/gvisor"
)

func RunscPath(name string) string { return Store + "/" + name + "/runsc" }

// RunscKeepingWrites is runsc of a release with the arguments that keep writes.
func RunscKeepingWrites(name string) string { return RunscPath(name) + " --overlay2=none --dcache=0" }

// Registered is a daemon.json that has runsc of a release, as it is registered,
// and more keys.
func Registered(name string, more ...string) string {
	return `{"runtimes":{"runsc":{"path":"` + RunscPath(name) + `","runtimeArgs":["--overlay2=none","--dcache=0"]}}` + strings.Join(append([]string{""}, more...), ",") + `}`
}

// RegisteredBare is registered as a version did that kept no record, without arguments.
func RegisteredBare(name string, more ...string) string {
	return strings.Replace(Registered(name, more...), `,"runtimeArgs":["--overlay2=none","--dcache=0"]`, "", 1)
}

func Intact(name string) release.Installed {
	return release.Installed{
		Name: name, Dir: Store + "/" + name, Runsc: RunscPath(name), ManifestDigest: "digest of " + name,
		Manifest: release.Manifest{Release: name, Channel: release.ChannelRelease, Version: name, Arch: release.Arch()},
	}
}

// Host is an Observed in few words.
type Host struct {
	Releases []string
	Damaged  string // one of them
	InUse    []string
	Link     string // the release it leads to, "" where there is none
	LinkIs   string // what stands in its place
	File     string // daemon.json; "" where there is none
	// engine is the daemon.json that dockerd runs with; nil while it is stopped.
	Engine      *string
	Conflict    *engine.FlagConflict
	Running     []string // names of containers
	LiveRestore bool     // live-restore
	Remapped    bool     // dockerd has userns-remap
	Proven      []string // runtimes of which a proof is remembered, with the arguments that the file has
	// before is the daemon.json that was there before this program came, as it is
	// recorded; unrecorded is a host without a record.
	Before           string
	Unrecorded       bool
	RecordUnreadable bool     // there is one, for root only
	ClassicBuild     string   // why docker build is the classic builder
	NeverProven      bool     // no proof was ever seen of what dockerd has
	Flags            []string // of dockerd
	unknown          bool     // what dockerd has loaded is not known
	nextRoot         string
}

// Dockerd is one that has read text.
func Dockerd(text string) *string { return &text }

func (h Host) Observed(t *testing.T) host.Observed {
	t.Helper()
	o := host.Observed{
		Unit:  host.Unit{Name: host.DockerUnit, LoadState: "loaded", ActiveState: "inactive"},
		File:  DaemonJSON(t, h.File),
		Store: Store, Link: release.LinkState{Kind: release.LinkAbsent, Path: "/usr/local/bin/runsc"}, InUse: map[string]bool{},
	}
	if h.Conflict != nil {
		o.Conflicts = []*engine.FlagConflict{h.Conflict}
	}
	o.Running, o.Proofs = h.Running, map[string]bool{}
	o.NextRoot = h.nextRoot
	if h.Flags != nil {
		var err error
		if o.Flags, err = engine.ParseFlags(append([]string{"/usr/sbin/dockerd"}, h.Flags...)); err != nil {
			t.Fatal(err)
		}
	}
	o.IDs = Identities(t, "dockremap:x:999:999::/:/bin/false\n", "dockremap:100000:65536\n", "dockremap:100000:65536\n")
	o.Data = &host.DataRoot{Namespaces: -1}
	for _, name := range h.Releases {
		r := Intact(name)
		if name == h.Damaged {
			r.State = release.State{File: "runsc", Reason: "runsc is missing"}
		}
		o.Releases = append(o.Releases, r)
	}
	for _, name := range h.InUse {
		o.InUse[name] = true
	}
	if h.Link != "" {
		o.Link.Kind, o.Link.Release = release.LinkOurs, h.Link
	}
	if o.ClassicBuild, o.Unread = h.ClassicBuild, h.RecordUnreadable; !h.Unrecorded && !h.RecordUnreadable {
		o.Before = recordOf(t, h.Before)
	}
	if h.LinkIs != "" {
		o.Link.Kind, o.Link.Is = release.LinkForeign, h.LinkIs
	}
	if h.Engine != nil {
		o.Unit.ActiveState = "active"
		o.Engine = Reloaded(engine.Info{DefaultRuntime: "runc", CgroupDriver: "systemd", LiveRestore: h.LiveRestore, UsernsRemap: h.Remapped, RootDir: "/var/lib/docker"}, DaemonJSON(t, *h.Engine).Doc)
		if h.Remapped {
			o.Engine.RootDir += "/100000.100000"
		}
		doc := DaemonJSON(t, *h.Engine).Doc
		for _, runtime := range doc.Runtimes() {
			for _, r := range o.Releases {
				o.Proofs[state.EverKey(r.ManifestDigest, runtime.Args, o.Since)] = !h.NeverProven
			}
		}
		if !h.unknown {
			o.Loaded.Started = host.Digests("", doc)
		}
		for name, path := range o.Flags.AddRuntimes {
			if _, has := o.Engine.Runtimes[name]; !has && !doc.Has("runtimes") {
				o.Engine.Runtimes[name] = engine.Runtime{Path: path}
			}
		}
		for _, name := range h.Proven {
			args := o.File.Doc.Runtimes()[name].Args
			if args == nil {
				args = []string{verify.KeepWrites, verify.ForgetFiles}
			}
			o.Proofs[state.ProofKey(Intact(h.Releases[0]).ManifestDigest, args, o.Engine.Version, o.Since, h.Remapped, verify.WritesOf(args))] = true
		}
	}
	return o
}

// recordOf is the record of a host that had text as its daemon.json, and whose keys
// are all managed since.
func recordOf(t *testing.T, text string) *state.Before {
	t.Helper()
	b := (*state.Before)(nil).Clone()
	file := state.BeforeFile{Recorded: time.Unix(1, 0).UTC(), Managed: true, Exists: text != "", Text: text, Target: "/etc/docker/daemon.json", Keys: map[string]state.BeforeKey{}}
	doc := DaemonJSON(t, text).Doc
	for _, item := range []string{config.RuntimeItem("runsc"), config.ItemDefaultRuntime, config.ItemUsernsRemap} {
		value, present := config.ItemValue(doc, item)
		file.Keys[item] = state.BeforeKey{Recorded: file.Recorded, Managed: true, Present: present, Value: value}
	}
	b.Files["/etc/docker/daemon.json"] = file
	return b
}

// Identities are those of a host with one more account, and a group of its name.
func Identities(t *testing.T, account, subuid, subgid string) subid.Identities {
	t.Helper()
	ids := subid.Identities{
		Dir: "/etc", Sources: "files", Elsewhere: map[string]bool{},
		Users:  subid.ParseEntries("root:x:0:0::/root:/bin/bash\n" + account),
		Groups: subid.ParseEntries("root:x:0:\n" + account),
		UIDs:   subid.File{Path: "/etc/subuid", Text: subuid, Limits: subid.DefaultLimits},
		GIDs:   subid.File{Path: "/etc/subgid", Text: subgid, Limits: subid.DefaultLimits},
	}
	for _, f := range []*subid.File{&ids.UIDs, &ids.GIDs} {
		var err error
		if f.Ranges, err = subid.Parse(f.Path, f.Text); err != nil {
			t.Fatal(err)
		}
	}
	return ids
}

func DaemonJSON(t *testing.T, text string) daemonfile.File {
	t.Helper()
	doc, err := daemonjson.Parse([]byte(text))
	if err != nil {
		t.Fatalf("daemon.json %s: %v", text, err)
	}
	return daemonfile.File{Path: "/etc/docker/daemon.json", Target: "/etc/docker/daemon.json", Exists: text != "", Bytes: []byte(text), Doc: doc, Mode: 0o644}
}

// Reloaded is what dockerd runs with after SIGHUP: a key that is gone changes
// nothing.
func Reloaded(info engine.Info, doc daemonjson.Document) *engine.Info {
	if info.Runtimes == nil || doc.Has("runtimes") {
		info.Runtimes = map[string]engine.Runtime{"runc": {Path: "runc"}}
		for name, r := range doc.Runtimes() {
			info.Runtimes[name] = engine.Runtime{Path: r.Path, Args: r.Args}
		}
	}
	if name, ok := doc.DefaultRuntime(); ok {
		info.DefaultRuntime = name
	}
	if value, ok := doc.Options()["debug"]; ok {
		info.Debug = value == "true"
	}
	return &info
}

// Wants is the default configuration with some changes.
func Wants(change func(*config.Config)) config.Config {
	c := config.Default()
	if change != nil {
		change(&c)
	}
	return c
}

func AsDefault(c *config.Config) { c.Docker.DefaultRuntime = config.DefaultRuntimeName }

func Remapped(c *config.Config) { AsDefault(c); c.Docker.UsernsRemap = "default" }

func Rootfs(value string, args ...string) func(*config.Config) {
	return func(c *config.Config) { c.Docker.Runtimes["runsc"] = config.Runtime{Rootfs: value, Args: args} }
}

func WithArgs(path, args string) string {
	return `{"runtimes":{"runsc":{"path":"` + path + `","runtimeArgs":[` + args + `]}}}`
}
