package proof

import "strings"

// maxSaid is how many lines of runsc's output are worth reading: the error is at the end.
const maxSaid = 20

// Said returns the lines of Output that say what went wrong: if runsc rejects a flag, only that
// error, and otherwise the last lines, without runsc's list of flags. It is not safe for a
// terminal.
func (f *Failed) Said() []string {
	var said []string
	for line := range strings.Lines(f.Output) {
		line = strings.TrimRight(line, "\r\n")
		if _, found := findFlagError(line); found && !f.InDocker {
			return []string{line}
		}
		if strings.HasPrefix(line, "Usage: runsc ") {
			break
		}
		if line != "" {
			said = append(said, line)
		}
	}
	return said[max(0, len(said)-maxSaid):]
}
