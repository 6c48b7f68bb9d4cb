package daemonjson

import "strings"

// A keyRule is one of our keys, and the kind of value that dockerd accepts.
type keyRule struct {
	key  string
	kind kind
}

// checkTypes refuses a document in which one of our keys has a value that is
// null or that dockerd would refuse.
func checkTypes(text string, root node) error {
	if root.kind == kindNone {
		return nil
	}
	if root.kind != kindObject {
		return errorAt(text, root.start, "the document is %s, not an object", root.kind)
	}
	if err := checkKeys(text, root, []keyRule{
		{keyRuntimes, kindObject},
		{keyDefaultRuntime, kindString},
		{keyUsernsRemap, kindString},
	}); err != nil {
		return err
	}
	runtimes, _ := root.kid(keyRuntimes)
	for _, entry := range runtimes.kids {
		if err := checkRuntime(text, entry); err != nil {
			return err
		}
	}
	return nil
}

func checkRuntime(text string, entry node) error {
	if entry.kind != kindObject {
		return errorAt(text, entry.start, "runtime %s is %s, not an object", shown(entry.key), entry.kind)
	}
	if err := checkKeys(text, entry, []keyRule{
		{fieldPath, kindString},
		{fieldArgs, kindArray},
		{fieldType, kindString},
		{fieldOptions, kindObject},
	}); err != nil {
		return err
	}
	args, _ := entry.kid(fieldArgs)
	for _, arg := range args.kids {
		if arg.kind != kindString {
			return errorAt(text, arg.start, "an argument of runtime %s is %s, not a string", shown(entry.key), arg.kind)
		}
	}
	return nil
}

// checkKeys also refuses our keys in another case. At the top dockerd refuses
// them too, but inside a runtime encoding/json takes "Path" for "path", and the
// last one wins.
func checkKeys(text string, obj node, rules []keyRule) error {
	for _, kid := range obj.kids {
		for _, rule := range rules {
			if kid.key == rule.key && kid.kind != rule.kind {
				return errorAt(text, kid.start, "%q is %s, not %s", rule.key, kid.kind, rule.kind)
			}
			if kid.key != rule.key && strings.EqualFold(kid.key, rule.key) {
				return errorAt(text, kid.begin, "key %s: write it as %q", shown(kid.key), rule.key)
			}
		}
	}
	return nil
}
