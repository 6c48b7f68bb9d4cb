package man

import (
	"strings"

	"runsc-provisioner/provision/config"
)

// Command is a command as --help shows it.
type Command struct {
	Path     string // "runsc-provisioner apply"
	Usage    string // "runsc-provisioner apply [flags]"
	About    string // paragraphs; lines that begin with a blank keep their breaks
	Examples string // lines
	Flags    []Pair
	Commands []Command
}

// Program is the page runsc-provisioner(8). about is one line, and common are the flags of every
// command.
func Program(root Command, about string, common, codes []Pair, b Build) string {
	p := newPage(root.Path, 8, about, b)
	p.section("SYNOPSIS")
	for i, cmd := range all(root.Commands) {
		if i > 0 {
			p.WriteString(".br\n")
		}
		p.WriteString(escape(cmd.Usage) + "\n")
	}
	p.titled = false
	p.section("DESCRIPTION")
	p.text(root.About)
	p.section("OPTIONS")
	p.text("Every command has these options. --version goes without a command.")
	p.terms(common)
	p.section("COMMANDS")
	for _, cmd := range all(root.Commands) {
		p.subsection(strings.TrimPrefix(cmd.Path, root.Path+" "))
		p.text(cmd.About)
		if cmd.Examples != "" {
			p.literal(cmd.Examples)
		}
		p.terms(cmd.Flags)
	}
	p.section("EXIT STATUS")
	p.text("verify and doctor exit like monitoring plugins: 0 ok, 1 warning, 2 critical, 3 unknown. " +
		"The other commands exit with:")
	p.terms(codes)
	p.section("ENVIRONMENT")
	p.terms(environment())
	p.section("FILES")
	p.terms(files())
	p.seeAlso("runsc-provisioner.toml(5)", "runsc-provisioner.service(8)", "docker(1)", "dockerd(8)")
	return p.String()
}

// all are the commands and those below them that do something, in the order of --help.
func all(commands []Command) (flat []Command) {
	for _, cmd := range commands {
		flat = append(flat, cmd)
		flat = append(flat, all(cmd.Commands)...)
	}
	return flat
}

func environment() []Pair {
	return []Pair{
		{"COLUMNS", "The width at which output to a terminal is broken, in place of the terminal's own."},
		{"NO_COLOR", "If it is set, output has no colours."},
		{"HTTPS_PROXY, NO_PROXY", "The proxy for downloads, and the hosts that need none."},
	}
}

func files() []Pair {
	return []Pair{
		{"/etc/runsc-provisioner/config.toml, /etc/runsc-provisioner/config.d/*.toml",
			"The configuration, see runsc-provisioner.toml(5). apply saves its flags to config.d/50-apply.toml."},
		{"/etc/docker/daemon.json",
			"Docker's configuration, or the file that dockerd is started with. Only the keys that the " +
				"configuration names are changed."},
		{"/usr/local/lib/gvisor", "The releases of gVisor, side by side. [paths] store names another place."},
		{"/usr/local/bin/runsc", "A symlink to runsc of the release in use. [paths] link names another place."},
		{"/var/lib/runsc-provisioner",
			"What the program remembers, among it what the host had before: before.json."},
		{"/run/runsc-provisioner/status.json", "What the service knows, while it runs."},
		{"/usr/share/doc/runsc-provisioner, /usr/local/share/doc/runsc-provisioner", "More documentation."},
	}
}

// Configuration is the page runsc-provisioner.toml(5).
func Configuration(sections []config.Section, b Build) string {
	p := newPage("runsc-provisioner.toml", 5, "configuration of runsc-provisioner", b)
	p.section("SYNOPSIS")
	p.WriteString("/etc/runsc\\-provisioner/config.toml\n.br\n/etc/runsc\\-provisioner/config.d/*.toml\n")
	p.section("DESCRIPTION")
	p.text("The program needs no configuration: every key has a default. It reads config.toml, and then " +
		"config.d/*.toml in the order of their names; a later file overrides an earlier one. apply saves its " +
		"flags to config.d/50-apply.toml. An unknown key or a value that is not valid is an error with its file " +
		"and line, and nothing is changed.\n\n" +
		"A key that is unset is not managed: the program neither sets nor reverts it. If you remove a key that " +
		"was in effect, it stays in effect until you run \"runsc-provisioner apply --give-up\".\n\n" +
		"The files are TOML. These two mean the same:\n\n" +
		"  [docker]\n  default_runtime = \"runsc\"\n\n  docker.default_runtime = \"runsc\"\n\n" +
		"\"runsc-provisioner config check\" says whether the files are valid. \"runsc-provisioner config show\" " +
		"lists every value and where it comes from.")
	p.section("KEYS")
	for _, section := range sections {
		p.subsection("[" + section.Name + "]")
		p.text(section.About)
		for _, key := range section.Keys {
			facts := "Type: " + key.Type
			if key.Default != "" {
				facts += "; default: " + key.Default
			}
			p.terms([]Pair{{key.Key[strings.LastIndex(key.Key, ".")+1:], key.About}})
			p.WriteString(".br\n" + escape(facts) + "\n")
		}
	}
	p.seeAlso("runsc-provisioner(8)", "runsc-provisioner.service(8)")
	return p.String()
}
