// Package redact takes secrets out of texts, JSON and command lines before they
// leave the host, as in a bundle for maintainers. What it does not know to be
// harmless it hides; it never changes the meaning of what it leaves.
package redact

import (
	"regexp"
	"strings"

	"runsc-provisioner/daemonjson"
)

var (
	// An image's digest has an "@" too, and no user before it.
	digestOfImage = regexp.MustCompile(`@(sha256:[0-9a-f]{64})\b`)
	markedDigest  = regexp.MustCompile("\x00(sha256:[0-9a-f]{64})")

	keyBlock = regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)`)
	// Headers of HTTP whose whole line is what lets one in.
	authHeader = regexp.MustCompile(`(?i)\b((?:proxy-)?authorization|(?:set-)?cookie)(\s*:\s*)[^\s"'][^\r\n]*`)
	// What stands before the host of a URL may have any character in it, also
	// those that would have to be escaped there.
	userOfURL = regexp.MustCompile(`(?i)([a-z][a-z0-9+.-]*://)(?:\\.|[^\s"\\])*@`)
	// Without a scheme. A mail address has no colon, and no port.
	userOfHost = regexp.MustCompile(`[^\s"'=,;:@/<>()]+:(?:\\.|[^\s"\\/@]|/[^\s"/@])(?:\\.|[^\s"\\])*@`)
	userOfPort = regexp.MustCompile(`[^\s"'=,;@/<>()]+(@[\w.-]+:[0-9]{2,5})\b`)
	authScheme = regexp.MustCompile(`(?i)\b(basic|bearer)\s+[a-z0-9+/=._~-]{6,}`)
	// Tokens that say what they are by how they begin: of GitHub, GitLab, Docker
	// Hub, npm, PyPI, AWS, Google, Slack, OpenAI, Anthropic, Stripe, Hugging Face,
	// SendGrid, Vault, DigitalOcean, and those of JSON.
	knownToken = regexp.MustCompile(`\b(?:gh[pousr]_[A-Za-z0-9]{10,}|github_pat_\w{10,}|gl[a-z]{2,7}-[\w-]{16,}|dckr_[po]at_[\w-]{10,}|npm_[A-Za-z0-9]{20,}|pypi-[\w-]{16,}` +
		`|A[KS]IA[0-9A-Z]{12,}|AIza[\w-]{20,}|ya29\.[\w-]{10,}|xox[a-z]-[A-Za-z0-9-]{10,}|sk-[\w-]{16,}|[prs]k_(?:live|test)_\w{10,}|hf_[A-Za-z0-9]{20,}` +
		`|SG\.[\w-]{10,}\.[\w-]{10,}|hv[bs]\.[\w-]{16,}|do[opr]_v1_[0-9a-f]{20,}|eyJ[\w-]{10,}\.[\w-]+\.[\w-]+)`)

	// A name before what it is set to: NAME=, "name": , NAME => , and --name with
	// the next word.
	settingName = regexp.MustCompile(`([A-Za-z0-9_.-]+)["'\]\\]*\s*(?:=>|[=:]+)\s*|(--?[A-Za-z][A-Za-z0-9_.-]*)(?:["'\\]*,\s*|["'\\]*\s+)`)
	// What it is set to: what was taken out already, a string, or a word.
	settingValue = regexp.MustCompile(`^(?:…|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\S+)`)
	// Names that say where a secret is, or speak of secrets.
	noSecretName = regexp.MustCompile(`(?i)(?:^|[_.-])(?:ur[il]|path|file|dir|env|environment)$|^(?:un)?authori[sz]ed$|^authenticat(?:ed|ion)$|^authority$|^authors?$`)
)

// Text takes out of a text what looks like a secret. It is for texts of which
// none is expected, such as a journal; what is known to hold some is masked by
// its structure.
func Text(text string) string {
	text = digestOfImage.ReplaceAllString(text, "\x00$1")
	text = keyBlock.ReplaceAllString(text, "…")
	text = authHeader.ReplaceAllString(text, "$1$2…")
	text = userOfURL.ReplaceAllString(text, "$1…@")
	text = userOfHost.ReplaceAllString(text, "…@")
	text = userOfPort.ReplaceAllString(text, "…$1")
	text = authScheme.ReplaceAllString(text, "$1 …")
	text = knownToken.ReplaceAllString(text, "…")
	return markedDigest.ReplaceAllString(redactSettings(text), "@$1")
}

// redactSettings takes out what follows a name for a secret. What follows any
// other name is looked at too: it may be a command line.
func redactSettings(text string) string {
	var out strings.Builder
	for {
		at := settingName.FindStringSubmatchIndex(text)
		if at == nil {
			out.WriteString(text)
			return out.String()
		}
		out.WriteString(text[:at[1]])
		name, flag := group(text, at, 1), group(text, at, 2)
		text = text[at[1]:]
		if !secretName(name + flag) {
			continue
		}
		value := settingValue.FindString(text)
		if value == "" || flag != "" && strings.HasPrefix(value, "-") {
			continue
		}
		out.WriteString("…")
		text = text[len(value):]
	}
}

// group is the nth group of a match, or "" where it has no part in it.
func group(text string, at []int, n int) string {
	if at[2*n] < 0 {
		return ""
	}
	return text[at[2*n]:at[2*n+1]]
}

func secretName(name string) bool {
	return daemonjson.SecretName(name) && !noSecretName.MatchString(name)
}
