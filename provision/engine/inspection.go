package engine

import (
	"encoding/json"
	"errors"
	"fmt"
)

// inspection is the part of GET /containers/ID/json that is needed. moby's own
// type is not used: it refuses the whole answer for one address that it cannot
// parse, and dockerd (20.10 and 26.1) runs containers whose port bindings name
// "localhost" or 010.0.0.1. One such container would hide all others.
type inspection struct {
	ID      string `json:"Id"`
	Name    string
	Image   string
	Created string
	State   *struct {
		Status  string
		Running bool
		// Restarting is between two starts that dockerd makes by itself.
		Restarting bool
		Pid        int
		StartedAt  string
	}
	HostConfig *hostConfig
	Mounts     []struct {
		Type, Name, Driver, Source, Destination string
		RW                                      bool
	}
	Config *struct {
		Image  string
		Labels labels
	}
	// cut says that the answer was too long, and what is missing is not about how
	// the container runs or what it was given.
	cut bool
}

// labels are as many as an image has, which may be any number.
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

// unneeded is read over.
type unneeded struct{}

func (*unneeded) UnmarshalJSON([]byte) error { return nil }

// read takes an answer part by part. dockerd writes how the container runs and
// what it was given (State, HostConfig, Mounts) before what its image says
// (Config), which anybody may have made too long: up to there it is of use.
func (i *inspection) read(answer *json.Decoder) error {
	parts := map[string]any{
		"Id": &i.ID, "Name": &i.Name, "Image": &i.Image, "Created": &i.Created,
		"State": &i.State, "HostConfig": &i.HostConfig, "Mounts": &i.Mounts, "Config": &i.Config,
	}
	seen := map[string]bool{}
	err := eachPart(answer, func(name string) error {
		into, known := parts[name]
		if !known {
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

// eachPart calls part before each value of an object, for it to be decoded.
func eachPart(answer *json.Decoder, part func(name string) error) error {
	token, err := answer.Token()
	if err != nil {
		return err
	}
	if token != json.Delim('{') {
		return fmt.Errorf("the answer is no object but begins with %v", token)
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

// hostConfig is what a container was asked to be given of the host.
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
