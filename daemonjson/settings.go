package daemonjson

import (
	"strings"

	"runsc-provisioner/pattern"
)

var (
	// A size, a count, a duration or a switch.
	plainSetting = pattern.Lazy(`^(-?[0-9]{1,12}(\.[0-9]{1,3})?( ?[A-Za-z]{1,3}|%)?|([0-9]{1,4}[a-z]{1,2}){2,3}|true|false` +
		`|blocking|non-blocking|none|gzip|zlib|inline|json|raw|daemon|user|local[0-7]|rfc3164|rfc5424(micro)?)$`)
	// Names of labels or variables, whose values are not here.
	plainNames = pattern.Lazy(`^[A-Za-z0-9_.*/-]+(, ?[A-Za-z0-9_.*/-]+)*$`)
	// Parts of a container's description, such as {{.Name}}/{{.ID}}.
	plainTemplate = pattern.Lazy(`^(\{\{ ?\.[A-Za-z]+ ?\}\}[/:|._-]?)+$`)
	// The address of a log collector: a host or a socket, without a path, a user or a query.
	plainCollector = pattern.Lazy(`^((tcp|udp|tcp\+tls|https?)://)?[A-Za-z0-9.-]+(:[0-9]{1,5})?/?$|^unix(gram)?://[A-Za-z0-9/._-]+$`)
	// An option of a storage driver of Docker's own.
	plainStorage = pattern.Lazy(`^((btrfs|dm|overlay2?|windowsfilter|zfs)\.[a-z0-9_]+|size)=[A-Za-z0-9/._:%,-]+$`)
)

// member returns the rule of a member of an option with rule r: log-opts and default-network-opts go by the
// name.
func (r rule) member(name string) rule {
	switch r {
	case ruleLogOpts:
		return ruleOfLogOpt(name)
	case ruleNetworks:
		return ruleNetwork
	case ruleNetwork:
		// Another driver may have a password among its options.
		if strings.HasPrefix(name, "com.docker.network.") && !SecretName(name) {
			return ruleShow
		}
		return ruleSetting
	}
	return r
}

// ruleOfLogOpt returns the rule of an option of a log driver (moby daemon/logger). The options of other
// drivers are plugins'.
func ruleOfLogOpt(name string) rule {
	switch name {
	case "max-size", "max-file", "compress", "mode", "max-buffer-size",
		"syslog-facility", "syslog-format", "syslog-tls-skip-verify",
		"gelf-compression-type", "gelf-compression-level", "gelf-tcp-max-reconnect", "gelf-tcp-reconnect-delay",
		"fluentd-async", "fluentd-async-connect", "fluentd-async-reconnect-interval", "fluentd-buffer-limit", "fluentd-max-retries",
		"fluentd-request-ack", "fluentd-retry-wait", "fluentd-sub-second-precision", "fluentd-read-timeout", "fluentd-write-timeout",
		"awslogs-create-group", "awslogs-create-stream", "awslogs-force-flush-interval-seconds", "awslogs-max-buffered-events",
		"splunk-format", "splunk-gzip", "splunk-gzip-level", "splunk-index-acknowledgment", "splunk-insecureskipverify", "splunk-verify-connection",
		"gcp-log-cmd", "cache-disabled", "cache-max-size", "cache-max-file", "cache-compress":
		return ruleSetting
	case "labels", "env":
		return ruleNames
	case "tag":
		return ruleTemplate
	case "syslog-address", "gelf-address", "fluentd-address", "splunk-url", "awslogs-endpoint":
		return ruleCollector
	case "awslogs-region", "awslogs-group", "awslogs-stream", "gcp-project", "gcp-meta-zone",
		"splunk-capath", "splunk-caname", "splunk-index", "splunk-source", "splunk-sourcetype",
		"syslog-tls-ca-cert", "syslog-tls-cert", "syslog-tls-key": // paths
		return ruleShow
	}
	return ruleHide
}

// showsPair reports whether a flag such as --log-opt is shown with this NAME=VALUE.
func (r rule) showsPair(pair string) bool {
	name, value, ok := strings.Cut(pair, "=")
	switch r {
	case ruleNetworks: // DRIVER=NAME=VALUE
		return ruleNetwork.showsPair(value)
	case ruleLogOpts, ruleNetwork:
		return ok && r.member(name).shows(value)
	}
	return false
}
