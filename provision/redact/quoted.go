package redact

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"runsc-provisioner/daemonjson"
)

const (
	// A shorter value is replaced only where it is in quotes: elsewhere it may be part of any word.
	shortest = 4
	// A longer value is replaced also inside another word.
	inWord = 8
)

// Quotable are values that another program may quote in its messages.
type Quotable struct{ values []string }

// InDaemonJSON are the values of daemon.json and of dockerd's command line that are not shown. dockerd quotes
// some of them when it refuses them.
func InDaemonJSON(text []byte, argv []string) Quotable {
	var q Quotable
	for _, value := range daemonjson.Hidden(text) {
		q.add(value)
	}
	option := ""
	for _, word := range argv[min(1, len(argv)):] {
		name, value, has := strings.Cut(word, "=")
		switch {
		case !strings.HasPrefix(word, "-"):
			name, value = option, word
		case !has:
			option = strings.TrimLeft(name, "-")
			if short := strings.TrimPrefix(word, "-"); len(short) > 1 && short[0] != '-' {
				q.add(short[1:])
			}
			continue
		}
		if value != "" && valueShown(strings.TrimLeft(name, "-"), value) == hidden {
			q.add(value)
		}
		option = ""
	}
	return q
}

// Rejected returns arguments that runsc rejects, without secrets. One with a value of its own is both, joined
// by a blank.
func Rejected(args []string) []string {
	var shown []string
	for _, arg := range args {
		shown = append(shown, strings.Join(RuntimeArguments(strings.SplitN(arg, " ", 2)), " "))
	}
	return shown
}

// InArguments are the arguments of a runtime that are not shown. runsc quotes some of them when it rejects
// them.
func InArguments(args []string) Quotable {
	var q Quotable
	for i, arg := range RuntimeArguments(args) {
		if arg != args[i] {
			q.add(args[i])
		}
	}
	return q
}

// add adds a value, and its parts: what follows a "=", and the user and password of an address.
func (q *Quotable) add(value string) {
	parts := []string{value}
	if _, after, ok := strings.Cut(value, "="); ok {
		parts = append(parts, after)
	}
	if _, after, ok := strings.Cut(value, "://"); ok {
		if user, _, ok := cutLast(after, "@"); ok {
			name, password, _ := strings.Cut(user, ":")
			parts = append(parts, user, name, password)
		}
	}
	for _, part := range parts {
		if part != "" {
			quoted := strconv.Quote(part)
			q.values = append(q.values, part, quoted[1:len(quoted)-1])
		}
	}
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// Hide replaces the values in a message, and what else looks like a secret.
func (q Quotable) Hide(message string) string {
	values := slices.Clone(q.values)
	slices.SortFunc(values, func(a, b string) int { return cmp.Or(len(b)-len(a), cmp.Compare(a, b)) })
	for _, value := range slices.Compact(values) {
		message = replaceValue(message, value)
	}
	return Text(message)
}

func replaceValue(message, value string) string {
	var out strings.Builder
	for {
		i := strings.Index(message, value)
		if i < 0 {
			out.WriteString(message)
			return out.String()
		}
		end := i + len(value)
		before, _ := utf8.DecodeLastRuneInString(message[:i])
		after, _ := utf8.DecodeRuneInString(message[end:])
		out.WriteString(message[:i])
		if isApart(value, before, after) {
			out.WriteString(hidden)
		} else {
			out.WriteString(value)
		}
		message = message[end:]
	}
}

// isApart reports whether a value of this length is replaced between these characters.
func isApart(value string, before, after rune) bool {
	isWord := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	isQuote := func(r rune) bool { return strings.ContainsRune("\"'`", r) }
	switch {
	case len(value) >= inWord:
		return true
	case len(value) >= shortest:
		return !isWord(before) && !isWord(after)
	}
	return isQuote(before) && (isQuote(after) || after == '\\')
}

// RuntimeArguments returns the arguments of a runtime. It shows those that a diff of daemon.json would show,
// and only the names of the flags of others.
func RuntimeArguments(args []string) []string {
	shown := slices.Clone(args)
	for i, hide := range daemonjson.HiddenArguments(args) {
		if !hide {
			continue
		}
		shown[i] = hidden
		if name, _, ok := strings.Cut(args[i], "="); ok && strings.HasPrefix(name, "-") && Text(name) == name {
			shown[i] = name + "=" + hidden
		}
	}
	return shown
}
