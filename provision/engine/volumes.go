package engine

import (
	"context"
	"errors"
)

// localDriver is dockerd's own volume driver. Volumes of other drivers are not
// looked at.
const localDriver = "local"

// VolumeOptions returns the options of the volumes of the driver "local", by
// name. A volume with options is a mount of something else while it is used.
func (c *Client) VolumeOptions(ctx context.Context) (map[string]map[string]string, error) {
	options, err := c.volumeOptions(ctx)
	return options, c.withAct(ctx, "list volumes", err)
}

func (c *Client) volumeOptions(ctx context.Context) (map[string]map[string]string, error) {
	if err := c.agree(ctx); err != nil {
		return nil, err
	}
	var said struct {
		Volumes []struct {
			Name, Driver string
			Options      map[string]string
		}
	}
	found, err := c.get(ctx, "/volumes", &said)
	if err == nil && !found {
		err = errors.New("404 Not Found: /volumes")
	}
	if err != nil {
		return nil, err
	}
	options := map[string]map[string]string{}
	for _, v := range said.Volumes {
		if v.Driver == localDriver {
			options[v.Name] = v.Options
		}
	}
	return options, nil
}
