package provision

import "regexp"

// What looks like a secret: what stands before the host of a URL, what follows
// a name for one, and tokens that say what they are.
var secretPatterns = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`(?i)([a-z][a-z0-9+.-]*://)[^/\s@"']+@`), "${1}…@"},
	{regexp.MustCompile(`(?i)\b(basic|bearer)\s+[a-z0-9+/=._~-]{6,}`), "$1 …"},
	{regexp.MustCompile(`(?i)((?:pass(?:word|wd|phrase)?|token|secret|api[_-]?key|credential|auth(?:orization)?)[a-z_-]*["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;]+)`), "${1}…"},
	{regexp.MustCompile(`\b(?:gh[pousr]_[A-Za-z0-9]{20,}|AKIA[0-9A-Z]{12,}|xox[abpr]-[A-Za-z0-9-]{10,}|eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)`), "…"},
	{regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----`), "…"},
}

// Redact takes out of a text what looks like a secret. It is for texts of which
// none is expected, such as a journal; what is known to hold some is masked by
// its structure.
func Redact(text string) string {
	for _, p := range secretPatterns {
		text = p.pattern.ReplaceAllString(text, p.with)
	}
	return text
}
