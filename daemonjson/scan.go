package daemonjson

// maxDepth is how deep objects and arrays may be nested, including the document
// itself.
const maxDepth = 64

type kind uint8

const (
	kindNone kind = iota // no document: an empty file
	kindObject
	kindArray
	kindString
	kindNumber
	kindWord // true, false, null
)

func (k kind) String() string {
	return [...]string{"nothing", "an object", "an array", "a string", "a number", "true, false or null"}[k]
}

// A node is a value and its place: offsets into the text, ends exclusive.
type node struct {
	kind       kind
	key        string // decoded; members of objects only
	begin      int    // of the key's quote, or of the value if there is no key
	keyEnd     int    // members of objects only
	start, end int    // of the value
	kids       []node
}

// kid returns the member of an object by its decoded key.
func (n node) kid(key string) (node, bool) {
	for _, kid := range n.kids {
		if kid.key == key {
			return kid, true
		}
	}
	return node{}, false
}

// A scanner reads the one document of a text. It skips nothing unread: gjson
// and sjson do not validate, and on broken input they lose the rest.
type scanner struct {
	text string
	pos  int
	open []int // offsets of the objects and arrays being read
}

// scan reads text to its end. For white space alone it returns the zero node.
func scan(text string) (node, error) {
	s := &scanner{text: text}
	s.space()
	if s.pos == len(text) {
		return node{}, nil
	}
	root, err := s.value()
	if err != nil {
		return node{}, err
	}
	s.space()
	if s.pos < len(text) {
		return node{}, s.trailing(root)
	}
	return root, nil
}

// value reads the value at pos; the caller has read the white space before it.
func (s *scanner) value() (node, error) {
	n := node{begin: s.pos, start: s.pos}
	var err error
	switch c := s.peek(); {
	case c == '{' || c == '[':
		return s.container()
	case c == '"':
		n.kind = kindString
		err = s.str()
	case c == '-' || isDigit(c):
		n.kind = kindNumber
		err = s.number()
	case isLetter(c):
		n.kind = kindWord
		err = s.word()
	default:
		err = s.unexpected("a value")
	}
	n.end = s.pos
	return n, err
}

// container reads an object or an array.
func (s *scanner) container() (node, error) {
	n := node{kind: kindObject, begin: s.pos, start: s.pos}
	closing := byte('}')
	if s.peek() == '[' {
		n.kind, closing = kindArray, ']'
	}
	if len(s.open) == maxDepth {
		return node{}, errorAt(s.text, s.pos, "more than %d levels deep", maxDepth)
	}
	s.open = append(s.open, s.pos)
	s.pos++
	comma := -1
	var keys keySet
	for {
		s.space()
		if s.peek() == closing {
			break
		}
		kid, err := s.element(n, &keys)
		if err != nil {
			return node{}, err
		}
		n.kids = append(n.kids, kid)
		s.space()
		comma = -1
		if s.peek() == ',' {
			comma = s.pos
			s.pos++
			continue
		}
		if s.peek() != closing {
			return node{}, s.unseparated(kid, closing)
		}
	}
	if comma >= 0 {
		return node{}, errorAt(s.text, comma, "trailing comma: remove it")
	}
	s.pos++
	s.open = s.open[:len(s.open)-1]
	n.end = s.pos
	return n, nil
}

// element reads a value of an array, or a key and its value of an object.
func (s *scanner) element(parent node, keys *keySet) (node, error) {
	if parent.kind == kindArray {
		return s.value()
	}
	begin := s.pos
	if s.peek() != '"' {
		return node{}, s.unexpected(`a key in double quotes`)
	}
	if err := s.str(); err != nil {
		return node{}, err
	}
	keyEnd := s.pos
	key := unquote(s.text[begin:keyEnd])
	if first, dup := keys.add(parent.kids, key, begin); dup {
		return node{}, errorAt(s.text, begin, "duplicate key %s, first on line %d: keep one", shown(key), lineAt(s.text, first))
	}
	s.space()
	if s.peek() != ':' {
		return node{}, s.unexpected("':' after the key " + shown(key))
	}
	s.pos++
	s.space()
	n, err := s.value()
	n.key, n.begin, n.keyEnd = key, begin, keyEnd
	return n, err
}

// keySet finds duplicate keys of an object. Most objects are small and need no
// map.
type keySet struct{ begins map[string]int }

func (k *keySet) add(kids []node, key string, begin int) (first int, dup bool) {
	const small = 16
	if k.begins == nil && len(kids) < small {
		for _, kid := range kids {
			if kid.key == key {
				return kid.begin, true
			}
		}
		return 0, false
	}
	if k.begins == nil {
		k.begins = make(map[string]int, 2*small)
		for _, kid := range kids {
			k.begins[kid.key] = kid.begin
		}
	}
	first, dup = k.begins[key]
	k.begins[key] = begin
	return first, dup
}
