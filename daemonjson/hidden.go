package daemonjson

import (
	"encoding/json"
	"regexp"
	"strings"
)

// Hidden returns the strings and numbers of text that Diff hides, for messages in which another program may
// quote them. If Parse refuses text, these are all strings but the names of options.
func Hidden(text []byte) []string {
	var all []string
	if _, err := Parse(text); err != nil {
		for _, literal := range literals.FindAll(text, -1) {
			s := string(literal[1 : len(literal)-1])
			var decoded string
			if json.Unmarshal(literal, &decoded) == nil {
				s = decoded
			}
			if !isOptionName(s) {
				all = append(all, s)
			}
		}
		return all
	}
	for _, s := range secrets(string(text)) {
		value := string(text[s.start:s.end])
		if strings.HasPrefix(value, `"`) {
			value = unquote(value)
		}
		all = append(all, value)
	}
	return all
}

// literals are the strings of a text that may be no JSON.
var literals = regexp.MustCompile(`"(?:[^"\\\n]|\\.)*"`)

// HiddenArguments reports which arguments of a runtime Diff hides: those that look like a secret, the values
// of --token and its like and of flags of one letter, and words that are no flag's value. No flag of runsc
// has one letter.
func HiddenArguments(args []string) []bool {
	hidden := make([]bool, len(args))
	takes, secret := false, false // the flag before
	for i, arg := range args {
		name, _, has := strings.Cut(arg, "=")
		flag := strings.TrimLeft(name, "-")
		if flag == name || flag == "" {
			hidden[i] = !takes || secret || isSecretText(arg)
			takes = false
			continue
		}
		single := len(name)-len(flag) == 1
		short := single && (len(flag) == 1 || strings.ContainsFunc(flag, isOddInFlag) && flag != "overlay2" && flag != "vfs2")
		hidden[i] = isSecretText(arg) || short && (has || len(flag) > 1)
		takes, secret = !has, short || SecretName(flag)
	}
	return hidden
}

// isOddInFlag reports whether a flag's name has no such character: the rest of a flag such as -pSecret1.
func isOddInFlag(r rune) bool { return (r < 'a' || r > 'z') && r != '-' && r != '_' }
