package evidence

import (
	"encoding/json"

	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/state"
	"runsc-provisioner/verify"
)

// AddEarlier adds to each runtime the files that its name led to before this program changed the daemon.json
// at path, according to the record. before may be nil.
func AddEarlier(runtimes map[string]verify.Runtime, before *state.Before, path string) {
	if before == nil {
		return
	}
	for name, runtime := range runtimes {
		var was struct {
			Path string `json:"path"`
		}
		key := before.Files[path].Keys[config.RuntimeItem(name)]
		if !key.Present || json.Unmarshal([]byte(key.Value), &was) != nil || was.Path == runtime.Path {
			continue
		}
		runtime.Earlier = verify.FilesOf(was.Path)
		runtimes[name] = runtime
	}
}
