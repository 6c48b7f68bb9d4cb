package host

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

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

// authorizationGone returns the authorization plugins of daemon.json that dockerd would not
// find now. A plugin that dockerd has loaded may be gone: `docker plugin disable` takes it
// out of effect, and daemon.json keeps its name. If dockerd does not say which plugins it
// has, none counts as found.
func (h *Host) authorizationGone(ctx context.Context, o Observed) []string {
	names, err := AuthorizationPlugins(o.File.Doc)
	if err != nil || len(names) == 0 {
		return nil
	}
	managed, err := h.managedPlugins(ctx, o.Flags)
	if err != nil {
		h.Logger().Debug("dockerd's plugins are unknown", zap.Error(err))
		return names
	}
	dirs := []string{"/run/docker/plugins", filepath.Join(h.Paths.Etc, "docker", "plugins"), "/usr/lib/docker/plugins"}
	return slices.DeleteFunc(names, func(name string) bool { return pluginFound(managed, dirs, name) })
}

func (h *Host) managedPlugins(ctx context.Context, flags engine.Flags) ([]engine.Plugin, error) {
	ctx, cancel := context.WithTimeout(ctx, EngineAnswerWithin)
	defer cancel()
	client, err := h.Dial(flags)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return client.Plugins(ctx)
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
