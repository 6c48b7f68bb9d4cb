package daemonjson

import "strings"

// span is a part of a text, end exclusive.
type span struct{ start, end int }

// secrets returns the values of a text that Diff hides, in order. A text that Parse refuses is hidden whole:
// nothing is known of what stands where.
func secrets(text string) []span {
	d, err := Parse([]byte(text))
	if err != nil {
		return []span{{0, len(text)}}
	}
	var found []span
	for _, kid := range d.root.kids {
		if kid.key != keyRuntimes {
			found = d.appendSecrets(found, kid, isSecretKey(kid.key), kid.key == "log-opts")
			continue
		}
		for _, entry := range kid.kids { // the names of runtimes are free and say nothing
			found = d.appendSecrets(found, entry, false, false)
		}
	}
	return found
}

func (d Document) appendSecrets(found []span, n node, hidden, logging bool) []span {
	switch n.kind {
	case kindObject, kindArray:
		for _, kid := range n.kids {
			found = d.appendSecrets(found, kid, hidden || isSecretKey(kid.key), logging)
		}
		return found
	case kindString:
		hidden = hidden || isSecretText(d.str(n), logging)
	}
	if hidden {
		found = append(found, span{n.start, n.end})
	}
	return found
}

// secretWords returns what the names of secrets are made of.
func secretWords() []string {
	return []string{"token", "secret", "passw", "passphrase", "credential", "key", "env"}
}

func isSecretKey(key string) bool {
	key = strings.ToLower(key)
	for _, word := range secretWords() {
		if strings.Contains(key, word) {
			return true
		}
	}
	return false
}

// isSecretText knows user information in an address, a setting such as --token=x, and, in logging options, any
// address: collectors carry their key in the path.
func isSecretText(s string, logging bool) bool {
	if strings.Contains(s, "@") || logging && strings.Contains(s, "://") {
		return true
	}
	name, _, ok := strings.Cut(s, "=")
	return ok && isSecretKey(name) || strings.Contains(strings.ToLower(s), "bearer ")
}
