package daemonjson

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// An author writes valid documents in any layout, with our keys among others.
type author struct {
	*rand.Rand
	spaces []string // white space this document uses
}

func newAuthor(seed uint64) author {
	a := author{Rand: rand.New(rand.NewPCG(seed, 0))}
	for range 1 + a.IntN(3) {
		a.spaces = append(a.spaces, a.pick("", " ", "\n", "\n  ", "\r\n\t", "\n\n    ", "\t"))
	}
	return a
}

func (a author) pick(all ...string) string { return all[a.IntN(len(all))] }

func (a author) space() string { return a.pick(a.spaces...) }

func (a author) object(members ...string) string {
	a.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	var b strings.Builder
	b.WriteString("{" + a.space())
	for i, m := range members {
		if i > 0 {
			b.WriteString(a.space() + "," + a.space())
		}
		b.WriteString(m)
	}
	return b.String() + a.space() + "}"
}

func (a author) member(key, value string) string {
	return `"` + key + `"` + a.space() + ":" + a.space() + value
}

// some returns a part of the members.
func (a author) some(members ...string) []string {
	var out []string
	for _, m := range members {
		if a.IntN(2) == 0 {
			out = append(out, m)
		}
	}
	return out
}

func (a author) strings() string {
	return "[" + a.space() + a.pick("", `"-a"`, `"-a"`+a.space()+","+a.space()+`"\u002db"`) + a.space() + "]"
}

func (a author) entry() string {
	return a.object(a.some(
		a.member("path", a.pick(`"/x"`, `"\/y"`, `"/new"`)),
		a.member("runtimeArgs", a.strings()),
		a.member("runtimeType", `"io.containerd.x.v1"`),
		a.member("options", a.object(a.some(a.member("path", "1"))...)),
		a.member("mine", a.pick("1e400", "90071992547409931234", `"<&>"`)),
	)...)
}

func (a author) document() string {
	return a.pick("", "\n", " ") + a.object(a.some(
		a.member("debug", "true"),
		a.member("dns", a.strings()),
		a.member("log-opts", a.object(a.some(a.member("splunk-token", `"hunter2"`), a.member("max-size", `"1m"`))...)),
		a.member("mt\\u0075", "-0.0E-7"),
		a.member("runtimes", a.object(a.some(
			a.member("runsc", a.entry()), a.member("a.b", a.entry()), a.member("0", a.entry()), a.member("runc", a.entry()))...)),
		a.member(a.pick("default-runtime", `default\u002druntime`), a.pick(`"runsc"`, `""`, `"nvid\u0069a"`)),
		a.member("userns-remap", a.pick(`"default"`, `"a:b"`)),
	)...) + a.pick("", "\n", "\r\n\r\n")
}

func (a author) wish() *string {
	return []*string{nil, new(""), new("runsc"), new("default")}[a.IntN(4)]
}

func (a author) want() Want {
	w := Want{Runtimes: map[string]*Runtime{}, DefaultRuntime: a.wish(), UsernsRemap: a.wish(), Tidy: a.IntN(2) == 0}
	for _, name := range a.some("runsc", "a.b", "0", "new.1") {
		w.Runtimes[name] = []*Runtime{
			nil, {Path: "/new"}, {Path: "/new", Args: []string{}}, {Path: "/new", Args: []string{"-a"}}, {Path: "/x", Args: []string{"-a", "-b"}},
		}[a.IntN(5)]
	}
	return w
}

func TestEditOfAnyLayout(t *testing.T) {
	for seed := range uint64(2000) {
		a := newAuthor(seed)
		text := a.document()
		before, w := mustParse(t, text), a.want()
		after, err := Edit(before, w)
		if err != nil {
			t.Fatalf("seed %d: Edit(%q): %v", seed, text, err)
		}
		checkEdited(t, before, after, w)
		if t.Failed() {
			t.Fatalf("seed %d: from %q\n to %q", seed, text, after.text)
		}
	}
}
