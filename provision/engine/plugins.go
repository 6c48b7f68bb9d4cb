package engine

import (
	"context"
	"errors"
	"strings"
)

// Plugin is a managed plugin (`docker plugin install`).
type Plugin struct {
	ID      string `json:"Id"`
	Name    string // with its tag
	Enabled bool
}

// Is reports whether daemon.json means p by name, as dockerd resolves it (moby
// plugin/store.go).
func (p Plugin) Is(name string) bool {
	return name != "" && (p.Name == name || p.Name == name+":latest" || strings.HasPrefix(p.ID, name))
}

// Plugins lists the managed plugins.
func (c *Client) Plugins(ctx context.Context) ([]Plugin, error) {
	var all []Plugin
	err := c.agree(ctx)
	if err == nil {
		var found bool
		if found, err = c.get(ctx, "/plugins", &all); err == nil && !found {
			err = errors.New("404 Not Found: /plugins")
		}
	}
	return all, c.withAct(ctx, "list plugins", err)
}
