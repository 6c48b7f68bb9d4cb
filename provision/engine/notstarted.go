package engine

import (
	"context"
	"slices"
	"strings"

	"runsc-provisioner/pattern"
)

// maxStopped is how many stopped containers NotStarted looks at. dockerd lists the newest first.
const maxStopped = 1000

// NotStarted is a container that stays down although its restart policy starts it: dockerd did not find its
// runtime when it tried, and does not try again.
type NotStarted struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Runtime string `json:"runtime"`
}

// NotStarted lists the containers that dockerd did not start because it did not find their runtime, by name.
// partial is true if some stopped containers were not looked at: there are more than 1000, or dockerd's
// answer about one is unusable.
func (c *Client) NotStarted(ctx context.Context) (down []NotStarted, partial bool, err error) {
	down, partial, err = c.notStarted(ctx)
	return down, partial, c.withAct(ctx, "list stopped containers", err)
}

func (c *Client) notStarted(ctx context.Context) (down []NotStarted, partial bool, err error) {
	if err := c.agree(ctx); err != nil {
		return nil, true, err
	}
	// The exit code is no filter: dockerd keeps that of the last run, or sets 128.
	list, err := c.list(ctx, `/containers/json?all=1&filters=%7B%22status%22%3A%7B%22exited%22%3Atrue%7D%7D`)
	if err != nil {
		return nil, true, err
	}
	partial = len(list) > maxStopped
	list = list[:min(len(list), maxStopped)]
	found := make([]NotStarted, len(list)) // ID is empty for any other container
	skipped := make([]bool, len(list))
	err = c.inspectEach(ctx, list, func(i int, said *inspection, unread error) {
		if skipped[i] = unread != nil; !skipped[i] && said.lacksRuntime() {
			found[i] = NotStarted{ID: said.ID, Name: strings.TrimPrefix(said.Name, "/"), Runtime: said.HostConfig.Runtime}
		}
	})
	if err != nil {
		return nil, true, err
	}
	down = slices.DeleteFunc(found, func(one NotStarted) bool { return one.ID == "" })
	slices.SortFunc(down, func(a, b NotStarted) int { return strings.Compare(a.Name, b.Name) })
	return down, partial || slices.Contains(skipped, true), nil
}

// missingProgram is what containerd's shim says if the runtime's program is missing. What the runtime itself
// says of a program in the image does not have the first part.
var missingProgram = pattern.Lazy(`unable to retrieve OCI runtime error .*: fork/exec \S+: no such file or directory`)

// lacksRuntime reports whether dockerd's last try to start the container ended because it did not find its
// runtime: it did not know the name, or the program was missing. A start that succeeds clears the error. The
// texts of an unknown name are those of 20.10 ("runtime not found in config") and of later versions
// ("unknown or invalid runtime name"), seen on 20.10, 24.0, 26.1 and a beta of 29.
func (i *inspection) lacksRuntime() bool {
	switch i.HostConfig.RestartPolicy.Name {
	case "always", "unless-stopped", "on-failure":
	default:
		return false
	}
	if i.State.Status != "exited" {
		return false
	}
	for _, text := range []string{"unknown or invalid runtime name: ", "runtime not found in config: "} {
		if strings.Contains(i.State.Error, text+i.HostConfig.Runtime) {
			return true
		}
	}
	return missingProgram().MatchString(i.State.Error)
}
