package daemon

import (
	"maps"
	"slices"
	"strings"
)

// Kind is what a Notice is about. Each has a MESSAGE_ID in the journal.
type Kind string

// The kinds of notices, by how often they come in the life of a daemon.
const (
	Started     Kind = "started"
	Stopping    Kind = "stopping"
	Reloaded    Kind = "reloaded"    // our configuration was read again, because the user asked for it
	Drifted     Kind = "drift"       // something that matched the configuration no longer does
	Repaired    Kind = "repaired"    // it is again
	Failed      Kind = "failed"      // it could not be made so
	Held        Kind = "held"        // it needs consent
	Contested   Kind = "contested"   // another program keeps changing it
	Kept        Kind = "config-kept" // our configuration was lost: the last good one is kept
	Waiting     Kind = "waiting"     // Docker is not there, or not running
	Unsandboxed Kind = "unsandboxed" // a container runs outside a sandbox although one is the default
	Stopped     Kind = "stopped"     // it was stopped for that
	Unjudged    Kind = "unjudged"    // whether a container runs in a sandbox could not be determined
	Downloading Kind = "fetching"    // a release is being fetched, beside all else
	Recovered   Kind = "recovered"   // a change that did not end was finished or undone
	SetAside    Kind = "set-aside"   // it could not be, and its journal was moved away for a look
	Watching    Kind = "watching"    // files or units cannot be watched: only the timer is left
)

// Severity is how bad a Notice is.
type Severity int

// From what a user may overlook to what a user must look at.
const (
	Info Severity = iota
	Warning
	Alert
)

// Severity of a kind.
func (k Kind) Severity() Severity {
	switch k {
	case Unsandboxed, Stopped, Unjudged, Contested, Failed:
		return Alert
	case Drifted, Held, Kept, SetAside, Watching:
		return Warning
	default:
		return Info
	}
}

// Kinds lists them all.
func Kinds() []Kind {
	return []Kind{Started, Stopping, Reloaded, Drifted, Repaired, Failed, Held, Contested, Kept, Waiting, Unsandboxed, Stopped, Unjudged, Downloading, Recovered, SetAside, Watching}
}

// Notice is one thing to be told: a sentence, and facts in fields with names in
// upper case. Both may hold text from outside, as it came.
type Notice struct {
	Kind   Kind
	Text   string
	Fields map[string]string
}

// key is what two notices have in common that say the same.
func (n Notice) key() string {
	parts := []string{string(n.Kind)}
	for _, name := range slices.Sorted(maps.Keys(n.Fields)) {
		if name != fieldTook {
			parts = append(parts, name+"="+n.Fields[name])
		}
	}
	if len(parts) == 1 {
		parts = append(parts, n.Text)
	}
	return strings.Join(parts, "\x00")
}

// The fields of notices.
const (
	fieldItem      = "ITEM"
	fieldWant      = "WANT"
	fieldGot       = "GOT"
	fieldWhy       = "WHY"
	fieldTook      = "TOOK_MS"
	fieldContainer = "CONTAINER_ID"
	fieldName      = "CONTAINER_NAME"
	fieldImage     = "IMAGE"
	fieldRuntime   = "RUNTIME"
)
