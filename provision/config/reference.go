package config

// Key is one key of config.toml, for the reference page, the manual page and the commented
// default file. All texts are plain English without markup.
type Key struct {
	Key     string // dotted; NAME and FILE stand for what the user chooses
	Type    string // string, integer, duration, list of strings
	Default string // as TOML; "" if the unset key differs from every value
	Example string // as TOML: a value that is not the default
	About   string // one or more sentences
}

// Section is one table of config.toml with its keys, in the order in which people read them.
type Section struct {
	Name  string // as between the brackets of its header
	About string
	Keys  []Key
}

// Reference lists every section and key of config.toml. A test compares it with Config and
// its defaults.
func Reference() []Section {
	return []Section{
		{"release", "Which gVisor release to install, and how to trust it.", releaseKeys()},
		{"release.sha512", "Pinned digests. A download must match them too, whatever trust says.", []Key{
			{"release.sha512.FILE", "string", "", `"` + exampleDigest + `"`,
				"The SHA-512 digest of this file of the release, as 128 hexadecimal digits. " +
					"The command lock prints the pins of the installed release."},
		}},
		{"docker", "What Docker does with the runtimes. A key that is unset or \"\" is not managed: " +
			"the program neither sets nor reverts it.", dockerKeys()},
		{"docker.runtimes.NAME", "One runtime in daemon.json that runs the release. " +
			"The runtime runsc is always there; add others under other names.", runtimeKeys()},
		{"paths", "Where files go on this host. Change this on a host with a read-only /usr/local.", []Key{
			{"paths.store", "string", `"/usr/local/lib/gvisor"`, `"/var/lib/gvisor"`,
				"The directory of the releases. It must be a directory of its own."},
			{"paths.link", "string", `"/usr/local/bin/runsc"`, `""`,
				"A symlink to runsc of the release in use. \"\" makes no link."},
		}},
		{"enforce", "How the daemon keeps the host at its configuration.", enforceKeys()},
		{"metrics", "Where the daemon's metrics for Prometheus go. By default, nowhere.", []Key{
			{"metrics.textfile", "string", `""`, `"/var/lib/prometheus/node-exporter"`,
				"The textfile directory of node_exporter."},
			{"metrics.listen", "string", `""`, `"127.0.0.1:9617"`,
				"A loopback address and a port to serve the metrics on. Other addresses are refused."},
		}},
	}
}

// exampleDigest stands for a digest in examples.
const exampleDigest = "0000000000000000000000000000000000000000000000000000000000000000" +
	"0000000000000000000000000000000000000000000000000000000000000000"

func releaseKeys() []Key {
	return []Key{
		{"release.source", "string", `"gvisor"`, `"system"`,
			"Where releases come from. \"gvisor\": gVisor's server, or the mirror in url. " +
				"\"system\": use the gVisor that a package of the distribution installed."},
		{"release.version", "string", `"latest"`, `"20260914.0"`,
			"\"latest\", a day such as \"20260914\" (its latest point release), a release such as " +
				"\"20260914.0\", or a nightly such as \"2026-09-14\" with channel \"nightly\"."},
		{"release.channel", "string", `"release"`, `"nightly"`,
			"\"release\", \"nightly\" or \"master\"."},
		{"release.trust", "string", `"signed"`, `"two-sources"`,
			"What proves that a download is gVisor's. \"signed\": a signature by one of key_fingerprints. " +
				"\"two-sources\": url and mirror_url publish the same digest. \"checksum\": the server's own " +
				"digest over TLS, which proves that the download is complete, and not who made it."},
		{"release.url", "string", `"https://storage.googleapis.com/gvisor/releases"`, `"file:///srv/gvisor"`,
			"The server of the releases: https, or file:// for a directory on this host."},
		{"release.redirect_hosts", "list of strings", `[]`, `["cdn.example.com"]`,
			"Hosts that a download may be redirected to, besides the host of url."},
		{"release.keep", "integer", `1`, `3`,
			"How many earlier releases to keep, besides those in use. 0 to 100."},
		{"release.upgrade", "string", `"manual"`, `"auto"`,
			"Who looks for newer releases. \"manual\": only apply --upgrade. \"auto\": the daemon too."},
		{"release.upgrade_window", "string", `""`, `"Sat,Sun 22:00-06:00"`,
			"When the daemon may upgrade, by the host's clock: \"02:00-05:00\", \"Sat,Sun 22:00-06:00\". " +
				"\"\": at any time."},
		{"release.upgrade_after", "duration", `"0s"`, `"72h"`,
			"How long a release must have been out before the daemon takes it. At most 8760h."},
		{"release.mirror_url", "string", `"https://github.com/google/gvisor/releases"`,
			`"https://mirror.example.com/gvisor"`,
			"The second source with trust \"two-sources\"."},
		{"release.key_fingerprints", "list of strings", `["6F1DF85E3A71C24918E727D56FC6D554E32BD943"]`,
			`["0123456789ABCDEF0123456789ABCDEF01234567"]`,
			"With trust \"signed\": the fingerprints of the keys that may sign. The default is gVisor's archive key."},
		{"release.key_url", "string", `"https://gvisor.dev/archive.key"`, `"https://mirror.example.com/archive.key"`,
			"With trust \"signed\": where to download the public keys. Only keys in key_fingerprints count."},
		{"release.keyring", "string", `""`, `"/etc/runsc-provisioner/gvisor.asc"`,
			"With trust \"signed\": a file with the public keys, in place of key_url."},
		{"release.max_index_age", "duration", `"2160h"`, `"0s"`,
			"With trust \"signed\": refuse a signed index of latest that is older than this. \"0s\": never refuse."},
	}
}

func dockerKeys() []Key {
	return []Key{
		{"docker.default_runtime", "string", `""`, `"runsc"`,
			"The runtime of new containers that ask for none: a name in docker.runtimes, or \"runc\". \"off\": " +
				"the one from before this program."},
		{"docker.builds", "string", `""`, `"runsc"`,
			"The runtime of the steps of docker build with BuildKit: a name in docker.runtimes, or \"runc\". " +
				"\"off\": Docker's own, as before this program."},
		{"docker.names", "string", `""`, `"maintain"`,
			"\"maintain\": names of other containers resolve in sandboxes on networks that users made, " +
				"such as those of Compose. \"off\": take our lines out again."},
		{"docker.userns_remap", "string", `""`, `"default"`,
			"Map root in containers to an id that no user of the host has: \"default\", \"USER\" or " +
				"\"USER:GROUP\". \"off\" switches it off. Docker gets another data root with it."},
	}
}

func runtimeKeys() []Key {
	return []Key{
		{"docker.runtimes.NAME.args", "list of strings", ``, `["--platform=kvm"]`,
			"Arguments for runsc. Unset: the arguments in daemon.json stay. []: remove them."},
		{"docker.runtimes.NAME.rootfs", "string", `""`, `"sandbox"`,
			"What becomes of a container's writes to its root file system. \"docker\": Docker sees and keeps " +
				"them, as with runc. \"sandbox\": they end with the sandbox, which is gVisor's default. Unset: " +
				"\"docker\", but a runtime that existed before this program keeps its arguments."},
	}
}

func enforceKeys() []Key {
	return []Key{
		{"enforce.max_disruption", "string", `"reload"`, `"restart"`,
			"The most that the daemon may do by itself. \"none\": write nothing that needs a reload. " +
				"\"reload\": reload Docker, which stops no container. \"restart\": also restart Docker."},
		{"enforce.interval", "duration", `"10m"`, `"1h"`,
			"The time between two looks at the host when no event wakes the daemon. 1s to 24h."},
		{"enforce.contested_after", "integer", `5`, `3`,
			"After another program changes the same setting back so often, the daemon leaves it alone."},
		{"enforce.contested_window", "duration", `"10m"`, `"1h"`,
			"The time in which contested_after counts. 1s to 24h."},
		{"enforce.unsandboxed", "string", `"report"`, `"stop"`,
			"What to do with a container that starts outside a sandbox although a sandbox is the default. " +
				"\"report\" or \"stop\"."},
		{"enforce.allow_images", "list of strings", `[]`, `["sha256:` + exampleDigest[:64] + `"]`,
			"Digests of images that may run outside a sandbox. Names and tags are refused: " +
				"any image can have any name."},
	}
}
