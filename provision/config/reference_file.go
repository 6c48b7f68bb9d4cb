package config

import (
	"fmt"
	"strings"
)

// fileWidth is how wide the comments of DefaultFile are, in columns.
const fileWidth = 78

// DefaultFile is a config.toml with every key and its default, all in comments. A key has its
// table in front of it, so that it can be set by uncommenting one line.
func DefaultFile() string {
	var b strings.Builder
	comment(&b, "The configuration of runsc-provisioner: see runsc-provisioner.toml(5). Each line below that begins "+
		"with # and no blank shows the default of a key. Remove the # to change it. \"apply\" saves its flags to "+
		"config.d/50-apply.toml, which overrides this file. \"sudo runsc-provisioner config check\" checks it.")
	for _, section := range Reference() {
		fmt.Fprintf(&b, "\n# --- %s ---\n", section.Name)
		comment(&b, section.About)
		for _, key := range section.Keys {
			name := strings.Replace(key.Key, ".NAME.", "."+DefaultRuntimeName+".", 1)
			b.WriteString("\n")
			comment(&b, key.About)
			switch {
			case strings.HasSuffix(name, ".FILE"):
				comment(&b, "For example: "+strings.TrimSuffix(name, "FILE")+`"gvisor.tar.zstd" = "…"`)
			case key.Default == "":
				comment(&b, "For example: "+name+" = "+key.Example)
			default:
				fmt.Fprintf(&b, "#%s = %s\n", name, key.Default)
			}
		}
	}
	return b.String()
}

// comment writes text as lines of comment.
func comment(b *strings.Builder, text string) {
	line := "#"
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > fileWidth {
			b.WriteString(line + "\n")
			line = "#"
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}
