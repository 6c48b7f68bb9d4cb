package daemonjson

import (
	"fmt"
	"strings"
	"testing"
)

// shapes returns documents of about n bytes that are slow to read in different
// ways.
func shapes(n int) map[string]string {
	var keys, objects strings.Builder
	for i := 0; keys.Len() < n-64; i++ {
		fmt.Fprintf(&keys, "  \"key-%d\": %d,\n", i, i)
	}
	for i := 0; objects.Len() < n-64; i++ {
		fmt.Fprintf(&objects, "{\"a\":[%d]},", i)
	}
	return map[string]string{
		"keys":     "{\n" + keys.String() + "  \"last\": 0\n}\n",
		"objects":  "{\"all\":[" + objects.String() + "0]}",
		"string":   "{\"a\": \"" + strings.Repeat(`\u00e4`, n/6-4) + "\"}",
		"runtimes": `{"runtimes": {` + manyRuntimes(n) + "}}",
	}
}

func manyRuntimes(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n-128; i++ {
		fmt.Fprintf(&b, "\"r%d\": {\"path\": \"/x\"}, ", i)
	}
	return b.String() + `"runsc": {"path": "/y"}`
}

// The rates for 64 KiB and 1 MiB should be alike.
func BenchmarkParse(b *testing.B) {
	benchShapes(b, func(b *testing.B, text string) {
		if _, err := Parse([]byte(text)); err != nil {
			b.Fatal(err)
		}
	})
}

func BenchmarkEdit(b *testing.B) {
	benchShapes(b, func(b *testing.B, text string) {
		if _, err := Edit(mustParse(b, text), everything()); err != nil {
			b.Fatal(err)
		}
	})
}

func BenchmarkDiff(b *testing.B) {
	benchShapes(b, func(b *testing.B, text string) {
		if Diff("f", []byte(text), []byte(text[:len(text)-1]+" ")) == "" {
			b.Fatal("no difference")
		}
	})
}

func benchShapes(b *testing.B, work func(b *testing.B, text string)) {
	for _, size := range []int{64 << 10, MaxBytes - 1024} {
		for name, text := range shapes(size) {
			b.Run(fmt.Sprintf("%s/%dKiB", name, size>>10), func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					work(b, text)
				}
			})
		}
	}
}
