// Package redact removes secrets from texts, JSON and command lines before they leave the
// host, for example in a debug bundle. In command lines and environments, it shows only
// values that are known to be harmless. JSON stays JSON. It replaces each secret by "…".
package redact

import (
	"strings"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/pattern"
)

var (
	// The digest of an image also follows an "@", but without a user before it.
	digestOfImage = pattern.Lazy(`@(sha256:[0-9a-f]{64})\b`)
	markedDigest  = pattern.Lazy("\x00(sha256:[0-9a-f]{64})")

	keyBlock = pattern.Lazy(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)`)
	// HTTP headers that are credentials as a whole.
	authHeader = pattern.Lazy(`(?i)\b((?:proxy-)?authorization|(?:set-)?cookie)(\s*:\s*)[^\s"'][^\r\n]*`)
	// The user part of a URL may contain any character, also those that should be
	// escaped.
	userOfURL = pattern.Lazy(`(?i)([a-z][a-z0-9+.-]*://)(?:\\.|[^\s"\\])*@`)
	// The same without a scheme. A mail address has no colon and no port.
	userOfHost = pattern.Lazy(`[^\s"'=,;:@/<>()]+:(?:\\.|[^\s"\\/@]|/[^\s"/@])(?:\\.|[^\s"\\])*@`)
	userOfPort = pattern.Lazy(`[^\s"'=,;@/<>()]+(@[\w.-]+:[0-9]{2,5})\b`)
	authScheme = pattern.Lazy(`(?i)\b(basic|bearer)\s+[a-z0-9+/=._~-]{6,}`)
	// Tokens with a known prefix: GitHub, GitLab, Docker
	// Hub, npm, PyPI, AWS, Google, Slack, OpenAI, Anthropic, Stripe, Hugging Face,
	// SendGrid, Vault, DigitalOcean, JWT.
	knownToken = pattern.Lazy(`\b(?:gh[pousr]_[A-Za-z0-9]{10,}|github_pat_\w{10,}|gl[a-z]{2,7}-[\w-]{16,}|dckr_[po]at_[\w-]{10,}|npm_[A-Za-z0-9]{20,}|pypi-[\w-]{16,}` +
		`|A[KS]IA[0-9A-Z]{12,}|AIza[\w-]{20,}|ya29\.[\w-]{10,}|xox[a-z]-[A-Za-z0-9-]{10,}|sk-[\w-]{16,}|[prs]k_(?:live|test)_\w{10,}|hf_[A-Za-z0-9]{20,}` +
		`|SG\.[\w-]{10,}\.[\w-]{10,}|hv[bs]\.[\w-]{16,}|do[opr]_v1_[0-9a-f]{20,}|eyJ[\w-]{10,}\.[\w-]+\.[\w-]+)`)

	// A flag of one letter: curl -u USER:PASSWORD, and the password of a client of a database.
	userFlag     = pattern.Lazy(`((?:^|[\s"'\[,])-u["',]*[\s=]*["']?)[^\s"',:/@-]*[A-Za-z][^\s"',:/@]*:[^\s"',\]]+`)
	clientSecret = pattern.Lazy(`(\b(?:mysql\w*|mariadb\w*|sshpass|redis-cli|smbclient|ldap\w+|mongo\w*)\b[^\r\n;|]*?[\s"'\[,]-[apPw]["',]*[\s=]*["']?)[^\s"',\]-][^\s"',\]]*`)

	// A name and its separator: NAME=, "name": , NAME => , and --name before a word.
	settingName = pattern.Lazy(`([A-Za-z0-9_.-]+)["'\]\\]*\s*(?:=>|[=:]+)\s*|(--?[A-Za-z][A-Za-z0-9_.-]*)(?:["'\\]*,\s*|["'\\]*\s+)`)
	// The value after it: an earlier replacement, a string, or a word.
	settingValue = pattern.Lazy(`^(?:…|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\S+)`)
	// Names of the place of a secret, or words about secrets.
	noSecretName = pattern.Lazy(`(?i)(?:^|[_.-])(?:ur[il]|path|file|dir|env|environment)$|^(?:un)?authori[sz]ed$|^authenticat(?:ed|ion)$|^authority$|^authors?$`)
)

// Text replaces what looks like a secret. Use it for texts that should have no secrets, such
// as a log. Texts that are known to have secrets need redaction by their structure.
func Text(text string) string {
	text = digestOfImage().ReplaceAllString(text, "\x00$1")
	text = keyBlock().ReplaceAllString(text, "…")
	text = authHeader().ReplaceAllString(text, "$1$2…")
	text = userOfURL().ReplaceAllString(text, "$1…@")
	text = userOfHost().ReplaceAllString(text, "…@")
	text = userOfPort().ReplaceAllString(text, "…$1")
	text = userFlag().ReplaceAllString(text, "$1…")
	text = clientSecret().ReplaceAllString(text, "$1…")
	text = authScheme().ReplaceAllString(text, "$1 …")
	text = knownToken().ReplaceAllString(text, "…")
	return markedDigest().ReplaceAllString(redactSettings(text), "@$1")
}

// URLs hides the users and passwords in URLs, and changes nothing else. Use it for every
// text that leaves the program.
func URLs(text string) string {
	if !strings.Contains(text, "@") {
		return text
	}
	return userOfURL().ReplaceAllString(text, "$1…@")
}

// redactSettings replaces the value after the name of a secret. It also searches the value
// after any other name, which may be a command line.
func redactSettings(text string) string {
	var out strings.Builder
	for {
		at := settingName().FindStringSubmatchIndex(text)
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
		value := settingValue().FindString(text)
		if value == "" || flag != "" && strings.HasPrefix(value, "-") {
			continue
		}
		out.WriteString("…")
		text = text[len(value):]
	}
}

// group returns the nth group of a match, or "" if the group did not match.
func group(text string, at []int, n int) string {
	if at[2*n] < 0 {
		return ""
	}
	return text[at[2*n]:at[2*n+1]]
}

func secretName(name string) bool {
	return daemonjson.SecretName(name) && !noSecretName().MatchString(name)
}
