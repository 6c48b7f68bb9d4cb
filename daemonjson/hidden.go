package daemonjson

import (
	"encoding/json"
	"strings"

	"runsc-provisioner/pattern"
)

// Hidden returns the strings and numbers of text that Diff hides, for messages in which another program may
// quote them. If Parse refuses text, these are all strings but the names of options.
func Hidden(text []byte) []string {
	var all []string
	if _, err := Parse(text); err != nil {
		for _, literal := range literals().FindAll(text, -1) {
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
var literals = pattern.Lazy(`"(?:[^"\\\n]|\\.)*"`)

// HiddenArguments reports which arguments of a runtime Diff hides: those that look like a secret, the values
// of --token and its like, values of flags that are none of runsc's, the values of flags of one letter, and
// words that are no flag's value. It shows sizes, counts and switches of any flag. No flag of runsc has one
// letter.
func HiddenArguments(args []string) []bool {
	hidden := make([]bool, len(args))
	shows := func(string) bool { return false } // values of the flag before
	for i, arg := range args {
		name, value, has := strings.Cut(arg, "=")
		flag := strings.TrimLeft(name, "-")
		if flag == name || flag == "" {
			hidden[i] = !shows(arg)
			shows = func(string) bool { return false }
			continue
		}
		single := len(name)-len(flag) == 1
		short := single && (len(flag) == 1 || strings.ContainsFunc(flag, isOddInFlag) && flag != "overlay2" && flag != "vfs2")
		shows = func(value string) bool {
			return !has && !short && !SecretName(flag) && showsOfRunsc(flag, value)
		}
		hidden[i] = isSecretText(arg) || short && len(flag) > 1 || has && (short || !showsOfRunsc(flag, value))
	}
	return hidden
}

// showsOfRunsc reports whether a value of one of runsc's flags is shown (gVisor runsc/config/flags.go).
func showsOfRunsc(flag, value string) bool {
	switch flag {
	case "root", "shared-root", "log", "log-format", "debug-log", "debug-log-format", "debug-command", "debug-to-user-log", "panic-log", "coverage-report",
		"pcap-log", "user-log", "metric-server", "final-metrics-log", "profiling-metrics", "profiling-metrics-log", "profile-block",
		"profile-cpu", "profile-heap", "profile-mutex", "trace", "traceback", "strace-syscalls",
		"platform", "platform_device_path", "watchdog-action", "ref-leak-mode", "pod-init-config", "host-settings",
		"sidecar-release-enforcement-policy", "sidecar-usage-policy", "restore-spec-validation",
		"file-access", "file-access-mounts", "overlay", "overlay2", "host-uds", "host-fifo", "character-device-policy", "network", "qdisc",
		"gofer-network-namespace", "EXPERIMENTAL-xdp", "nvproxy-driver-version", "nvproxy-allowed-driver-capabilities", "nvproxy-docker",
		"app-huge-pages", "save-restore-exec-argv", "save-restore-exec-container-id", "cpu-num-from-quota":
		return !isSecretText(value)
	}
	return plainSetting().MatchString(value)
}

// isOddInFlag reports whether a flag's name has no such character: the rest of a flag such as -pSecret1.
func isOddInFlag(r rune) bool { return (r < 'a' || r > 'z') && r != '-' && r != '_' }
