package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// dockerAPI calls dockerd's API like programs that do not use the docker command, such as CinCan's.
type dockerAPI struct{ *client.Client }

func (h host) dockerAPI() dockerAPI {
	h.t.Helper()
	moby, err := client.New(client.WithHost("unix://" + h.Path("/run/docker.sock")))
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { moby.Close() })
	return dockerAPI{moby}
}

// create creates a container from an image under a runtime.
func (d dockerAPI) create(ctx context.Context, runtime, image string, mounts []string, argv ...string) (string, error) {
	made, err := d.ContainerCreate(ctx, client.ContainerCreateOptions{
		Config:     &container.Config{Image: image, Cmd: argv, OpenStdin: true, StdinOnce: true},
		HostConfig: &container.HostConfig{Runtime: runtime, Binds: mounts},
	})
	return made.ID, err
}

func (d dockerAPI) start(ctx context.Context, id string) error {
	_, err := d.ContainerStart(ctx, id, client.ContainerStartOptions{})
	return err
}

// run starts a created container, gives it input, and returns its output once it has exited with 0.
func (d dockerAPI) run(ctx context.Context, id string, input []byte) (string, error) {
	stream, err := d.ContainerAttach(ctx, id, client.ContainerAttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
	if err != nil {
		return "", err
	}
	defer stream.Close()
	ended := d.ContainerWait(ctx, id, client.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
	if err := d.start(ctx, id); err != nil {
		return "", err
	}
	if _, err := stream.Conn.Write(input); err != nil {
		return "", fmt.Errorf("write to %s: %w", id, err)
	}
	if err := stream.CloseWrite(); err != nil {
		return "", fmt.Errorf("write to %s: %w", id, err)
	}
	var said, complained bytes.Buffer
	if _, err := stdcopy.StdCopy(&said, &complained, stream.Reader); err != nil {
		return "", fmt.Errorf("read from %s: %w", id, err)
	}
	select {
	case end := <-ended.Result:
		if end.StatusCode != 0 {
			return "", fmt.Errorf("exit %d: %s%s", end.StatusCode, said.String(), complained.String())
		}
		return said.String(), nil
	case err := <-ended.Error:
		return "", err
	}
}

// exec runs a program in a container until it ends or prints the line "ready".
func (d dockerAPI) exec(ctx context.Context, id string, argv ...string) (string, error) {
	made, err := d.ExecCreate(ctx, id, client.ExecCreateOptions{Cmd: argv, AttachStdout: true, AttachStderr: true})
	if err != nil {
		return "", err
	}
	stream, err := d.ExecAttach(ctx, made.ID, client.ExecAttachOptions{})
	if err != nil {
		return "", err
	}
	defer stream.Close()
	said := untilReady{cancel: stream.Close}
	if _, err := stdcopy.StdCopy(&said, &said, stream.Reader); err != nil && !said.ready {
		return "", fmt.Errorf("read from %s: %w", id, err)
	}
	if said.ready {
		return said.text.String(), nil
	}
	end, err := d.ExecInspect(ctx, made.ID, client.ExecInspectOptions{})
	if err == nil && end.ExitCode != 0 {
		err = fmt.Errorf("exit %d: %s", end.ExitCode, said.text.String())
	}
	return said.text.String(), err
}

// untilReady keeps the output of a program, and cancels after the line "ready".
type untilReady struct {
	text   bytes.Buffer
	ready  bool
	cancel func()
}

func (u *untilReady) Write(p []byte) (int, error) {
	u.text.Write(p)
	if strings.HasSuffix(u.text.String(), "ready\n") {
		u.ready = true
		u.cancel()
	}
	return len(p), nil
}

// put puts an archive into a container, and get reads one out of it.
func (d dockerAPI) put(ctx context.Context, id, dir string, archive []byte) error {
	_, err := d.CopyToContainer(ctx, id, client.CopyToContainerOptions{DestinationPath: dir, Content: bytes.NewReader(archive)})
	return err
}

func (d dockerAPI) get(ctx context.Context, id, name string) (fileTree, error) {
	got, err := d.CopyFromContainer(ctx, id, client.CopyFromContainerOptions{SourcePath: name})
	if err != nil {
		return nil, err
	}
	defer got.Content.Close()
	return readTar(got.Content)
}

// diff is what `docker diff` shows.
func (d dockerAPI) diff(ctx context.Context, id string) (fileTree, error) {
	got, err := d.ContainerDiff(ctx, id, client.ContainerDiffOptions{})
	if err != nil {
		return nil, err
	}
	seen := fileTree{}
	for _, change := range got.Changes {
		seen[change.Path] = change.Kind.String()
	}
	return seen, nil
}

func (d dockerAPI) export(ctx context.Context, id string) (fileTree, error) {
	got, err := d.ContainerExport(ctx, id, client.ContainerExportOptions{})
	if err != nil {
		return nil, err
	}
	defer got.Close()
	return readTar(got)
}

// image is the file system that containers of an image start with, and the command that they run.
func (d dockerAPI) image(ctx context.Context, image string) (fileTree, error) {
	info, err := d.ImageInspect(ctx, image)
	if err != nil {
		return nil, err
	}
	if info.Config == nil {
		return nil, errors.New("an image without a configuration")
	}
	config, err := json.Marshal(info.Config)
	if err != nil {
		return nil, err
	}
	id, err := d.create(ctx, "runc", image, nil, "true")
	if err != nil {
		return nil, err
	}
	seen, err := d.export(ctx, id)
	if err != nil {
		return nil, err
	}
	seen["configuration"] = fmt.Sprintf("%d layers, %s", len(info.RootFS.Layers), config)
	_, err = d.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true})
	return seen, err
}

// commit makes an image of a container.
func (d dockerAPI) commit(ctx context.Context, id string) (string, error) {
	made, err := d.ContainerCommit(ctx, id, client.ContainerCommitOptions{})
	return made.ID, err
}

func (d dockerAPI) stop(ctx context.Context, id string) error {
	seconds := 20
	_, err := d.ContainerStop(ctx, id, client.ContainerStopOptions{Timeout: &seconds})
	return err
}

func (d dockerAPI) restart(ctx context.Context, id string) error {
	seconds := 20
	_, err := d.ContainerRestart(ctx, id, client.ContainerRestartOptions{Timeout: &seconds})
	return err
}

// kill kills a container, and waits for its end.
func (d dockerAPI) kill(ctx context.Context, id string) error {
	ended := d.ContainerWait(ctx, id, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	if _, err := d.ContainerKill(ctx, id, client.ContainerKillOptions{Signal: "KILL"}); err != nil {
		return err
	}
	select {
	case <-ended.Result:
		return nil
	case err := <-ended.Error:
		return err
	}
}

// remove removes containers with their volumes.
func (d dockerAPI) remove(ctx context.Context, ids ...string) error {
	for _, id := range ids {
		if _, err := d.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true}); err != nil {
			return err
		}
	}
	return nil
}
