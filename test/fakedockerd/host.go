package fakedockerd

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
)

// Settings are the settings that a dockerd runs with.
type Settings struct {
	Runtimes       map[string]Runtime
	DefaultRuntime string
	UsernsRemap    bool
}

// Runtime is a runtime in daemon.json and in the API.
type Runtime struct {
	Path string   `json:"path"`
	Args []string `json:"runtimeArgs,omitempty"`
}

// Container is a container, which runs if it has a PID.
type Container struct {
	ID, Name, Runtime string
	PID               int
	// Given is what else it was created with: parts of HostConfig as the API has them. Mounts are those of the
	// whole container.
	Given  map[string]any
	Mounts []map[string]any
}

// Host is a Dockerd with settings and containers.
type Host struct {
	*Dockerd

	mu sync.Mutex // held while a request is answered and by Load
	Settings
	Containers []Container
}

// NewHost starts a Host like a new Docker 26.1, with runc only.
func NewHost(t testing.TB) *Host {
	t.Helper()
	h := &Host{Settings: fresh()}
	h.Dockerd = NewWithSettings(t, func() (Settings, []Container) {
		h.mu.Lock()
		defer h.mu.Unlock()
		now := h.Settings
		now.Runtimes = maps.Clone(now.Runtimes)
		return now, slices.Clone(h.Containers)
	})
	return h
}

// fresh are the settings of a new Docker.
func fresh() Settings {
	return Settings{DefaultRuntime: "runc", Runtimes: map[string]Runtime{"runc": {Path: "runc"}}}
}

// Load reads daemon.json as dockerd does on SIGHUP: a text that it refuses changes
// nothing, and neither does a missing key.
func (h *Host) Load(path string) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = []byte("{}"), nil
	}
	if err != nil {
		return err
	}
	var file struct {
		Runtimes       map[string]Runtime `json:"runtimes"`
		DefaultRuntime string             `json:"default-runtime"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if file.Runtimes != nil {
		h.Runtimes = maps.Clone(file.Runtimes)
		h.Runtimes["runc"] = Runtime{Path: "runc"}
	}
	if file.DefaultRuntime != "" {
		h.DefaultRuntime = file.DefaultRuntime
	}
	return nil
}

type object = map[string]any

// running are the containers that run.
func running(containers []Container) []Container {
	return slices.DeleteFunc(slices.Clone(containers), func(c Container) bool { return c.PID == 0 })
}

// NewWithSettings starts a Dockerd that answers with the settings and containers
// that now returns.
func NewWithSettings(t testing.TB, now func() (Settings, []Container)) *Dockerd {
	t.Helper()
	d := New(t, 24, 45)
	d.AnswerJSON("/info", func(*http.Request) any {
		settings, containers := now()
		info := object{
			"ServerVersion": "26.1.5", "OSType": "linux", "Architecture": "x86_64", "CgroupDriver": "cgroupfs",
			"DockerRootDir": "/var/lib/docker", "Driver": "overlay2", "ContainersRunning": len(running(containers)),
			"DefaultRuntime": settings.DefaultRuntime, "Runtimes": settings.Runtimes,
		}
		if settings.UsernsRemap {
			info["SecurityOptions"] = []string{"name=userns"}
		}
		return info
	})
	d.AnswerJSON("/containers/json", func(r *http.Request) any {
		list := []object{}
		_, containers := now()
		if r.URL.Query().Get("all") == "" {
			containers = running(containers)
		} else if r.URL.Query().Get("filters") != "" { // those that have ended: none
			containers = nil
		}
		for _, c := range containers {
			list = append(list, object{"Id": c.ID, "Names": []string{"/" + c.Name}, "State": "running"})
		}
		return list
	})
	d.AnswerJSON("/containers/{id}/json", func(r *http.Request) any {
		_, containers := now()
		for _, c := range containers {
			if id := r.PathValue("id"); c.ID == id || c.Name == id {
				status := "created"
				if c.PID > 0 {
					status = "running"
				}
				given := object{"Runtime": c.Runtime}
				maps.Copy(given, c.Given)
				return object{
					"Id": c.ID, "Name": "/" + c.Name, "Image": "sha256:0",
					"State":      object{"Status": status, "Running": c.PID > 0, "Pid": c.PID, "StartedAt": "2026-09-14T12:00:00Z"},
					"HostConfig": given, "Mounts": c.Mounts,
					"Config": object{"Image": "busybox"},
				}
			}
		}
		return object{"message": "no such container"}
	})
	return d
}
