package daemonjson

import (
	"bytes"
	"encoding/json"
)

// Options has the value of each option of d, in one spelling: two values that mean
// the same are equal strings.
func (d Document) Options() map[string]string {
	raw, all := map[string]json.RawMessage{}, map[string]string{}
	if text := bytes.TrimSpace(d.Bytes()); len(text) > 0 {
		if err := json.Unmarshal(text, &raw); err != nil {
			panic(err) // a Document always parses
		}
	}
	for option, text := range raw {
		all[option] = Spelled(text)
	}
	return all
}

// Spelled is a JSON value without white space, and with the members of its
// objects in order. What is not JSON is returned as it is.
func Spelled(raw []byte) string {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return string(raw)
	}
	text, err := json.Marshal(value)
	if err != nil {
		return string(raw)
	}
	return string(text)
}

// StringOf is the string that a JSON value is, or "" where it is none.
func StringOf(value string) string {
	var s string
	if json.Unmarshal([]byte(value), &s) != nil {
		return ""
	}
	return s
}
