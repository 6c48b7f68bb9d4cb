package status

import (
	"maps"
	"slices"
	"strings"
)

// Kind is the subject of a Notice. Each has a MESSAGE_ID in the journal.
type Kind string

// The kinds of notices, by how often they come in the life of a daemon.
const (
	Started     Kind = "started"
	Stopping    Kind = "stopping"
	Reloaded    Kind = "reloaded"    // the user asked for the configuration to be read again
	Drifted     Kind = "drift"       // something that matched the configuration no longer does
	Repaired    Kind = "repaired"    // it matches the configuration again
	Failed      Kind = "failed"      // a look or a repair failed
	Held        Kind = "held"        // a change needs consent
	Contested   Kind = "contested"   // another program keeps changing it
	Kept        Kind = "config-kept" // the configuration was lost, so the last good one is kept
	Waiting     Kind = "waiting"     // for Docker, or for another run
	Unsandboxed Kind = "unsandboxed" // a container runs outside a sandbox although one is the default
	Stopped     Kind = "stopped"     // that container was stopped
	Unjudged    Kind = "unjudged"    // whether a container runs in a sandbox could not be determined
	NotStarted  Kind = "not-started" // a container stayed down because dockerd did not find its runtime
	Downloading Kind = "fetching"    // a release is being downloaded
	Switched    Kind = "switched"    // the runtimes run another release
	Recovered   Kind = "recovered"   // an interrupted change was finished or undone
	SetAside    Kind = "set-aside"   // that failed, and its journal was set aside
	Nameless    Kind = "nameless"    // names of other containers cannot be kept in a container's files
	Watching    Kind = "watching"    // files cannot be watched: only the timer is left
)

// Severity is the severity of a Notice.
type Severity int

// The severities, from what a user may ignore to what a user must see.
const (
	Info Severity = iota
	Warning
	Alert
)

// Severity is the severity of every notice of kind k.
func (k Kind) Severity() Severity {
	switch k {
	case Unsandboxed, Stopped, Unjudged, Contested, Failed:
		return Alert
	case Drifted, Held, Kept, SetAside, Watching, NotStarted, Nameless:
		return Warning
	default:
		return Info
	}
}

// Notice is one sentence, with facts in fields that have upper-case names. Both may
// have text from outside, so print neither to a terminal unchanged.
type Notice struct {
	Kind   Kind
	Text   string
	Fields map[string]string
}

// Key is equal for two notices with the same content.
func (n Notice) Key() string {
	parts := []string{string(n.Kind)}
	for _, name := range slices.Sorted(maps.Keys(n.Fields)) {
		if name != FieldTook {
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
	FieldItem      = "ITEM"
	FieldWant      = "WANT"
	FieldGot       = "GOT"
	FieldWhy       = "WHY"
	FieldTook      = "TOOK_MS"
	FieldContainer = "CONTAINER_ID"
	FieldName      = "CONTAINER_NAME"
	FieldImage     = "IMAGE"
	FieldRuntime   = "RUNTIME"
)
