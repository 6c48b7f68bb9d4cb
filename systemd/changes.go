package systemd

import (
	"context"
	"slices"
	"time"

	systemdbus "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

const (
	managerInterface = managerName + ".Manager"
	unitInterface    = managerName + ".Unit"
	propertiesOf     = "org.freedesktop.DBus.Properties"
	busName          = "org.freedesktop.DBus"

	// firstPause is how long it is waited after a connection was lost, and
	// twice as long after each attempt that fails, up to lastPause.
	firstPause = 100 * time.Millisecond
	lastPause  = 10 * time.Second

	// signalsAhead is how many signals of systemd may wait for their turn
	// before godbus queues them: a daemon-reload tells of every unit at once.
	signalsAhead = 1024
)

// Changes gives hints that one of the named units may have changed: its states,
// whether it is loaded, or what systemd read of the unit files. Names are full
// and not aliases, as systemd tells of a unit under its own name only.
//
// It guarantees that a change is followed by a hint: who asks for the units
// after a hint was taken sees all that was changed before it. Each time it has
// connected, the first time too, it gives a hint, since anything may have
// happened meanwhile. It does not guarantee that something changed, and a hint
// that is not taken is not doubled. To ask for a unit gives no hint, although
// systemd loads one that it had no need of, says so, and drops it again.
//
// It has connections of its own, which Close does not end, and makes them again
// when they are lost or cannot be had. The channel is closed when ctx ends, and
// only then, and nothing is left running.
func (c *Conn) Changes(ctx context.Context, names ...string) <-chan struct{} {
	names = slices.Clone(names)
	hints := make(chan struct{}, 1)
	hint := func() {
		select {
		case hints <- struct{}{}:
		default: // one waits already
		}
	}
	go func() {
		defer close(hints)
		for pause := firstPause; ; pause = min(2*pause, lastPause) {
			w, err := reach(ctx, c.addresses, func(ctx context.Context, address string) (*watch, error) {
				return listen(ctx, address, names, c.patience)
			})
			if err == nil {
				pause = firstPause
				hint()
				w.follow(hint)
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
		}
	}()
	return hints
}

// watch is one connection that hears of units.
type watch struct {
	conn    *dbus.Conn
	manager dbus.BusObject
	signals chan *dbus.Signal
	answers chan *dbus.Call // whether a unit is loaded
	units   map[dbus.ObjectPath]*watched
}

type watched struct {
	name   string
	loaded bool // as was last answered
	asked  bool // and not answered yet
	again  bool // something was said since it was asked
}

// listen connects to the manager, and returns when it has promised signals and
// said which units are loaded. It gives up after the given patience, or with
// ctx, which also ends the connection.
func listen(ctx context.Context, address string, names []string, patience time.Duration) (*watch, error) {
	alive, drop := context.WithCancel(ctx)
	defer time.AfterFunc(patience, drop).Stop()

	// In order, as the loading of a unit and its unloading mean different things
	// in another, and none is dropped.
	conn, err := authenticate(alive, address, dbus.WithSignalHandler(dbus.NewSequentialSignalHandler()))
	if err != nil {
		drop()
		return nil, err
	}
	context.AfterFunc(conn.Context(), drop)
	w := &watch{
		conn:    conn,
		manager: conn.Object(managerName, managerPath),
		signals: make(chan *dbus.Signal, signalsAhead),
		answers: make(chan *dbus.Call, len(names)), // one per unit: godbus blocks on an unread answer
		units:   map[dbus.ObjectPath]*watched{},
	}
	for _, name := range names {
		w.units[managerPath+"/unit/"+dbus.ObjectPath(systemdbus.PathBusEscape(name))] = &watched{name: name}
	}
	if err := w.subscribe(alive, address); err != nil {
		conn.Close()
		return nil, err
	}
	return w, nil
}

func (w *watch) subscribe(ctx context.Context, address string) error {
	w.conn.Signal(w.signals)
	if !direct(address) {
		for _, rule := range w.rules() {
			if err := w.conn.AddMatchSignalContext(ctx, rule...); err != nil {
				return err
			}
		}
	}
	if err := w.manager.CallWithContext(ctx, managerInterface+".Subscribe", 0).Store(); err != nil {
		return err
	}
	for _, unit := range w.units {
		err := w.manager.CallWithContext(ctx, managerInterface+".GetUnit", 0, unit.name).Err
		if err != nil && !notLoaded(err) {
			return err
		}
		unit.loaded = err == nil
	}
	return nil
}

// rules are what a bus lets through, and no more, as every signal wakes us.
func (w *watch) rules() [][]dbus.MatchOption {
	rules := [][]dbus.MatchOption{
		{dbus.WithMatchSender(managerName), dbus.WithMatchInterface(managerInterface), dbus.WithMatchMember("Reloading")},
		{dbus.WithMatchSender(managerName), dbus.WithMatchInterface(managerInterface), dbus.WithMatchMember("UnitFilesChanged")},
		{dbus.WithMatchSender(busName), dbus.WithMatchInterface(busName), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, managerName)},
	}
	for path := range w.units {
		rules = append(rules,
			[]dbus.MatchOption{dbus.WithMatchSender(managerName), dbus.WithMatchInterface(propertiesOf), dbus.WithMatchMember("PropertiesChanged"), dbus.WithMatchObjectPath(path)},
			// UnitNew and UnitRemoved: the unit's name and its path.
			[]dbus.MatchOption{dbus.WithMatchSender(managerName), dbus.WithMatchInterface(managerInterface), dbus.WithMatchArgPath(1, string(path))},
		)
	}
	return rules
}

// follow hears signals until the connection is lost, which also happens when
// the manager behind a bus is another one: that one does not know us.
func (w *watch) follow(hint func()) {
	defer w.conn.Close()
	for {
		select {
		case <-w.conn.Context().Done():
			return
		case signal, ok := <-w.signals:
			if !ok || signal.Name == busName+".NameOwnerChanged" && signal.Sender == busName {
				return
			}
			if w.concerns(signal) {
				hint()
			}
		case answer := <-w.answers:
			if w.learns(answer) {
				hint()
			}
		}
	}
}

// concerns says whether a signal is a hint by itself. Whatever comes that is
// not as org.freedesktop.systemd1(5) says is none.
func (w *watch) concerns(signal *dbus.Signal) bool {
	switch signal.Name {
	case propertiesOf + ".PropertiesChanged":
		// Of each change systemd tells twice: of the service and then of the unit.
		of, _ := field[string](signal.Body, 0)
		return of == unitInterface && w.units[signal.Path] != nil
	case managerInterface + ".UnitNew", managerInterface + ".UnitRemoved":
		path, _ := field[dbus.ObjectPath](signal.Body, 1)
		if unit := w.units[path]; unit != nil {
			w.ask(unit)
		}
	case managerInterface + ".Reloading":
		begins, ok := field[bool](signal.Body, 0)
		return ok && !begins
	case managerInterface + ".UnitFilesChanged":
		return true
	}
	return false
}

// ask asks whether a unit is loaded, without having it loaded. Who asks for
// the properties of one that is not has systemd load it, and both signals come
// at once: were they hints, then hint and question would follow each other for
// ever.
func (w *watch) ask(unit *watched) {
	if unit.asked {
		unit.again = true
		return
	}
	unit.asked = true
	w.manager.GoWithContext(w.conn.Context(), managerInterface+".GetUnit", 0, w.answers, unit.name)
}

// learns says whether the answer to ask is a hint.
func (w *watch) learns(answer *dbus.Call) bool {
	name, _ := field[string](answer.Args, 0)
	for _, unit := range w.units {
		if unit.name != name {
			continue
		}
		was := unit.loaded
		unit.loaded = !notLoaded(answer.Err)
		unit.asked = false
		if unit.again {
			unit.again = false
			w.ask(unit)
		}
		return was || unit.loaded
	}
	return false
}
