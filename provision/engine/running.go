package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// listed is the needed part of an entry in the list of containers. moby's own
// type keeps all labels in memory.
type listed struct {
	ID     string `json:"Id"`
	Names  []string
	SizeRw int64 // only if asked for
}

func (l listed) name() string {
	return strings.TrimPrefix(slices.Concat(l.Names, []string{""})[0], "/")
}

// runningPath is the list of the containers that run or are paused.
const runningPath = "/containers/json"

// list reads the list of containers at path. Call agree first.
func (c *Client) list(ctx context.Context, path string) ([]listed, error) {
	var list []listed
	found, err := c.request(ctx, path, func(answer *json.Decoder) error {
		if token, err := answer.Token(); err != nil || token != json.Delim('[') {
			return cmp.Or(err, errors.New("the answer is not a list"))
		}
		for answer.More() {
			var item listed
			if err := answer.Decode(&item); err != nil {
				return err
			}
			if len(list) == maxContainers {
				return fmt.Errorf("more containers than the limit of %d", maxContainers)
			}
			list = append(list, item)
		}
		_, err := answer.Token()
		return err
	})
	if err == nil && !found {
		err = errors.New("404 Not Found: " + path)
	}
	return list, err
}

// Names lists the names of the containers that run or are paused, sorted.
func (c *Client) Names(ctx context.Context) ([]string, error) {
	if err := c.agree(ctx); err != nil {
		return nil, c.withAct(ctx, "list containers", err)
	}
	list, err := c.list(ctx, runningPath)
	if err != nil {
		return nil, c.withAct(ctx, "list containers", err)
	}
	names := make([]string, 0, len(list))
	for _, item := range list {
		names = append(names, cmp.Or(item.name(), item.ID))
	}
	slices.Sort(names)
	return names, nil
}
