// Package seen builds hosts for tests of plans from a few fields: values like those of host.Observe. It reads
// nothing and changes nothing.
package seen

import (
	"cmp"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/commandline"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/dataroot"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/host"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/subid"
	"runsc-provisioner/verify"
)

// Three releases that may be installed, and the directory that holds them. Newer is the latest one of the
// channel.
const (
	Oldest = "20260831.0"
	Older  = "20260907.0"
	Newer  = "20260914.0"
	Store  = "/usr/local/lib/gvisor"
)

// RunscPath is the path of runsc of a release.
func RunscPath(name string) string { return Store + "/" + name + "/runsc" }

// RunscKeepingWrites is runsc of a release, with the arguments that keep writes.
func RunscKeepingWrites(name string) string { return RunscPath(name) + " --overlay2=none --dcache=0" }

// Registered is a daemon.json with runsc of a release as this version registers it, and more keys.
func Registered(name string, more ...string) string {
	return `{"runtimes":{"runsc":{"path":"` + RunscPath(name) + `","runtimeArgs":["--overlay2=none","--dcache=0"]}}` + strings.Join(append([]string{""}, more...), ",") + `}`
}

// RegisteredBare is Registered as a version without a record did it: without arguments.
func RegisteredBare(name string, more ...string) string {
	return strings.Replace(Registered(name, more...), `,"runtimeArgs":["--overlay2=none","--dcache=0"]`, "", 1)
}

// Intact is an installed, undamaged release.
func Intact(name string) release.Installed {
	return release.Installed{
		Name: name, Dir: Store + "/" + name, Runsc: RunscPath(name), ManifestDigest: "digest of " + name,
		Manifest: release.Manifest{Release: name, Channel: release.ChannelRelease, Version: name, Arch: release.Arch()},
	}
}

// Host is a host.Observed in short form.
type Host struct {
	Releases []string
	Damaged  string // one of them
	InUse    []string
	// Withdrawn are names of releases that the host went back from, installed or not.
	Withdrawn []string
	Link      string // the release that it points to; "" if there is no link
	LinkIs    string // a foreign file in its place
	File      string // daemon.json; "" if it is missing
	// Engine is the daemon.json that dockerd runs with; nil if it is stopped.
	Engine *string
	// Version is dockerd's; empty: 26.1.5.
	Version     string
	Conflict    *commandline.FlagConflict
	Running     []string // names of the running containers
	LiveRestore bool
	Remapped    bool     // dockerd has userns-remap
	Rejects     []string // arguments that the first of Releases rejects
	Proven      []string // runtimes with a current proof, with the arguments of the file
	// Before is the recorded daemon.json from before the first run; Unrecorded is a host without a record.
	Before           string
	Unrecorded       bool
	RecordUnreadable bool     // only root may read the record
	ClassicBuild     string   // why docker build uses the classic builder
	NeverProven      bool     // the runtimes of dockerd have no proof
	Flags            []string // of dockerd
}

// Dockerd is a running dockerd that has read text.
func Dockerd(text string) *string { return &text }

// Observed is h as host.Observe gives it.
func (h Host) Observed(t *testing.T) host.Observed {
	t.Helper()
	o := host.Observed{
		Unit:  host.Unit{Name: host.DockerUnit, LoadState: "loaded", ActiveState: "inactive"},
		File:  DaemonJSON(t, h.File),
		Store: Store, Link: release.LinkState{Kind: release.LinkAbsent, Path: "/usr/local/bin/runsc"}, InUse: map[string]bool{},
	}
	if h.Conflict != nil {
		o.FlagConflicts = []*commandline.FlagConflict{h.Conflict}
	}
	o.RunningContainers, o.Proofs = h.Running, map[string]bool{}
	if h.Flags != nil {
		var err error
		if o.Flags, err = commandline.ParseFlags(append([]string{"/usr/sbin/dockerd"}, h.Flags...)); err != nil {
			t.Fatal(err)
		}
	}
	o.IDs = Identities(t, "dockremap:x:999:999::/:/bin/false\n", "dockremap:100000:65536\n", "dockremap:100000:65536\n")
	o.Data = &dataroot.Contents{MaxUserNamespaces: -1}
	for _, name := range h.Releases {
		r := Intact(name)
		if name == h.Damaged {
			r.State = release.State{File: "runsc", Reason: "runsc is missing"}
		}
		o.Releases = append(o.Releases, r)
	}
	for _, name := range h.Withdrawn {
		w := release.Withdraw(Intact(name), time.Unix(1, 0), "a test")
		o.Withdrawn = append(o.Withdrawn, w)
		for i := range o.Releases {
			if o.Releases[i].Name == name {
				o.Releases[i].Withdrawn = &w
			}
		}
	}
	o.Rejected = map[string]bool{}
	for _, argument := range h.Rejects {
		o.Rejected[state.RejectionKey(Intact(h.Releases[0]).ManifestDigest, argument)] = true
	}
	for _, name := range h.InUse {
		o.InUse[name] = true
	}
	if h.Link != "" {
		o.Link.Kind, o.Link.Release, o.Link.Target = release.LinkOurs, h.Link, filepath.Join(Store, h.Link, "runsc")
	}
	if o.ClassicBuild, o.BeforeUnreadable = h.ClassicBuild, h.RecordUnreadable; !h.Unrecorded && !h.RecordUnreadable {
		o.Before = recordOf(t, h.Before)
	}
	if h.LinkIs != "" {
		o.Link.Kind, o.Link.Is = release.LinkForeign, h.LinkIs
	}
	if h.Engine != nil {
		h.observeDockerd(t, &o)
	}
	return o
}

// observeDockerd fills in what a running dockerd reports, and the proofs.
func (h Host) observeDockerd(t *testing.T, o *host.Observed) {
	t.Helper()
	doc := DaemonJSON(t, *h.Engine).Doc
	o.Unit.ActiveState = "active"
	o.Engine = Reloaded(engine.Info{Version: cmp.Or(h.Version, "26.1.5"), DefaultRuntime: "runc", CgroupDriver: "systemd", LiveRestore: h.LiveRestore, UsernsRemap: h.Remapped, RootDir: "/var/lib/docker"}, doc)
	if h.Remapped {
		o.Engine.RootDir += "/100000.100000"
	}
	for _, runtime := range doc.Runtimes() {
		for _, r := range o.Releases {
			o.Proofs[state.PastProofKey(r.ManifestDigest, runtime.Args, o.BootAndMount)] = !h.NeverProven
		}
	}
	o.Loaded.Started = host.OptionDigests("", doc)
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
		o.Proofs[state.ProofKey(Intact(h.Releases[0]).ManifestDigest, args, o.Engine.Version, o.BootAndMount, h.Remapped, verify.WritesOf(args))] = true
	}
}

// recordOf is the record of a host with text as its earlier daemon.json. All keys are managed by now.
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

// Identities are the ids of a host with root and one more account, each with a group of its name.
func Identities(t *testing.T, account, subuid, subgid string) subid.Identities {
	t.Helper()
	ids := subid.Identities{
		Dir: "/etc", Sources: "files", InNameService: map[string]bool{},
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

// DaemonJSON is a daemon.json with text; "" is a missing file.
func DaemonJSON(t *testing.T, text string) daemonfile.File {
	t.Helper()
	doc, err := daemonjson.Parse([]byte(text))
	if err != nil {
		t.Fatalf("daemon.json %s: %v", text, err)
	}
	return daemonfile.File{Path: "/etc/docker/daemon.json", Target: "/etc/docker/daemon.json", Exists: text != "", Bytes: []byte(text), Doc: doc, Mode: 0o644}
}

// Reloaded is info after a SIGHUP with doc: a removed key changes nothing.
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

// AsDefault configures runsc as the default runtime.
func AsDefault(c *config.Config) { c.Docker.DefaultRuntime = config.DefaultRuntimeName }

// Remapped configures runsc as the default runtime, and userns-remap.
func Remapped(c *config.Config) { AsDefault(c); c.Docker.UsernsRemap = "default" }

// Rootfs configures rootfs and args of runsc.
func Rootfs(value string, args ...string) func(*config.Config) {
	return func(c *config.Config) { c.Docker.Runtimes["runsc"] = config.Runtime{Rootfs: value, Args: args} }
}

// WithArgs is a daemon.json with runsc at path; args is JSON without its brackets.
func WithArgs(path, args string) string {
	return `{"runtimes":{"runsc":{"path":"` + path + `","runtimeArgs":[` + args + `]}}}`
}
