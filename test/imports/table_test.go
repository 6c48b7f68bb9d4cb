package imports

// row is what one package may import beside the standard library, which is open
// to all. ours are packages of this module, by their exact paths; modules are
// modules of others, with all of their packages.
type row struct{ ours, modules []string }

// allowed has a row for each package, with exactly the edges that it needs. No row
// names a package further down.
var allowed = map[string]row{
	"pattern": {},
	"daemonjson": {
		ours: []string{"pattern"},
		modules: []string{
			"github.com/aymanbagabas/go-udiff", "github.com/tidwall/gjson", "github.com/tidwall/sjson",
		},
	},
	"provision/blocked":   {},
	"provision/failpoint": {modules: []string{"golang.org/x/sys"}},
	"provision/room":      {modules: []string{"github.com/dustin/go-humanize", "golang.org/x/sys"}},
	"provision/durable": {
		ours:    []string{"provision/failpoint", "provision/room"},
		modules: []string{"golang.org/x/sys"},
	},
	"provision/twin": {ours: []string{"provision/durable"}},
	"provision/archive": {
		ours:    []string{"provision/room"},
		modules: []string{"github.com/klauspost/compress", "golang.org/x/sys"},
	},
	"provision/pipe":    {},
	"provision/apt":     {modules: []string{"github.com/ProtonMail/go-crypto"}},
	"provision/command": {modules: []string{"golang.org/x/sys"}},
	"provision/download": {
		ours:    []string{"pattern", "provision/durable"},
		modules: []string{"github.com/cenkalti/backoff/v5", "golang.org/x/sys"},
	},
	"provision/release": {
		ours: []string{
			"pattern", "provision/apt", "provision/archive", "provision/command", "provision/download",
			"provision/durable", "provision/failpoint", "provision/pipe", "provision/room", "provision/twin",
		},
		modules: []string{"github.com/hashicorp/go-version", "golang.org/x/sys"},
	},
	"verify":               {modules: []string{"golang.org/x/sys"}},
	"provision/difference": {ours: []string{"verify"}, modules: []string{"github.com/dustin/go-humanize"}},
	"provision/config": {
		ours: []string{
			"daemonjson", "pattern", "provision/apt", "provision/durable", "provision/release", "provision/twin", "verify",
		},
		modules: []string{"github.com/pelletier/go-toml/v2"},
	},
	"provision/daemonfile": {
		ours:    []string{"daemonjson", "provision/blocked", "provision/durable", "provision/failpoint"},
		modules: []string{"golang.org/x/sys"},
	},
	"provision/engine": {
		ours:    []string{"pattern", "verify"},
		modules: []string{"github.com/containerd/errdefs", "github.com/moby/moby"},
	},
	"provision/trial": {
		ours:    []string{"pattern", "provision/durable", "provision/engine", "verify"},
		modules: []string{"github.com/containerd/errdefs", "github.com/moby/moby"},
	},
	"provision/commandline": {ours: []string{"provision/durable"}},
	"provision/buildkit": {
		ours:    []string{"provision/commandline", "provision/durable", "verify"},
		modules: []string{"github.com/tidwall/gjson", "github.com/tidwall/sjson", "golang.org/x/sys"},
	},
	"provision/dataroot": {
		ours:    []string{"provision/durable", "provision/engine", "provision/room"},
		modules: []string{"golang.org/x/sys"},
	},
	"provision/process": {ours: []string{"provision/durable"}},
	"provision/dockerproc": {
		ours:    []string{"provision/durable"},
		modules: []string{"golang.org/x/sys"},
	},
	"provision/capability": {modules: []string{"github.com/hashicorp/go-version"}},
	"provision/state": {
		ours: []string{
			"daemonjson", "pattern", "provision/blocked", "provision/config", "provision/daemonfile",
			"provision/durable", "provision/failpoint", "verify",
		},
		modules: []string{"github.com/gofrs/flock", "golang.org/x/sys"},
	},
	"provision/distro": {
		ours: []string{"provision/archive", "provision/blocked", "provision/command", "provision/durable", "provision/release"},
	},
	"provision/upgrade": {ours: []string{"provision/config", "provision/release"}},
	"provision/bundle":  {ours: []string{"pattern", "provision/download", "provision/durable", "provision/release"}},
	"provision/evidence": {
		ours: []string{
			"daemonjson", "provision/capability", "provision/config", "provision/dataroot",
			"provision/engine", "provision/release", "provision/state", "verify",
		},
		modules: []string{"golang.org/x/sys"},
	},
	"provision/images": {
		ours: []string{
			"provision/blocked", "provision/durable", "provision/engine", "provision/failpoint",
		},
	},
	"provision/subid": {
		ours: []string{
			"provision/blocked", "provision/command", "provision/durable", "provision/failpoint",
		},
		modules: []string{"golang.org/x/sys"},
	},
	"provision/host": {
		ours: []string{
			"daemonjson", "provision/blocked", "provision/buildkit", "provision/command", "provision/commandline",
			"provision/config", "provision/daemonfile", "provision/dataroot", "provision/dockerproc",
			"provision/durable", "provision/engine", "provision/evidence", "provision/images",
			"provision/release", "provision/state", "provision/subid", "verify",
		},
		modules: []string{"go.uber.org/zap", "golang.org/x/sys"},
	},
	"provision/places":    {ours: []string{"provision/durable", "provision/room"}},
	"provision/hostsfile": {ours: []string{"pattern"}},
	"provision/dockerdns": {ours: []string{"provision/hostsfile"}},
	"provision/containerdir": {
		ours:    []string{"provision/dockerdns", "provision/durable", "provision/engine", "provision/hostsfile"},
		modules: []string{"golang.org/x/sys"},
	},
	"provision/names": {
		ours: []string{
			"provision/containerdir", "provision/dockerdns", "provision/durable", "provision/engine", "provision/hostsfile",
		},
		modules: []string{"golang.org/x/sys"},
	},
	"provision/inventory": {
		ours: []string{
			"provision/blocked", "provision/difference", "provision/durable", "provision/engine",
			"provision/host", "verify",
		},
		modules: []string{"golang.org/x/sys"},
	},
	"provision/redact": {ours: []string{"daemonjson", "pattern", "provision/commandline"}},
	"provision/steps": {
		ours: []string{
			"daemonjson", "provision/config", "provision/daemonfile", "provision/engine",
			"provision/redact", "provision/release", "provision/subid", "verify",
		},
		modules: []string{"github.com/dustin/go-humanize"},
	},
	"provision/activation": {
		ours: []string{
			"daemonjson", "provision/capability", "provision/commandline", "provision/config", "provision/dataroot",
			"provision/engine", "provision/host", "provision/steps",
		},
	},
	"provision/runtimes": {
		ours: []string{
			"daemonjson", "provision/config", "provision/host", "provision/release", "provision/steps", "verify",
		},
	},
	"provision/earlier": {
		ours: []string{
			"daemonjson", "provision/activation", "provision/blocked", "provision/config", "provision/host",
			"provision/runtimes", "provision/state",
		},
	},
	"provision/plan": {
		ours: []string{
			"daemonjson", "provision/activation", "provision/blocked", "provision/capability",
			"provision/buildkit", "provision/commandline", "provision/config", "provision/dataroot", "provision/difference",
			"provision/earlier", "provision/engine", "provision/host", "provision/images", "provision/redact",
			"provision/release", "provision/room", "provision/runtimes", "provision/state", "provision/steps", "provision/subid",
			"verify",
		},
	},
	"provision/validate": {
		ours: []string{
			"daemonjson", "provision/blocked", "provision/command", "provision/durable", "provision/host",
			"provision/redact",
		},
		modules: []string{"go.uber.org/zap", "golang.org/x/sys"},
	},
	"provision/prepare": {
		ours: []string{
			"daemonjson", "provision/blocked", "provision/config", "provision/daemonfile",
			"provision/durable", "provision/host", "provision/places", "provision/plan", "provision/release",
			"provision/room", "provision/state", "provision/steps", "provision/subid",
			"provision/validate",
		},
	},
	"provision/proof": {
		ours: []string{
			"pattern", "provision/command", "provision/commandline", "provision/config", "provision/durable",
			"provision/engine", "provision/evidence", "provision/failpoint", "provision/host",
			"provision/redact", "provision/release", "provision/steps", "provision/trial", "verify",
		},
		modules: []string{"golang.org/x/sys"},
	},
	"provision/dockerlog": {
		ours:    []string{"daemonjson", "provision/durable", "provision/host", "provision/redact"},
		modules: []string{"go.uber.org/zap"},
	},
	"provision/await": {
		ours: []string{
			"provision/commandline", "provision/dockerlog", "provision/engine", "provision/host",
			"provision/steps",
		},
		modules: []string{"go.uber.org/zap"},
	},
	"provision/wayback": {
		ours: []string{
			"daemonjson", "provision/activation", "provision/buildkit", "provision/commandline", "provision/config", "provision/durable",
			"provision/engine", "provision/host", "provision/plan", "provision/release",
			"provision/state", "provision/steps",
		},
	},
	"provision/transaction": {
		ours: []string{
			"daemonjson", "provision/activation", "provision/await", "provision/blocked", "provision/buildkit", "provision/commandline",
			"provision/config", "provision/daemonfile", "provision/dockerlog", "provision/durable",
			"provision/engine", "provision/failpoint", "provision/host", "provision/plan",
			"provision/release", "provision/state", "provision/steps", "provision/trial", "provision/validate",
			"provision/wayback",
		},
		modules: []string{"go.uber.org/zap"},
	},
	"provision": {
		ours: []string{
			"provision/blocked", "provision/config", "provision/daemonfile", "provision/dataroot", "provision/difference", "provision/distro",
			"provision/dockerdns", "provision/durable", "provision/earlier", "provision/engine", "provision/failpoint", "provision/host",
			"provision/images", "provision/inventory", "provision/names", "provision/plan", "provision/prepare", "provision/proof", "provision/release", "provision/runtimes",
			"provision/state", "provision/steps", "provision/subid", "provision/transaction",
			"provision/trial", "provision/upgrade", "provision/validate", "verify",
		},
		modules: []string{"go.uber.org/zap"},
	},
	"provision/checkup": {
		ours: []string{
			"provision/buildkit", "provision/config", "provision/daemonfile", "provision/dataroot", "provision/durable",
			"provision/evidence", "provision/host", "provision/plan", "provision/redact",
			"provision/release", "provision/runtimes", "provision/state", "provision/steps", "provision/subid", "verify",
		},
	},
	"provision/naming": {
		ours: []string{
			"provision/checkup", "provision/config", "provision/dataroot", "provision/difference", "provision/host",
			"provision/names", "verify",
		},
	},
	"provision/audit": {
		ours: []string{
			"provision/buildkit", "provision/blocked", "provision/checkup", "provision/commandline", "provision/config",
			"provision/difference", "provision/distro", "provision/dockerproc", "provision/engine", "provision/evidence",
			"provision/host", "provision/inventory", "provision/naming", "provision/plan", "provision/release",
			"provision/runtimes", "provision/steps", "verify",
		},
	},
	"provision/contest": {ours: []string{"provision/checkup"}},
	"provision/status": {
		ours: []string{
			"provision/checkup", "provision/config", "provision/contest", "provision/host",
			"provision/state", "provision/steps",
		},
	},
	"provision/watch": {modules: []string{"github.com/fsnotify/fsnotify", "golang.org/x/sys"}},
	"provision/daemon": {
		ours: []string{
			"daemonjson", "provision", "provision/audit", "provision/blocked", "provision/checkup",
			"provision/config", "provision/containerdir", "provision/contest", "provision/dataroot", "provision/engine", "provision/host",
			"provision/names", "provision/naming", "provision/plan", "provision/process", "provision/proof", "provision/release",
			"provision/runtimes", "provision/state", "provision/status", "provision/steps", "provision/transaction",
			"provision/upgrade", "provision/watch", "verify",
		},
		modules: []string{"go.uber.org/zap"},
	},
	"provision/doctor": {
		ours: []string{
			"daemonjson", "provision/blocked", "provision/capability", "provision/checkup",
			"provision/commandline", "provision/config", "provision/daemonfile", "provision/dataroot",
			"provision/difference", "provision/dockerproc", "provision/durable", "provision/engine", "provision/evidence",
			"provision/host", "provision/inventory", "provision/naming", "provision/places", "provision/plan", "provision/redact",
			"provision/release", "provision/room", "provision/runtimes", "provision/validate",
		},
		modules: []string{"github.com/dustin/go-humanize", "golang.org/x/sys"},
	},
	"provision/metrics": {
		ours: []string{
			"provision/audit", "provision/checkup", "provision/daemon", "provision/durable",
			"provision/status",
		},
		modules: []string{"github.com/prometheus/client_golang", "github.com/prometheus/common"},
	},
	"systemd":             {modules: []string{"github.com/coreos/go-systemd/v22", "github.com/godbus/dbus/v5"}},
	"packaging/man":       {ours: []string{"provision/config"}},
	"packaging/changelog": {},
	"cmd/runsc-provisioner": {
		ours: []string{
			"daemonjson", "packaging/changelog", "packaging/man", "provision", "provision/audit", "provision/blocked", "provision/buildkit", "provision/bundle", "provision/checkup",
			"provision/commandline", "provision/config", "provision/daemon", "provision/difference",
			"provision/distro", "provision/doctor", "provision/durable", "provision/host", "provision/metrics", "provision/plan",
			"provision/prepare", "provision/proof", "provision/redact", "provision/release",
			"provision/room", "provision/state", "provision/status", "provision/steps", "provision/subid",
			"provision/transaction", "systemd", "verify",
		},
		modules: []string{
			"github.com/dustin/go-humanize", "github.com/schollz/progressbar/v3",
			"github.com/spf13/cobra", "github.com/spf13/pflag", "go.uber.org/zap", "golang.org/x/term",
		},
	},
}
