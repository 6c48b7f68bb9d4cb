package engine

import (
	"context"
	"slices"
)

// BuildRecord is a record of BuildKit's cache in dockerd.
type BuildRecord struct {
	ID          string
	Description string   // what BuildKit did, such as the command of a step
	Parents     []string // the IDs of the records that it is made from
}

// BuildCache lists the records of BuildKit's cache, in no order.
func (c *Client) BuildCache(ctx context.Context) ([]BuildRecord, error) {
	if err := c.agree(ctx); err != nil {
		return nil, c.withAct(ctx, "list the build cache", err)
	}
	var usage struct {
		BuildCache []struct {
			ID          string
			Description string
			Parent      string   // before API 1.42
			Parents     []string `json:" Parents"` // dockerd's own name for it, with a blank
		}
	}
	if _, err := c.get(ctx, "/system/df?type=build-cache", &usage); err != nil {
		return nil, c.withAct(ctx, "list the build cache", err)
	}
	var records []BuildRecord
	for _, record := range usage.BuildCache {
		parents := slices.DeleteFunc(append(record.Parents, record.Parent), func(id string) bool { return id == "" })
		records = append(records, BuildRecord{record.ID, record.Description, parents})
	}
	return records, nil
}
