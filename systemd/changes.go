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

	// firstPause is the pause after a lost connection. It doubles after each
	// failed attempt, up to lastPause.
	firstPause = 100 * time.Millisecond
	lastPause  = 10 * time.Second

	// signalsAhead is how many signals of systemd may wait before godbus queues
	// them: a daemon-reload signals every unit at once.
	signalsAhead = 1024
)

// Changes sends hints that one of the named units may have changed: its states,
// whether it is loaded, or its unit files as systemd last read them. Use full
// names, not aliases: systemd signals a unit under its own name only.
//
// It guarantees that a hint follows every change: a caller that asks for the
// units after a hint sees everything that changed before it. Each new
// connection, including the first, gives a hint, since anything may have
// happened meanwhile. A hint does not mean that something changed, and at most
// one hint waits. Asking for a unit gives no hint, although systemd then loads
// an unused unit, signals that, and unloads it again.
//
// It has its own connections, which Close does not end, and reconnects when
// they are lost or fail. It closes the channel when ctx ends, and only then,
// and leaves nothing running.
func (c *Conn) Changes(ctx context.Context, names ...string) <-chan struct{} {
	names = slices.Clone(names)
	hints := make(chan struct{}, 1)
	hint := func() {
		select {
		case hints <- struct{}{}:
		default: // one is already waiting
		}
	}
	go func() {
		defer close(hints)
		for pause := firstPause; ; pause = min(2*pause, lastPause) {
			w, err := dialFirst(ctx, c.addresses, func(ctx context.Context, address string) (*watch, error) {
				return listen(ctx, address, names, c.patience)
			})
			if err == nil {
				pause = firstPause
				hint()
				w.follow(hint) //nolint:contextcheck // the connection has the context
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

// A watch is one connection that receives signals about units.
type watch struct {
	conn    *dbus.Conn
	manager dbus.BusObject
	signals chan *dbus.Signal
	answers chan *dbus.Call // whether a unit is loaded
	units   map[dbus.ObjectPath]*watched
}

type watched struct {
	name   string
	loaded bool // by the last answer
	asked  bool // asked, and not answered yet
	again  bool // a signal came since it was asked
}

// listen connects to the manager, subscribes to its signals and asks which
// units are loaded. It gives up after patience, or with ctx, which also ends
// the connection.
func listen(ctx context.Context, address string, names []string, patience time.Duration) (*watch, error) {
	alive, drop := context.WithCancel(ctx)
	defer time.AfterFunc(patience, drop).Stop()

	// Keep signals in order and drop none: loading and unloading a unit mean
	// something else in another order.
	conn, err := authenticate(alive, address, dbus.WithSignalHandler(dbus.NewSequentialSignalHandler()))
	if err != nil {
		drop()
		return nil, err
	}
	context.AfterFunc(conn.Context(), drop) //nolint:contextcheck // it ends with the connection
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

// rules lists the signals that a bus passes on: no more than needed, because
// every signal wakes us.
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

// follow receives signals until the connection is lost. A new manager behind
// the bus counts as lost too: it does not know our subscription.
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
			if w.isHint(signal) {
				hint()
			}
		case answer := <-w.answers:
			if w.isHintAnswer(answer) {
				hint()
			}
		}
	}
}

// isHint reports whether a signal alone is a hint. A signal that does not
// match org.freedesktop.systemd1(5) is not.
func (w *watch) isHint(signal *dbus.Signal) bool {
	switch signal.Name {
	case propertiesOf + ".PropertiesChanged":
		// systemd signals each change twice: for the service and then for the
		// unit.
		of, _ := field[string](signal.Body, 0)
		return of == unitInterface && w.units[signal.Path] != nil
	case managerInterface + ".UnitNew", managerInterface + ".UnitRemoved":
		path, _ := field[dbus.ObjectPath](signal.Body, 1)
		if unit := w.units[path]; unit != nil {
			w.askIfLoaded(unit)
		}
	case managerInterface + ".Reloading":
		begins, ok := field[bool](signal.Body, 0)
		return ok && !begins
	case managerInterface + ".UnitFilesChanged":
		return true
	}
	return false
}

// askIfLoaded asks whether a unit is loaded, without loading it. A request for the
// properties of an unloaded unit makes systemd load and unload it, with a
// signal for each: if these were hints, hints and requests would follow each
// other for ever.
func (w *watch) askIfLoaded(unit *watched) {
	if unit.asked {
		unit.again = true
		return
	}
	unit.asked = true
	w.manager.GoWithContext(w.conn.Context(), managerInterface+".GetUnit", 0, w.answers, unit.name)
}

// isHintAnswer reports whether the answer to ask is a hint.
func (w *watch) isHintAnswer(answer *dbus.Call) bool {
	name, _ := field[string](answer.Args, 0)
	for _, unit := range w.units {
		if unit.name != name {
			continue
		}
		wasLoaded := unit.loaded
		unit.loaded = !notLoaded(answer.Err)
		unit.asked = false
		if unit.again {
			unit.again = false
			w.askIfLoaded(unit)
		}
		return wasLoaded || unit.loaded
	}
	return false
}
