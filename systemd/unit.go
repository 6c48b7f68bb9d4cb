package systemd

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	systemdbus "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

// A Unit is the state of a unit at one moment. The fields of a service are
// empty for units of other types.
type Unit struct {
	Name        string
	LoadState   string // loaded, not-found, masked, bad-setting, error
	ActiveState string // active, reloading, inactive, failed, activating, deactivating
	SubState    string
	Result      string // success, exit-code, timeout, start-limit-hit, …
	MainPID     int    // 0 if no process runs
	StatusText  string // what the service says of itself (sd_notify(3)); every user may read it

	FragmentPath string
	DropIns      []string // in the order in which systemd applied them

	ExecStart        []string // argv of the main command, variables not expanded
	Environment      []string // NAME=VALUE
	EnvironmentFiles []string // with a leading "-" it may be missing

	UnitFileState    string // enabled, disabled, static, …
	NeedDaemonReload bool
	InvocationID     string // in hex; changes with each start

	ProtectSystem  string   // strict: only ReadWritePaths can be written to (systemd.exec(5))
	ReadWritePaths []string // with a leading "-" it may be missing

	// Started is when the main process was last started, by the clock at that
	// moment. Zero means never.
	Started time.Time
	// StartedAfterBoot is the same by CLOCK_MONOTONIC, which cannot be set.
	StartedAfterBoot time.Duration
}

// Unit asks for a unit by its full name. A missing unit has LoadState
// "not-found" and is not an error. If the connection is lost it asks once more,
// because asking changes nothing.
func (c *Conn) Unit(ctx context.Context, name string) (Unit, error) {
	var properties map[string]any
	err := c.awaitAnswer(ctx, func(ctx context.Context) (err error) {
		if properties, err = c.properties(ctx, name); errors.Is(err, ErrLost) {
			properties, err = c.properties(ctx, name)
		}
		return err
	})
	if err != nil {
		return Unit{}, fmt.Errorf("ask systemd for %s: %w", name, err)
	}
	unit := parseUnit(properties)
	unit.Name = name
	if unit.LoadState == "" {
		return Unit{}, fmt.Errorf("ask systemd for %s: the answer has no LoadState", name)
	}
	return unit, nil
}

func (c *Conn) properties(ctx context.Context, name string) (map[string]any, error) {
	a, err := c.question(ctx)
	if err != nil {
		return nil, err
	}
	path := dbus.ObjectPath(managerPath + "/unit/" + dbus.ObjectPath(systemdbus.PathBusEscape(name)))
	var answer map[string]dbus.Variant
	const ofAllInterfaces = ""
	err = a.conn.Object(managerName, path).CallWithContext(ctx, propertiesOf+".GetAll", 0, ofAllInterfaces).Store(&answer)
	if err != nil {
		return nil, a.explain(ctx, err)
	}
	properties := make(map[string]any, len(answer))
	for property, value := range answer {
		properties[property] = value.Value()
	}
	return properties, nil
}

// parseUnit reads the properties named in org.freedesktop.systemd1(5).
func parseUnit(properties map[string]any) Unit {
	unit := Unit{
		LoadState:        property[string](properties, "LoadState"),
		ActiveState:      property[string](properties, "ActiveState"),
		SubState:         property[string](properties, "SubState"),
		StatusText:       property[string](properties, "StatusText"),
		Result:           property[string](properties, "Result"),
		MainPID:          int(property[uint32](properties, "MainPID")),
		FragmentPath:     property[string](properties, "FragmentPath"),
		DropIns:          property[[]string](properties, "DropInPaths"),
		Environment:      property[[]string](properties, "Environment"),
		UnitFileState:    property[string](properties, "UnitFileState"),
		NeedDaemonReload: property[bool](properties, "NeedDaemonReload"),
		InvocationID:     hex.EncodeToString(property[[]byte](properties, "InvocationID")),
		ProtectSystem:    property[string](properties, "ProtectSystem"),
		ReadWritePaths:   property[[]string](properties, "ReadWritePaths"),
		StartedAfterBoot: time.Duration(property[uint64](properties, "ExecMainStartTimestampMonotonic")) * time.Microsecond,
	}
	if at := property[uint64](properties, "ExecMainStartTimestamp"); at != 0 {
		unit.Started = time.UnixMicro(int64(at))
	}
	// a(sasbttttuii): path, argv, whether failure is ignored, times, pid, status
	for _, command := range property[[][]any](properties, "ExecStart") {
		if argv, ok := field[[]string](command, 1); ok {
			unit.ExecStart = argv
			break
		}
	}
	// a(sb): path, whether it may be missing
	for _, file := range property[[][]any](properties, "EnvironmentFiles") {
		path, _ := field[string](file, 0)
		if optional, _ := field[bool](file, 1); optional {
			path = "-" + path
		}
		unit.EnvironmentFiles = append(unit.EnvironmentFiles, path)
	}
	return unit
}

func property[T any](properties map[string]any, name string) T {
	value, _ := properties[name].(T)
	return value
}

func field[T any](structure []any, i int) (T, bool) {
	if i >= len(structure) {
		var zero T
		return zero, false
	}
	value, ok := structure[i].(T)
	return value, ok
}
