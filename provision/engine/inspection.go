package engine

import (
	"encoding/json"
	"errors"
	"fmt"
)

// inspection is the needed part of GET /containers/ID/json. moby's own type
// refuses the whole answer for one address that it cannot parse, but dockerd
// (20.10 and 26.1) runs containers with port bindings on "localhost" or
// 010.0.0.1. One such container would hide all others.
type inspection struct {
	ID      string `json:"Id"`
	Name    string
	Image   string
	Created string
	State   *struct {
		Status  string
		Running bool
		// Restarting means that dockerd is about to start it again.
		Restarting bool
		Pid        int
		Error      string // why dockerd's last try to start it failed
	}
	HostConfig *hostConfig
	Mounts     []struct {
		Type, Name, Driver, Source, Destination string
		RW                                      bool
	}
	// GraphDriver names the directories of an overlay2. It is empty with containerd's store.
	GraphDriver struct {
		Data struct{ UpperDir, LowerDir string }
	}
	Config *struct {
		Image  string
		Labels labels
	}
	NetworkSettings struct{ Networks map[string]struct{} }
	// cut means that the answer was too long. The missing part does not concern
	// how the container runs or what it was given.
	cut bool
}

// labels come from an image too, which may have any number of them.
type labels struct {
	all map[string]string
	cut bool
}

func (l *labels) UnmarshalJSON(text []byte) error {
	if l.cut = len(text) > maxLabels; l.cut {
		return nil
	}
	return json.Unmarshal(text, &l.all)
}

// unneeded skips a value.
type unneeded struct{}

func (*unneeded) UnmarshalJSON([]byte) error { return nil }

// read decodes an answer part by part. dockerd writes how the container runs
// and what it was given (State, HostConfig, Mounts) before what its image says
// (Config). Any image author can make Config too long; the parts before it stay
// usable.
func (i *inspection) read(answer *json.Decoder) error {
	parts := map[string]any{
		"Id": &i.ID, "Name": &i.Name, "Image": &i.Image, "Created": &i.Created,
		"State": &i.State, "HostConfig": &i.HostConfig, "Mounts": &i.Mounts, "Config": &i.Config,
		"GraphDriver": &i.GraphDriver, "NetworkSettings": &i.NetworkSettings,
	}
	seen := map[string]bool{}
	err := eachPart(answer, func(name string) error {
		into, needed := parts[name]
		if !needed {
			into = &unneeded{}
		}
		if err := answer.Decode(into); err != nil {
			return err
		}
		seen[name] = true
		return nil
	})
	if errors.Is(err, errTooLarge) && seen["Id"] && seen["Name"] && seen["State"] && seen["HostConfig"] && seen["Mounts"] {
		i.cut = true
		return nil
	}
	return err
}

// eachPart calls part for each key of an object; part decodes the value.
func eachPart(answer *json.Decoder, part func(name string) error) error {
	token, err := answer.Token()
	if err != nil {
		return err
	}
	if token != json.Delim('{') {
		return fmt.Errorf("the answer is not an object but begins with %v", token)
	}
	for answer.More() {
		name, err := answer.Token()
		if err != nil {
			return err
		}
		if err := part(fmt.Sprint(name)); err != nil {
			return err
		}
	}
	_, err = answer.Token()
	return err
}

// hostConfig is what the container's creator asked for from the host.
type hostConfig struct {
	Runtime           string
	Privileged        bool
	UsernsMode        string
	NetworkMode       string
	PidMode           string
	IpcMode           string
	UTSMode           string
	CgroupnsMode      string
	CapAdd            []string
	SecurityOpt       []string
	MaskedPaths       []string
	ReadonlyPaths     []string
	Devices           []struct{ PathOnHost, PathInContainer string }
	DeviceCgroupRules []string
	DeviceRequests    []deviceRequest
	Annotations       map[string]string
	Sysctls           map[string]string
	RestartPolicy     struct{ Name string }
	Mounts            []struct {
		Target        string
		VolumeOptions *struct {
			DriverConfig *struct{ Options map[string]string }
		}
	}
}

type deviceRequest struct {
	Driver    string
	Count     int // -1 is all
	DeviceIDs []string
}
