package trial

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// Change is one difference between a container's root file system and its
// image, as `docker diff` shows it.
type Change struct {
	Kind byte // 'A' added, 'C' changed, 'D' deleted
	Path string
}

func (c Change) String() string { return fmt.Sprintf("%c %s", c.Kind, c.Path) }

// Changes returns the trial's changes, as `docker diff` shows them now.
// supported is false if dockerd says that its storage cannot list changes.
func (t *Trial) Changes(ctx context.Context) (changes []Change, supported bool, err error) {
	answer, err := t.moby.ContainerDiff(ctx, t.ID, client.ContainerDiffOptions{})
	if errdefs.IsNotImplemented(err) && ctx.Err() == nil {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, t.failed(ctx, "diff", err)
	}
	kinds := map[container.ChangeType]byte{container.ChangeModify: 'C', container.ChangeAdd: 'A', container.ChangeDelete: 'D'}
	for _, one := range answer.Changes {
		kind, ok := kinds[one.Kind]
		if !ok {
			return nil, false, t.failed(ctx, "diff", fmt.Errorf("%q has a change of unknown kind %d", one.Path, one.Kind))
		}
		changes = append(changes, Change{kind, one.Path})
	}
	return changes, true, nil
}

// Files returns the files in and below a directory of the trial, by path, as
// `docker cp` returns them now. It omits directories. A file that is not a
// regular one has no content.
func (t *Trial) Files(ctx context.Context, dir string) (map[string][]byte, error) {
	answer, err := t.moby.CopyFromContainer(ctx, t.ID, client.CopyFromContainerOptions{SourcePath: dir})
	if err != nil {
		return nil, t.failed(ctx, "copy", err)
	}
	defer answer.Content.Close()
	files := map[string][]byte{}
	archive := tar.NewReader(answer.Content)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, t.failed(ctx, "copy", err)
		}
		if header.Typeflag == tar.TypeDir {
			continue
		}
		// The transport limits the size.
		content, err := io.ReadAll(archive)
		if err != nil {
			return nil, t.failed(ctx, "copy", err)
		}
		// Names begin with the last part of the directory's path.
		files[path.Join(path.Dir(dir), header.Name)] = content
	}
}

// Has reports whether `docker cp` finds something at a path of the trial.
func (t *Trial) Has(ctx context.Context, path string) (bool, error) {
	_, err := t.moby.ContainerStatPath(ctx, t.ID, client.ContainerStatPathOptions{Path: path})
	if errdefs.IsNotFound(err) && ctx.Err() == nil {
		return false, nil
	}
	if err != nil {
		return false, t.failed(ctx, "copy", err)
	}
	return true, nil
}
