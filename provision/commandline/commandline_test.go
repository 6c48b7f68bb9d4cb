package commandline

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
)

// write makes a file in dir and returns its path.
func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCommandLineOfARunningDockerd(t *testing.T) {
	proc := t.TempDir()
	write(t, proc, "7/cmdline", "/usr/sbin/dockerd\x00-H\x00fd://\x00\x00--label=a b\x00")
	write(t, proc, "8/cmdline", "")
	write(t, proc, "9/cmdline", strings.Repeat("x", maxSmall+1))

	got, err := Of(proc, Service{MainPID: 7, ExecStart: []string{"not-looked-at"}})
	if want := []string{"/usr/sbin/dockerd", "-H", "fd://", "", "--label=a b"}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	for _, pid := range []int{8, 6} {
		if _, err := Of(proc, Service{MainPID: pid}); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("ended process %d: got %v, want %v", pid, err, fs.ErrNotExist)
		}
	}
	if _, err := Of(proc, Service{MainPID: 9}); err == nil {
		t.Error("longer than a command line can be: got nil, want an error")
	}
	self, err := Of("/proc", Service{MainPID: os.Getpid()})
	if err != nil || !reflect.DeepEqual(self, os.Args) {
		t.Errorf("a real process: got %q, %v, want %q", self, err, os.Args)
	}
}

func TestCommandLineOfAStoppedDockerd(t *testing.T) {
	dir := t.TempDir()
	first := write(t, dir, "default/docker", "DOCKER_OPTS=\"--default-runtime=file --label 'a b'\"\nONE=file\n")
	write(t, dir, "many/b", "LATER=b\n")
	write(t, dir, "many/a", "LATER=a\n")

	got, err := Of("/nowhere", Service{
		ExecStart:   []string{"/usr/sbin/dockerd", "-H", "fd://", "$DOCKER_OPTS", "$UNSET", "--log-level=${LEVEL}", "--x=$LEVEL", "--y=${ONE}${LATER}", "${UNSET}", "$$LEVEL", "$"},
		Environment: []string{"LEVEL=warn and more", "ONE=environment", "DOCKER_OPTS=--debug"},
		EnvironmentFiles: []string{
			first, "-" + filepath.Join(dir, "missing"), filepath.Join(dir, "many/*"),
		},
	})
	want := []string{"/usr/sbin/dockerd", "-H", "fd://", "--default-runtime=file", "--label", "a b", "--log-level=warn and more", "--x=$LEVEL", "--y=fileb", "", "$LEVEL", "$"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q, %v\nwant %q", got, err, want)
	}

	missing := filepath.Join(dir, "missing")
	if _, err := Of("/nowhere", Service{EnvironmentFiles: []string{missing}}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("needed file missing: got %v, want %v", err, fs.ErrNotExist)
	}
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Of("/nowhere", Service{EnvironmentFiles: []string{"-" + fifo}}); err == nil {
		t.Error("a FIFO: got nil, want an error")
	}
}

func TestSplitWords(t *testing.T) {
	tests := map[string][]string{
		"":                 nil,
		" \t\n":            nil,
		"a b":              {"a", "b"},
		`"a b" 'c d'`:      {"a b", "c d"},
		`a"b c"d`:          {"ab cd"},
		`"" ''`:            {"", ""},
		`a\ b \"`:          {"a b", `"`},
		`"a\"b" 'a\'b'`:    {`a"b`, "a'b"},
		`"unterminated q`:  {"unterminated q"},
		`--label="x y" -D`: {"--label=x y", "-D"},
	}
	for value, want := range tests {
		if got := splitWords(value); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %q, want %q", value, got, want)
		}
	}
}

// environmentCases are also compared with a shell, in the cases where systemd
// quotes like one: see TestEnvironmentFileAgreesWithAShell.
var environmentCases = []struct {
	situation, text string
	want            map[string]string
	likeShell       bool
}{
	{"plain", "A=1\nB=2\n", map[string]string{"A": "1", "B": "2"}, true},
	{"no final newline", "A=1", map[string]string{"A": "1"}, true},
	{"last one wins", "A=1\nA=2\n", map[string]string{"A": "2"}, true},
	{"comments", "# A=1\n; B=2\n  # C=3\nD=4\n", map[string]string{"D": "4"}, false},
	{"a comment is not continued", "# a \\\nA=1\n", map[string]string{"A": "1"}, true},
	{"# inside a value", "A=1#2\n", map[string]string{"A": "1#2"}, true},
	{"line without =", "nonsense\nA=1\n", map[string]string{"A": "1"}, false},
	{"blanks around", "  A = 1 2  \nB=\t3\t\n", map[string]string{"A": "1 2", "B": "3"}, false},
	{"empty values", "A=\nB=\"\"\nC=''", map[string]string{"A": "", "B": "", "C": ""}, true},
	{"double quotes", `A="1 2  "` + "\n" + `B="\"\\\$\x"`, map[string]string{"A": "1 2  ", "B": `"\$\x`}, true},
	{"single quotes", `A='1 \n "$x" '`, map[string]string{"A": `1 \n "$x" `}, true},
	{"quotes side by side", `A="1 "'2 '3`, map[string]string{"A": "1 2 3"}, true},
	{"quote in a bare value", `A=--label="x y"`, map[string]string{"A": `--label="x y"`}, false},
	{"several lines in quotes", "A=\"1\n2\"\nB=3\n", map[string]string{"A": "1\n2", "B": "3"}, true},
	{"continued lines", "A=1\\\n2\nB=\"3\\\n4\"\n", map[string]string{"A": "12", "B": "34"}, true},
	{"escapes in a bare value", `A=a\ b\\` + "\nB=x\\ \n", map[string]string{"A": `a b\`, "B": "x "}, true},
	{"CRLF", "A=1\r\nB=2\r\n", map[string]string{"A": "1", "B": "2"}, false},
	{"unclosed quote", "A=\"1\nB=2\n", map[string]string{"A": "1\nB=2\n"}, false},
	{"not expanded", "A=1\nB='$A'\n", map[string]string{"A": "1", "B": "$A"}, true},
}

func TestParseEnvironmentFile(t *testing.T) {
	for _, tt := range environmentCases {
		if got := parseEnvironmentFile(tt.text); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %q: got %q, want %q", tt.situation, tt.text, got, tt.want)
		}
	}
}

func TestEnvironmentFileAgreesWithAShell(t *testing.T) {
	for _, tt := range environmentCases {
		if !tt.likeShell {
			continue
		}
		for name, want := range tt.want {
			script := tt.text + "\nprintf %s. \"$" + name + "\""
			got, err := exec.Command("/bin/sh", "-c", script).Output()
			if err != nil || string(got) != want+"." {
				t.Errorf("%s: $%s: the shell has %q, %v, want %q", tt.situation, name, got, err, want)
			}
		}
	}
}

func FuzzEnvironmentFile(f *testing.F) {
	for _, tt := range environmentCases {
		f.Add(tt.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := parseEnvironmentFile(text)
		var again strings.Builder
		for name, value := range got {
			again.WriteString(name + "=\"" + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", "$", `\$`).Replace(value) + "\"\n")
		}
		if reread := parseEnvironmentFile(again.String()); !reflect.DeepEqual(got, reread) {
			t.Errorf("%q: got %q, and %q when written out and read again", text, got, reread)
		}
		expand([]string{text, "$A"}, map[string]string{"A": text})
	})
}

func TestFault_J10_OptionThatIsAlsoAFlag(t *testing.T) {
	const plain = "[Service]\nExecStart=/usr/sbin/dockerd -H fd:// $DOCKER_OPTS\n"
	tests := []struct {
		situation string
		fragment  string
		dropIns   []string
		file      string   // the EnvironmentFile
		start     []string // ExecStart as systemd has it
		running   string   // NUL as blank; empty: not running
		options   []string
		flag      string // "": no conflict
		where     string // a file's name and line
	}{
		{
			situation: "no flags", fragment: plain, start: []string{"dockerd", "$DOCKER_OPTS"},
			running: "dockerd -H fd://", options: []string{"default-runtime", "userns-remap"},
		},
		{
			situation: "in ExecStart", fragment: "[Service]\nExecStart=/usr/sbin/dockerd --default-runtime=runc\n",
			start: []string{"dockerd", "--default-runtime=runc"}, running: "dockerd --default-runtime=runc",
			options: []string{"default-runtime"}, flag: "--default-runtime=runc", where: "docker.service:2",
		},
		{
			situation: "in a drop-in, as two words", fragment: plain,
			dropIns: []string{"# --userns-remap=x\n", "[Service]\nExecStart=\nExecStart=/usr/sbin/dockerd \\\n  --userns-remap default\n"},
			start:   []string{"dockerd", "--userns-remap", "default"}, running: "dockerd --userns-remap default",
			options: []string{"default-runtime", "userns-remap"}, flag: "--userns-remap=default", where: "1.conf:4",
		},
		{
			situation: "in a drop-in over the same flag in the unit", fragment: "[Service]\nExecStart=/usr/sbin/dockerd --userns-remap=a\n",
			dropIns: []string{"[Service]\nExecStart=\nExecStart=/usr/sbin/dockerd --userns-remap=b\n"},
			start:   []string{"dockerd", "--userns-remap=b"}, running: "dockerd --userns-remap=b",
			options: []string{"userns-remap"}, flag: "--userns-remap=b", where: "0.conf:3",
		},
		{
			situation: "in the EnvironmentFile, running", fragment: plain, file: "DOCKER_OPTS=\"--default-runtime=nvidia\"\n# --default-runtime=no\n",
			start: []string{"dockerd", "$DOCKER_OPTS"}, running: "dockerd --default-runtime=nvidia",
			options: []string{"default-runtime"}, flag: "--default-runtime=nvidia", where: "environment:1",
		},
		{
			situation: "in the EnvironmentFile, stopped", fragment: plain, file: "DOCKER_OPTS=\"--default-runtime=nvidia\"\n",
			start:   []string{"dockerd", "$DOCKER_OPTS"},
			options: []string{"default-runtime"}, flag: "--default-runtime=nvidia", where: "environment:1",
		},
		{
			situation: "not running with it, but would start with it", fragment: plain, file: "DOCKER_OPTS=--userns-remap=default\n",
			start: []string{"dockerd", "$DOCKER_OPTS"}, running: "dockerd -D",
			options: []string{"userns-remap"}, flag: "--userns-remap=default", where: "environment:1",
		},
		{
			situation: "running with it, but no longer in a file", fragment: plain,
			start: []string{"dockerd"}, running: "dockerd --default-runtime=runc",
			options: []string{"default-runtime"}, flag: "--default-runtime=runc", where: "process 7",
		},
		{
			situation: "of the same beginning only", fragment: plain, start: []string{"dockerd", "--default-runtime-x=1"},
			running: "dockerd --default-runtime-x=1", options: []string{"default-runtime"},
		},
		{
			situation: "runtimes and --add-runtime", fragment: plain, start: []string{"dockerd"},
			running: "dockerd --add-runtime r=/r --runtimes=x", options: []string{"runtimes", "default-runtime"},
		},
		{
			situation: "a host in ExecStart", fragment: "[Service]\nType=notify\nExecStart=/usr/bin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock\n",
			start: []string{"dockerd", "-H", "fd://"}, running: "dockerd -H fd://",
			options: []string{"userns-remap", "hosts"}, flag: "--host=fd://", where: "docker.service:3",
		},
		{
			situation: "a host in a drop-in over the unit's", fragment: plain,
			dropIns: []string{"[Service]\n# -H no\nExecStart=\nExecStart=/usr/bin/dockerd --log-Hx \\\n-Htcp://127.0.0.1:2375\n"},
			start:   []string{"dockerd", "-Htcp://127.0.0.1:2375"}, running: "dockerd -Htcp://127.0.0.1:2375",
			options: []string{"hosts"}, flag: "--host=tcp://127.0.0.1:2375", where: "0.conf:5",
		},
		{
			situation: "a host by its long name", fragment: "[Service]\nExecStart=/usr/bin/dockerd --host=fd://\n",
			start: []string{"dockerd", "--host=fd://"}, options: []string{"hosts"}, flag: "--host=fd://", where: "docker.service:2",
		},
		{
			situation: "the host of the unit, cleared by a drop-in", fragment: plain, dropIns: []string{"[Service]\nExecStart=\nExecStart=/usr/bin/dockerd\n"},
			start: []string{"dockerd"}, running: "dockerd", options: []string{"hosts"},
		},
		{
			situation: "not one of ours", fragment: plain, start: []string{"dockerd"},
			running: "dockerd --debug", options: []string{"default-runtime", "userns-remap"},
		},
		{
			situation: "started by a shell, no flags", fragment: plain, start: []string{"/bin/sh", "-c", "exec dockerd"},
			running: "dockerd -D", options: []string{"default-runtime"},
		},
		{
			situation: "started by a shell", fragment: plain, start: []string{"/bin/sh", "-c", "exec dockerd"},
			running: "dockerd --default-runtime=runc", options: []string{"default-runtime"},
			flag: "--default-runtime=runc", where: "process 7",
		},
	}
	for _, tt := range tests {
		t.Run(tt.situation, func(t *testing.T) {
			dir := t.TempDir()
			s := Service{ExecStart: tt.start, FragmentPath: write(t, dir, "docker.service", tt.fragment)}
			for i, text := range tt.dropIns {
				s.DropIns = append(s.DropIns, write(t, dir, "docker.service.d/"+string(rune('0'+i))+".conf", text))
			}
			s.EnvironmentFiles = []string{"-" + filepath.Join(dir, "environment")}
			if tt.file != "" {
				write(t, dir, "environment", tt.file)
			}
			if tt.running != "" {
				s.MainPID = 7
				write(t, dir, "proc/7/cmdline", strings.ReplaceAll(tt.running, " ", "\x00")+"\x00")
			}
			err := Conflict(filepath.Join(dir, "proc"), s, tt.options...)
			if tt.flag == "" {
				if err != nil {
					t.Errorf("got %v, want nil", err)
				}
				return
			}
			conflict, ok := errors.AsType[*FlagConflict](err)
			if !ok || conflict.Flag != tt.flag || !strings.HasSuffix(conflict.Where, tt.where) {
				t.Errorf("got %v, want flag %s in …%s", err, tt.flag, tt.where)
			}
		})
	}
}

func TestFault_E01_ConflictOfWhatIsNotDockerd(t *testing.T) {
	s := Service{ExecStart: []string{"/snap/bin/docker-launcher"}}
	if err := Conflict("/nowhere", s, "default-runtime"); !errors.Is(err, ErrNotDockerd) {
		t.Errorf("got %v, want %v", err, ErrNotDockerd)
	}
}
