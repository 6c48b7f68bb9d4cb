package command

import (
	"bytes"
)

// MaxOutput is how many bytes of a program's output an Output keeps.
const MaxOutput = 16 << 10

// Output keeps the first MaxOutput bytes that a program writes, and drops the
// rest. The zero Output is ready for use.
type Output struct{ bytes.Buffer }

// Write never fails, so that a program that writes more is not stopped by it.
func (o *Output) Write(p []byte) (int, error) {
	o.Buffer.Write(p[:min(len(p), MaxOutput-o.Len())])
	return len(p), nil
}
