package systemd

import (
	"context"
	"fmt"

	systemdbus "github.com/coreos/go-systemd/v22/dbus"
)

// Stop stops a unit and waits until it has ended. A unit that is not loaded is no error.
func (c *Conn) Stop(ctx context.Context, name string) error {
	if err := c.stop(ctx, name); err != nil && !notLoaded(err) {
		return err
	}
	return nil
}

// Disable keeps a unit from starting with the host. It does not stop it.
func (c *Conn) Disable(ctx context.Context, name string) error {
	return c.changeUnitFiles(ctx, "disable", name, func(ctx context.Context, manager *systemdbus.Conn) error {
		_, err := manager.DisableUnitFilesContext(ctx, []string{name}, false)
		return err
	})
}

// changeUnitFiles changes links of unit files, and has systemd read them again.
func (c *Conn) changeUnitFiles(ctx context.Context, act, name string, change func(context.Context, *systemdbus.Conn) error) error {
	err := c.awaitAnswer(ctx, func(ctx context.Context) error {
		l, err := c.link(ctx)
		if err == nil {
			err = l.explain(ctx, change(ctx, l.manager))
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("%s %s: %w", act, name, err)
	}
	return c.LoadUnits(ctx)
}
