package trial

import (
	"context"
	"fmt"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"runsc-provisioner/provision/engine"
)

// createContainer makes the container. It sets every option that has a default in
// daemon.json that could keep it from starting: log driver, IPC mode, Docker's
// init. It sets no resource limits: a host without the controller refuses them.
func createContainer(ctx context.Context, moby *client.Client, s Spec) (id string, err error) {
	late, cancel := outlastContext(ctx)
	defer cancel()
	noInit := false
	created, err := moby.ContainerCreate(late, client.ContainerCreateOptions{
		Name: s.Name,
		Config: &container.Config{
			Image: s.Name, Entrypoint: []string{"/init"}, Cmd: s.Args, User: "0:0",
			// With StdinOnce the input ends when the attached client dies.
			AttachStdin: true, AttachStdout: true, AttachStderr: true, OpenStdin: true, StdinOnce: true,
		},
		HostConfig: &container.HostConfig{
			Runtime:       s.Runtime,
			AutoRemove:    true,
			CapDrop:       []string{"ALL"},
			SecurityOpt:   []string{"no-new-privileges"},
			NetworkMode:   "none",
			IpcMode:       container.IPCModePrivate,
			LogConfig:     container.LogConfig{Type: "none"},
			RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyDisabled},
			Init:          &noInit,
		},
	})
	if err != nil {
		return "", err
	}
	if !engine.IsContainerID(created.ID) {
		return "", fmt.Errorf("container ID %q is not 64 hex digits", created.ID)
	}
	return created.ID, ctx.Err()
}
