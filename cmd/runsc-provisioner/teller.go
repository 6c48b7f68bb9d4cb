package main

import (
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"runsc-provisioner/provision/redact"
	"runsc-provisioner/provision/status"
	"runsc-provisioner/systemd"
)

// messageID is the MESSAGE_ID of each kind of notice in the journal
// (systemd.journal-fields(7)): journalctl MESSAGE_ID=… finds them. The ids never
// change, and docs/daemon.md lists them.
func messageID(kind status.Kind) string {
	return map[status.Kind]string{
		status.Started:     "d99c3b7781a7e9cd7db592d02537b4b2",
		status.Stopping:    "2d4d2a8189d809da0aa21e1cae81085b",
		status.Reloaded:    "451d83758cb6358e633c2c7c281864da",
		status.Drifted:     "0e18a2c0a5a939bac969073431babdb2",
		status.Repaired:    "32a9c559d01757c82d0d6bcf048ba023",
		status.Failed:      "7e8d4db2261e08b09abc9663f5831a1c",
		status.Held:        "3f00c2ea589a2c5114938256fea00256",
		status.Contested:   "de1f45f0952daf5db788a66d114c98ab",
		status.Kept:        "7a1a5b6881a50b0fa21788f717ecc5d7",
		status.Waiting:     "1fcdbff3260e558f6ba43d622b036296",
		status.Unsandboxed: "66520a540002df3041bdb8587cba6550",
		status.Stopped:     "9dbc8165ea38fb07eed48ad69c1dbf34",
		status.Unjudged:    "5de6fb9c51a1431e8a878a5683c17fd8",
		status.NotStarted:  "ca990f40bfcf3a62908ae10275a14fe7",
		status.Downloading: "e35b5dab890c0313789953511f309c13",
		status.Recovered:   "7e76e8da9c7840f3928e32276947d31f",
		status.SetAside:    "507f3d54f9d1481199562651844224ff",
		status.Watching:    "e765295c89609ea043fc09ed374057c9",
		status.Nameless:    "65c74b9df0bb4eb292b1f3675a68fa74",
		status.Switched:    "26a655553bf98eff33702a8f56533364",
	}[kind]
}

// daemonLog logs what the daemon does: to the journal if standard error leads there,
// and otherwise as JSON on standard error.
type daemonLog struct {
	app     *app
	log     *zap.Logger
	journal bool
}

func (a *app) newDaemonLog() *daemonLog {
	encoder := zap.NewProductionEncoderConfig()
	encoder.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	level := zapcore.InfoLevel
	if a.verbose {
		level = zapcore.DebugLevel
	}
	log := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(encoder), zapcore.AddSync(logWriter{a.stderr}), level))
	return &daemonLog{app: a, log: log, journal: systemd.Journalled()}
}

// close flushes the log.
func (t *daemonLog) close() { _ = t.log.Sync() } // standard error need not support it

// notify tells systemd. The daemon goes on if systemd does not listen.
func (t *daemonLog) notify(state ...string) {
	if err := systemd.Notify(state...); err != nil {
		t.log.Warn("notify systemd", zap.Error(err))
	}
}

// write logs one notice, and makes text from outside printable and hides secrets in it.
func (t *daemonLog) write(n status.Notice) {
	fields := map[string]string{"MESSAGE_ID": messageID(n.Kind), "RUNSC_KIND": string(n.Kind), "SYSLOG_IDENTIFIER": "runsc-provisioner"}
	for name, value := range n.Fields {
		fields["RUNSC_"+name] = printable(redact.Text(value))
	}
	priority, level := systemd.PriorityInfo, zapcore.InfoLevel
	switch n.Kind.Severity() {
	case status.Alert:
		priority, level = systemd.PriorityAlert, zapcore.ErrorLevel
	case status.Warning:
		priority, level = systemd.PriorityWarning, zapcore.WarnLevel
	}
	text := printable(redact.Text(n.Text))
	if t.journal && systemd.Log(text, priority, fields) == nil {
		return
	}
	facts := make([]zap.Field, 0, len(fields))
	for name, value := range fields {
		facts = append(facts, zap.String(name, value))
	}
	t.log.Log(level, text, facts...)
}
