package host

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.uber.org/zap"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/engine"
)

// AuthorizationPlugins returns the authorization plugins of daemon.json.
func AuthorizationPlugins(doc daemonjson.Document) (names []string, err error) {
	value, set := doc.Options()[OptionAuthorization]
	if !set {
		return nil, nil
	}
	if err := json.Unmarshal([]byte(value), &names); err != nil {
		return nil, fmt.Errorf("%s is not a list of names", OptionAuthorization)
	}
	return names, nil
}

// reloadAfter is how long after a change of daemon.json a reload must come to have read
// that text: dockerd reads the file a moment before it says that it has reloaded.
const reloadAfter = time.Second

// observeAuthorization looks whether dockerd would find the authorization plugins of
// daemon.json, and whether another program had dockerd load them.
//
// A plugin that dockerd has loaded may be gone: `docker plugin disable` takes it out of
// effect, and daemon.json keeps its name. If dockerd does not say which plugins it has,
// none counts as found.
func observeAuthorization(ctx context.Context, h *Host, o *Observed) {
	names, err := AuthorizationPlugins(o.File.Doc)
	if err != nil || len(names) == 0 && len(o.Engine.Authorization) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, EngineAnswerWithin)
	defer cancel()
	o.AuthorizationGone = names
	client, err := h.Dial(o.Flags)
	if err != nil {
		return
	}
	defer client.Close()
	managed, err := client.Plugins(ctx)
	if err != nil {
		h.Logger().Debug("dockerd's plugins are unknown", zap.Error(err))
		return
	}
	dirs := []string{"/run/docker/plugins", filepath.Join(h.Paths.Etc, "docker", "plugins"), "/usr/lib/docker/plugins"}
	o.AuthorizationGone = slices.DeleteFunc(names, func(name string) bool { return pluginFound(managed, dirs, name) })
	hot, now := o.Loaded.Hot(), OptionDigests(o.Loaded.Invocation, o.File.Doc)
	if o.File.Changed.IsZero() || hot != nil && hot[OptionAuthorization] == now[OptionAuthorization] {
		return
	}
	reloaded, err := client.ReloadedSince(ctx, o.File.Changed.Add(reloadAfter))
	if err != nil {
		h.Logger().Debug("dockerd's events are unknown", zap.Error(err))
	}
	if reloaded && err == nil {
		o.Loaded.Reloaded = Reloaded(o.Loaded, o.File.Doc)
	}
}

// pluginFound reports whether dockerd finds a plugin: an enabled managed one, or else a
// socket or a description in one of dirs (moby pkg/plugins/discovery.go).
func pluginFound(managed []engine.Plugin, dirs []string, name string) bool {
	if i := slices.IndexFunc(managed, func(p engine.Plugin) bool { return p.Is(name) }); i >= 0 {
		return managed[i].Enabled
	}
	for _, dir := range dirs {
		for _, suffix := range []string{".sock", ".spec", ".json"} {
			for _, path := range []string{filepath.Join(dir, name+suffix), filepath.Join(dir, name, name+suffix)} {
				if _, err := os.Stat(path); err == nil {
					return true
				}
			}
		}
	}
	return false
}
