package lab

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// ReleaseTree is the name of the release tree for Prepare.
const ReleaseTree = "releases"

// Prepare makes what the cache lacks for the names, each a suite or
// ReleaseTree, in parallel, and what every host needs.
func (c *Cache) Prepare(ctx context.Context, names ...string) error {
	for _, name := range names {
		if name != ReleaseTree {
			if err := checkSuite(name); err != nil {
				return fmt.Errorf("prepare lab: %w", err)
			}
		}
	}
	if err := possible(); err != nil {
		return fmt.Errorf("prepare lab: %w", err)
	}
	if err := c.installTools(ctx); err != nil {
		return err
	}
	jobs := []func(context.Context) (string, error){c.authority, c.image}
	for _, name := range names {
		if name == ReleaseTree {
			jobs = append(jobs, c.Releases)
			continue
		}
		jobs = append(jobs, func(ctx context.Context) (string, error) { return c.Root(ctx, name) })
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	errs := make([]error, len(jobs))
	var wg sync.WaitGroup
	for i, job := range jobs {
		wg.Go(func() {
			if _, errs[i] = job(ctx); errs[i] != nil {
				cancel(errs[i]) // so that the others do not go on for minutes
			}
		})
	}
	wg.Wait()
	if errors.Join(errs...) == nil {
		return nil
	}
	return fmt.Errorf("prepare lab: %w", context.Cause(ctx))
}
