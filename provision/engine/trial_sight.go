package engine

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
// image, as `docker diff` has it.
type Change struct {
	Kind byte // 'A' added, 'C' changed, 'D' deleted
	Path string
}

func (c Change) String() string { return fmt.Sprintf("%c %s", c.Kind, c.Path) }

// Changes are those of the trial, as `docker diff` shows them now. told is
// false where dockerd says that its store cannot tell them.
func (t *Trial) Changes(ctx context.Context) (changes []Change, told bool, err error) {
	answer, err := t.client.moby.ContainerDiff(ctx, t.ID, client.ContainerDiffOptions{})
	if errdefs.IsNotImplemented(err) && ctx.Err() == nil {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, t.failed(ctx, "diff", err)
	}
	kinds := map[container.ChangeType]byte{container.ChangeModify: 'C', container.ChangeAdd: 'A', container.ChangeDelete: 'D'}
	for _, one := range answer.Changes {
		kind, known := kinds[one.Kind]
		if !known {
			return nil, false, t.failed(ctx, "diff", fmt.Errorf("%q has changed in the unknown way %d", one.Path, one.Kind))
		}
		changes = append(changes, Change{kind, one.Path})
	}
	return changes, true, nil
}

// Files are those in a directory of the trial and below, by their paths, as
// `docker cp` gives them now. Directories are left out, and what is no regular
// file has no content.
func (t *Trial) Files(ctx context.Context, dir string) (map[string][]byte, error) {
	answer, err := t.client.moby.CopyFromContainer(ctx, t.ID, client.CopyFromContainerOptions{SourcePath: dir})
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
		// The transport limits how much it is.
		content, err := io.ReadAll(archive)
		if err != nil {
			return nil, t.failed(ctx, "copy", err)
		}
		// The names begin with the last part of the directory's.
		files[path.Join(path.Dir(dir), header.Name)] = content
	}
}

// Has says whether `docker cp` finds something at a path of the trial.
func (t *Trial) Has(ctx context.Context, path string) (bool, error) {
	_, err := t.client.moby.ContainerStatPath(ctx, t.ID, client.ContainerStatPathOptions{Path: path})
	if errdefs.IsNotFound(err) && ctx.Err() == nil {
		return false, nil
	}
	if err != nil {
		return false, t.failed(ctx, "copy", err)
	}
	return true, nil
}
