// Package pattern compiles regular expressions when they are first used. Most
// runs of a program need few of its patterns, and all of them together take as
// long as a question to dockerd.
//
// A pattern that does not compile panics at its first use, so test/imports
// compiles every one.
package pattern

import (
	"regexp"
	"sync"
)

// Lazy returns a function that compiles text once. Several goroutines may call
// it.
func Lazy(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}
