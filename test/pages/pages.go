// Package pages reads the project's Markdown: the commands that a page shows with their output,
// its headings and its links. Tests run the commands on a lab host and compare.
//
// The language of a fenced block says what the tests do with it:
//
//	console   commands ("$ …") with their output: run in the order of the page
//	make      targets of the Makefile: each must exist
//	toml      config.toml or a part of it: it must be accepted
//	sh        commands that the tests do not run: the first line says why
//	text, ini, json, yaml, dockerfile: no commands
//
// Comments in front of a console block are for the lab alone: "<!-- lab: COMMAND -->" prepares
// what a lab host lacks, "<!-- until: COMMAND -->" waits until it succeeds.
package pages

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// A Page is one Markdown file.
type Page struct {
	Path   string
	Blocks []Block
	// Prose has the lines outside blocks; a line within one is empty.
	Prose []string
}

// A Block is one fenced block.
type Block struct {
	Line   int // of its first line of text, from 1
	Lang   string
	Text   []string
	Before []Hidden
}

// Hidden is a command for the lab that readers of the page do not see.
type Hidden struct {
	Until   bool // wait until Command succeeds
	Command string
}

// NotRun begins the first line of a block of commands that the tests do not run.
const NotRun = "# Not run by the tests: "

// Languages are those that a block may have.
func Languages() []string {
	return []string{"console", "make", "toml", "sh", "text", "ini", "json", "yaml", "dockerfile"}
}

var hiddenLine = regexp.MustCompile(`^<!-- (lab|until): (.*) -->$`)

// Read parses a file.
func Read(path string) (Page, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Page{}, err
	}
	return Parse(path, string(text))
}

// Parse parses the text of a page.
func Parse(path, text string) (Page, error) {
	page := Page{Path: path}
	var block *Block
	var before []Hidden
	for i, line := range strings.Split(text, "\n") {
		lang, fence := strings.CutPrefix(line, "```")
		prose := ""
		switch {
		case block != nil && fence:
			page.Blocks = append(page.Blocks, *block)
			block = nil
		case block != nil:
			block.Text = append(block.Text, line)
		case fence:
			block = &Block{Line: i + 2, Lang: lang, Before: before}
			before = nil
		default:
			prose = line
			if found := hiddenLine.FindStringSubmatch(line); found != nil {
				before = append(before, Hidden{Until: found[1] == "until", Command: found[2]})
				prose = ""
			}
		}
		page.Prose = append(page.Prose, prose)
	}
	switch {
	case block != nil:
		return Page{}, fmt.Errorf("%s:%d: the block does not end", path, block.Line-1)
	case len(before) > 0:
		return Page{}, fmt.Errorf("%s: %q has no block after it", path, before[0].Command)
	}
	return page, nil
}

// A Command is one command of a console block, with the output that the page shows.
type Command struct {
	Line   int // of its first line in the page, from 1
	Lines  int // how many lines the command has
	Text   string
	Output []string
}

var heredoc = regexp.MustCompile(`<<-?\s*['"]?(\w+)['"]?`)

// Commands splits a console block. A command goes on after a backslash at the end of a line, and
// up to the end of its here-document.
func (b Block) Commands() ([]Command, error) {
	var all []Command
	for i := 0; i < len(b.Text); i++ {
		text, isCommand := strings.CutPrefix(b.Text[i], "$ ")
		if !isCommand && len(all) == 0 {
			return nil, fmt.Errorf("line %d: output before any command", b.Line+i)
		}
		if !isCommand {
			last := &all[len(all)-1]
			last.Output = append(last.Output, b.Text[i])
			continue
		}
		c := Command{Line: b.Line + i, Lines: 1, Text: text}
		more := func() {
			i++
			c.Lines++
			c.Text += "\n" + b.Text[i]
		}
		for strings.HasSuffix(c.Text, `\`) && i+1 < len(b.Text) {
			more()
		}
		if end := heredoc.FindStringSubmatch(c.Text); end != nil {
			for i+1 < len(b.Text) && b.Text[i] != end[1] {
				more()
			}
			if b.Text[i] != end[1] {
				return nil, fmt.Errorf("line %d: the here-document does not end", c.Line)
			}
		}
		all = append(all, c)
	}
	for i := range all {
		all[i].Output = trimEmpty(all[i].Output)
	}
	return all, nil
}

// trimEmpty drops empty lines at the end.
func trimEmpty(lines []string) []string {
	for len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1]) == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}
