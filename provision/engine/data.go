package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/moby/moby/client"
)

// Data is what dockerd has below its data root.
type Data struct {
	Images     []Image
	Containers []StoredContainer
	Volumes    []Volume
	Networks   []string // without those that dockerd makes itself
	// LayersSize is the size of all images in bytes; shared layers count once.
	LayersSize int64
}

// Image is an image, perhaps an untagged one.
type Image struct {
	ID    string   // "sha256:…"
	Tags  []string // empty if another image took its name
	Bytes int64    // unpacked, including layers shared with other images
}

// Name returns the image's tags, or its ID if it has none.
func (i Image) Name() string {
	if len(i.Tags) == 0 {
		return i.ID
	}
	return strings.Join(i.Tags, ", ")
}

// refs returns the references that save the image with all its names.
func (i Image) refs() []string {
	if len(i.Tags) == 0 {
		return []string{i.ID}
	}
	return i.Tags
}

// Volume is a volume.
type Volume struct {
	Name       string
	Driver     string
	Mountpoint string // on the host
	Mounts     bool   // it has options: something else is mounted there while it is used
}

// Data lists what dockerd has. It omits a container that is removed meanwhile.
func (c *Client) Data(ctx context.Context) (Data, error) {
	data, err := c.data(ctx)
	return data, c.withAct(ctx, "list the contents of the data root", err)
}

func (c *Client) data(ctx context.Context) (data Data, err error) {
	if err := c.agree(ctx); err != nil {
		return Data{}, err
	}
	if data.Images, err = c.images(ctx); err != nil {
		return Data{}, err
	}
	if data.Containers, _, err = c.stored(ctx, maxContainers, true); err != nil {
		return Data{}, err
	}
	for _, one := range data.Containers {
		if one.Unread != nil {
			return Data{}, fmt.Errorf("inspect container %s: %w", one.ID, one.Unread)
		}
	}
	volumes, err := c.moby.VolumeList(ctx, client.VolumeListOptions{})
	if err != nil {
		return Data{}, err
	}
	for _, v := range volumes.Items {
		data.Volumes = append(data.Volumes, Volume{v.Name, v.Driver, v.Mountpoint, len(v.Options) > 0})
	}
	slices.SortFunc(data.Volumes, func(a, b Volume) int { return strings.Compare(a.Name, b.Name) })
	networks, err := c.moby.NetworkList(ctx, client.NetworkListOptions{})
	if err != nil {
		return Data{}, err
	}
	for _, n := range networks.Items {
		if n.Name != "bridge" && n.Name != "host" && n.Name != "none" {
			data.Networks = append(data.Networks, n.Name)
		}
	}
	slices.Sort(data.Networks)
	if len(data.Images) == 0 {
		return data, nil
	}
	if data.LayersSize, err = c.layersSize(ctx); err != nil {
		return Data{}, err
	}
	if data.LayersSize == 0 { // another version may name it differently
		for _, image := range data.Images {
			data.LayersSize += image.Bytes
		}
	}
	return data, nil
}

// Images lists the images.
func (c *Client) Images(ctx context.Context) ([]Image, error) {
	if err := c.agree(ctx); err != nil {
		return nil, c.withAct(ctx, "list images", err)
	}
	images, err := c.images(ctx)
	return images, c.withAct(ctx, "list images", err)
}

func (c *Client) images(ctx context.Context) ([]Image, error) {
	list, err := c.moby.ImageList(ctx, client.ImageListOptions{})
	if err != nil {
		return nil, err
	}
	images := make([]Image, 0, len(list.Items))
	for _, item := range list.Items {
		image := Image{ID: item.ID, Bytes: item.Size}
		for _, tag := range item.RepoTags {
			// 20.10 lists "<none>" for an image without a tag.
			if !strings.HasPrefix(tag, "<none>") {
				image.Tags = append(image.Tags, tag)
			}
		}
		images = append(images, image)
	}
	slices.SortFunc(images, func(a, b Image) int { return strings.Compare(a.Name(), b.Name()) })
	return images, nil
}

// layersSize asks for the disk usage. moby's client fits the answer of either
// old or new versions, not both.
func (c *Client) layersSize(ctx context.Context) (int64, error) {
	var said struct {
		LayersSize int64 // up to API 1.51
		ImageUsage struct{ TotalSize int64 }
	}
	const path = "/system/df?type=image"
	found, err := c.get(ctx, path, &said)
	if err == nil && !found {
		err = errors.New("404 Not Found: " + path)
	}
	if err != nil {
		return 0, err
	}
	return max(said.LayersSize, said.ImageUsage.TotalSize), nil
}

// SaveImages writes images as one archive, with all their names. An archive of
// more than most bytes is an error.
func (c *Client) SaveImages(ctx context.Context, images []Image, w io.Writer, most int64) error {
	if err := c.agree(ctx); err != nil {
		return c.withAct(ctx, "save images", err)
	}
	var refs []string
	for _, image := range images {
		refs = append(refs, image.refs()...)
	}
	answer, err := c.moby.ImageSave(ctx, refs)
	if err != nil {
		return c.withAct(ctx, "save images", err)
	}
	defer answer.Close()
	n, err := io.Copy(w, io.LimitReader(answer, most+1))
	if err == nil && n > most {
		err = errTooLarge
	}
	return c.withAct(ctx, "save images", err)
}

// LoadImages reads an archive of SaveImages. It returns an error that dockerd
// reports anywhere in its answer.
func (c *Client) LoadImages(ctx context.Context, r io.Reader) error {
	if err := c.agree(ctx); err != nil {
		return c.withAct(ctx, "load images", err)
	}
	answer, err := c.moby.ImageLoad(ctx, r, client.ImageLoadWithQuiet(true))
	if err != nil {
		return c.withAct(ctx, "load images", err)
	}
	defer answer.Close()
	decoder := json.NewDecoder(answer)
	for {
		var line struct {
			Error string `json:"error"`
		}
		err := decoder.Decode(&line)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil && line.Error != "" {
			err = errors.New(line.Error)
		}
		if err != nil {
			return c.withAct(ctx, "load images", err)
		}
	}
}
