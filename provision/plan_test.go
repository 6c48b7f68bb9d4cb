package provision

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/daemonfile"
	"runsc-provisioner/provision/engine"
	"runsc-provisioner/provision/release"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/provision/subid"
	"runsc-provisioner/verify"
)

// The host of the plan tests: three releases that may be installed, the newest
// of which is what the channel calls latest.
const (
	oldest = "20260831.0"
	older  = "20260907.0"
	newer  = "20260914.0"
	store  = "/usr/local/lib/gvisor"
)

func runscOf(name string) string { return store + "/" + name + "/runsc" }

// keptOf is runsc of a release with the arguments that keep writes.
func keptOf(name string) string { return runscOf(name) + " --overlay2=none --dcache=0" }

// registered is a daemon.json that has runsc of a release, as it is registered,
// and more keys.
func registered(name string, more ...string) string {
	return `{"runtimes":{"runsc":{"path":"` + runscOf(name) + `","runtimeArgs":["--overlay2=none","--dcache=0"]}}` + strings.Join(append([]string{""}, more...), ",") + `}`
}

// bare is registered as a version did that kept no record, without arguments.
func bare(name string, more ...string) string {
	return strings.Replace(registered(name, more...), `,"runtimeArgs":["--overlay2=none","--dcache=0"]`, "", 1)
}

func intact(name string) release.Installed {
	return release.Installed{
		Name: name, Dir: store + "/" + name, Runsc: runscOf(name), ManifestDigest: "digest of " + name,
		Manifest: release.Manifest{Release: name, Channel: release.ChannelRelease, Version: name, Arch: release.Arch()},
	}
}

// host is an Observed in few words.
type host struct {
	releases []string
	damaged  string // one of them
	inUse    []string
	link     string // the release it leads to, "" where there is none
	foreign  string // what stands in its place
	file     string // daemon.json; "" where there is none
	// engine is the daemon.json that dockerd runs with; nil while it is stopped.
	engine   *string
	conflict *engine.FlagConflict
	running  []string // names of containers
	alive    bool     // live-restore
	remapped bool     // dockerd has userns-remap
	proven   []string // runtimes of which a proof is remembered, with the arguments that the file has
	// before is the daemon.json that was there before this program came, as it is
	// recorded; unrecorded is a host without a record.
	before     string
	unrecorded bool
	unread     bool     // there is one, for root only
	classic    string   // why docker build is the classic builder
	untried    bool     // no proof was ever seen of what dockerd has
	flags      []string // of dockerd
	unknown    bool     // what dockerd has loaded is not known
	nextRoot   string
}

// dockerd is one that has read text.
func dockerd(text string) *string { return &text }

func (h host) observed(t *testing.T) Observed {
	t.Helper()
	o := Observed{
		Unit:  Unit{Name: DockerUnit, LoadState: "loaded", ActiveState: "inactive"},
		File:  fileOf(t, h.file),
		Store: store, Link: release.LinkState{Kind: release.LinkAbsent, Path: "/usr/local/bin/runsc"}, InUse: map[string]bool{},
	}
	if h.conflict != nil {
		o.Conflicts = []*engine.FlagConflict{h.conflict}
	}
	o.Running, o.Proofs = h.running, map[string]bool{}
	o.NextRoot = h.nextRoot
	if h.flags != nil {
		var err error
		if o.Flags, err = engine.ParseFlags(append([]string{"/usr/sbin/dockerd"}, h.flags...)); err != nil {
			t.Fatal(err)
		}
	}
	o.IDs = identities(t, "dockremap:x:999:999::/:/bin/false\n", "dockremap:100000:65536\n", "dockremap:100000:65536\n")
	o.Data = &DataRoot{Namespaces: -1}
	for _, name := range h.releases {
		r := intact(name)
		if name == h.damaged {
			r.State = release.State{File: "runsc", Reason: "runsc is missing"}
		}
		o.Releases = append(o.Releases, r)
	}
	for _, name := range h.inUse {
		o.InUse[name] = true
	}
	if h.link != "" {
		o.Link.Kind, o.Link.Release = release.LinkOurs, h.link
	}
	if o.ClassicBuild, o.Unread = h.classic, h.unread; !h.unrecorded && !h.unread {
		o.Before = before(t, h.before)
	}
	if h.foreign != "" {
		o.Link.Kind, o.Link.Is = release.LinkForeign, h.foreign
	}
	if h.engine != nil {
		o.Unit.ActiveState = "active"
		o.Engine = reloaded(engine.Info{DefaultRuntime: "runc", CgroupDriver: "systemd", LiveRestore: h.alive, UsernsRemap: h.remapped, RootDir: "/var/lib/docker"}, fileOf(t, *h.engine).Doc)
		if h.remapped {
			o.Engine.RootDir += "/100000.100000"
		}
		doc := fileOf(t, *h.engine).Doc
		for _, runtime := range doc.Runtimes() {
			for _, r := range o.Releases {
				o.Proofs[state.EverKey(r.ManifestDigest, runtime.Args, o.Since)] = !h.untried
			}
		}
		if !h.unknown {
			o.Loaded.Started = digests("", doc)
		}
		for name, path := range o.Flags.AddRuntimes {
			if _, has := o.Engine.Runtimes[name]; !has && !doc.Has("runtimes") {
				o.Engine.Runtimes[name] = engine.Runtime{Path: path}
			}
		}
		for _, name := range h.proven {
			args := o.File.Doc.Runtimes()[name].Args
			if args == nil {
				args = []string{verify.KeepWrites, verify.ForgetFiles}
			}
			o.Proofs[state.ProofKey(intact(h.releases[0]).ManifestDigest, args, o.Engine.Version, o.Since, h.remapped, verify.WritesOf(args))] = true
		}
	}
	return o
}

// before is the record of a host that had text as its daemon.json, and whose keys
// are all managed since.
func before(t *testing.T, text string) *state.Before {
	t.Helper()
	b := (*state.Before)(nil).Clone()
	file := state.BeforeFile{Recorded: time.Unix(1, 0).UTC(), Managed: true, Exists: text != "", Text: text, Target: "/etc/docker/daemon.json", Keys: map[string]state.BeforeKey{}}
	doc := fileOf(t, text).Doc
	for _, item := range []string{config.RuntimeItem("runsc"), config.ItemDefaultRuntime, config.ItemUsernsRemap} {
		value, present := config.ItemValue(doc, item)
		file.Keys[item] = state.BeforeKey{Recorded: file.Recorded, Managed: true, Present: present, Value: value}
	}
	b.Files["/etc/docker/daemon.json"] = file
	return b
}

// identities are those of a host with one more account, and a group of its name.
func identities(t *testing.T, account, subuid, subgid string) subid.Identities {
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

func fileOf(t *testing.T, text string) daemonfile.File {
	t.Helper()
	doc, err := daemonjson.Parse([]byte(text))
	if err != nil {
		t.Fatalf("daemon.json %s: %v", text, err)
	}
	return daemonfile.File{Path: "/etc/docker/daemon.json", Target: "/etc/docker/daemon.json", Exists: text != "", Bytes: []byte(text), Doc: doc, Mode: 0o644}
}

// reloaded is what dockerd runs with after SIGHUP: a key that is gone changes
// nothing.
func reloaded(info engine.Info, doc daemonjson.Document) *engine.Info {
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

// brief is a step in one line.
func brief(step Step) string {
	switch s := step.(type) {
	case InstallRelease:
		return fmt.Sprintf("install %s (%s)", s.Spec.Version, s.Why)
	case Prove:
		return strings.TrimSpace(fmt.Sprintf("prove %s as %s %s", s.Release, s.Runtime, strings.Join(s.Args, " ")))
	case ProveInDocker:
		return strings.TrimSpace(fmt.Sprintf("prove %s through Docker as %s %s", s.Release, s.Runtime, strings.Join(s.Args, " ")))
	case Restart:
		return "restart " + s.Unit
	case Link:
		return fmt.Sprintf("link %s", s.Release)
	case WriteDaemonJSON:
		return "write " + s.What
	case Reload:
		return "reload " + s.Unit
	case Confirm:
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(s.Runtimes)) {
			r := s.Runtimes[name]
			parts = append(parts, strings.Join(append([]string{name + "=" + r.Path}, r.Args...), " "))
		}
		if s.Default != "" {
			parts = append(parts, "default="+s.Default)
		}
		if s.Remap != config.RemapAny {
			parts = append(parts, "remap="+string(s.Remap))
		}
		return "confirm " + strings.Join(parts, ", ")
	case RemoveRelease:
		return "remove " + s.Name
	default:
		return fmt.Sprintf("%T", step)
	}
}

// planned is a Plan in few words. File is what daemon.json has at its end.
type planned struct {
	Steps       []string
	File        string
	Held        []string
	Warnings    []string
	Provisional bool
}

func summary(t *testing.T, o Observed, p Plan) planned {
	t.Helper()
	s := planned{Warnings: p.Warnings, Provisional: p.Provisional, File: string(o.File.Bytes)}
	for _, step := range p.Steps {
		s.Steps = append(s.Steps, brief(step))
		write, ok := step.(WriteDaemonJSON)
		if !ok {
			continue
		}
		if string(write.Old) != s.File {
			t.Errorf("%s: got it written over %s, want over what is there by then: %s", brief(step), write.Old, s.File)
		}
		s.File = string(write.New)
	}
	for _, held := range p.Held {
		s.Held = append(s.Held, held.What)
	}
	return s
}

func checkPlan(t *testing.T, c config.Config, h host, opts Options, want planned) {
	t.Helper()
	o := h.observed(t)
	plan, err := NewPlan(c, o, opts)
	if err != nil {
		t.Fatalf("got error %v, want a plan", err)
	}
	got := summary(t, o, plan)
	if want.File == "" {
		want.File = h.file
	}
	got.File, want.File = strings.Join(strings.Fields(got.File), ""), strings.Join(strings.Fields(want.File), "")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	settles(t, c, o, opts)
}

// settles carries a plan out in memory, until there is none: the second apply
// has to find nothing to do.
func settles(t *testing.T, c config.Config, o Observed, opts Options) {
	t.Helper()
	for round := range maxRounds {
		plan, err := NewPlan(c, o, opts)
		if err != nil {
			t.Fatalf("round %d: got error %v, want a plan", round, err)
		}
		if plan.Empty() {
			return
		}
		if round == 2 {
			t.Fatalf("got this left to do after two rounds: %q\nwant nothing", summary(t, o, plan).Steps)
		}
		o.Before = recorded(c, o, plan, opts, time.Unix(2, 0).UTC())
		for _, step := range plan.Steps {
			o = carriedOut(t, o, step)
			if plan.Provisional {
				break
			}
		}
		opts.Upgrade = false
	}
}

// carriedOut is o after step, on a host where everything goes well.
func carriedOut(t *testing.T, o Observed, step Step) Observed {
	t.Helper()
	switch s := step.(type) {
	case InstallRelease:
		name := s.Spec.Version
		if !s.Spec.Exact() {
			name = newer
		}
		others := slices.DeleteFunc(slices.Clone(o.Releases), func(r release.Installed) bool { return r.Name == name })
		o.Releases = append(others, intact(name))
	case Link:
		o.Link.Kind, o.Link.Release = release.LinkOurs, s.Release
	case WriteDaemonJSON:
		o.File = fileOf(t, string(s.New))
		o.Before = o.Before.Marked(o.File.Path, o.File.Doc)
	case Reload:
		o.Engine = reloaded(*o.Engine, o.File.Doc)
		o.Loaded.Reloaded = digests("", o.File.Doc)
	case Restart:
		o.Loaded = state.Loaded{Started: digests("", o.File.Doc)}
		o.Engine = reloaded(engine.Info{DefaultRuntime: "runc", RootDir: dataRoot(*o.Engine)}, o.File.Doc)
		if _, o.Engine.UsernsRemap = o.File.Doc.UsernsRemap(); o.Engine.UsernsRemap {
			own := subid.Account{Name: "dockremap", UID: 999}
			o.Engine.RootDir = remappedRoot(o.Engine.RootDir, subid.Grant{UIDs: subid.Of(o.IDs.UIDs.Ranges, own), GIDs: subid.Of(o.IDs.GIDs.Ranges, own)})
		}
	case ProveInDocker:
		o.Proofs = maps.Clone(o.Proofs)
		o.Proofs[state.EverKey("digest of "+s.Release, s.Args, o.Since)] = true
		o.Proofs[state.ProofKey("digest of "+s.Release, s.Args, o.Engine.Version, o.Since, o.Engine.UsernsRemap, s.Writes)] = true
	case Confirm:
		if err := s.Missing(*o.Engine); err != nil {
			t.Fatalf("%s: %v", brief(step), err)
		}
	case RemoveRelease:
		o.Releases = slices.DeleteFunc(slices.Clone(o.Releases), func(r release.Installed) bool { return r.Name == s.Name })
	}
	return o
}
