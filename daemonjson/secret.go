package daemonjson

import "strings"

// A span is a part of a text; its end is exclusive.
type span struct{ start, end int }

// secrets returns the values of a text that Diff hides, in order: every string
// and number that ruleOf does not show. It returns all of a text that Parse
// refuses, because its structure is unknown.
func secrets(text string) []span {
	d, err := Parse([]byte(text))
	if err != nil {
		return []span{{0, len(text)}}
	}
	var found []span
	for _, option := range d.root.kids {
		r := ruleOf(option.key)
		if r != ruleRuntimes {
			found = d.appendSecrets(found, option, r)
			continue
		}
		for _, entry := range option.kids {
			for _, field := range entry.kids {
				found = d.appendRuntimeSecrets(found, field)
			}
		}
	}
	return found
}

// appendRuntimeSecrets appends the secrets in one field of a runtime. A shim's
// options may be anything, except the two that every shim has.
func (d Document) appendRuntimeSecrets(found []span, field node) []span {
	switch field.key {
	case fieldPath, fieldType:
		return found
	case fieldArgs:
		return d.appendArgSecrets(found, field)
	case fieldOptions:
		for _, option := range field.kids {
			if !d.showsOption(option) {
				found = d.appendSecrets(found, option, ruleHide)
			}
		}
		return found
	}
	return d.appendSecrets(found, field, ruleHide)
}

// showsOption reports whether an option of a shim is a type or a path, which are
// no secrets (containerd pkg/runtimeoptions/v1; moby hands them on as they are).
func (d Document) showsOption(n node) bool {
	known := strings.EqualFold(n.key, "TypeUrl") || strings.EqualFold(n.key, "ConfigPath")
	return known && n.kind == kindString && !isSecretText(d.str(n))
}

// appendArgSecrets appends the arguments that HiddenArguments names.
func (d Document) appendArgSecrets(found []span, args node) []span {
	for i, hide := range HiddenArguments(d.strs(args)) {
		if hide {
			found = append(found, span{args.kids[i].start, args.kids[i].end})
		}
	}
	return found
}

func (d Document) appendSecrets(found []span, n node, r rule) []span {
	switch n.kind {
	case kindObject:
		for _, kid := range n.kids {
			found = d.appendSecrets(found, kid, r.member(kid.key))
		}
		return found
	case kindArray:
		for _, kid := range n.kids {
			found = d.appendSecrets(found, kid, r)
		}
		return found
	case kindString:
		if r.shows(d.str(n)) {
			return found
		}
	case kindNumber:
		if r == ruleShow {
			return found
		}
	default:
		return found
	}
	return append(found, span{n.start, n.end})
}
