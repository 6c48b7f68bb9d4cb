package trial

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/moby/moby/api/types/build"
	"github.com/moby/moby/client"

	"runsc-provisioner/provision/engine"
)

// maxBuildAnswer limits dockerd's answer to a build in bytes. That of one step has about 10 KiB.
const maxBuildAnswer = 4 << 20

// A Build is an image of Init and Files, from which BuildKit builds others.
type Build struct {
	dockerd *engine.Client
	moby    *client.Client
	spec    Spec
}

// StartBuild makes the image. It takes the name from s, and nothing else than Init and Files. The caller must End
// the Build. After an error, a *Error, the image is removed again, as far as possible.
func StartBuild(ctx context.Context, c *engine.Client, s Spec) (*Build, error) {
	if !validName().MatchString(s.Name) {
		return nil, &Error{Act: "import", Err: fmt.Errorf("%q is not a trial's name", s.Name)}
	}
	moby, err := c.Moby(ctx)
	if err != nil {
		return nil, &Error{Act: "import", Err: err}
	}
	b := &Build{c, moby, s}
	if err := importInit(ctx, moby, s); err != nil {
		return nil, errors.Join(&Error{Act: "import", Err: err}, b.End(ctx))
	}
	return b, nil
}

// RunStep has BuildKit build an image with one step, which runs /init with args and without a network. The image takes the
// name of the trial's. The end of ctx cancels the build. The Output of a *Error is what this program's own lines
// in the output of the step say.
func (b *Build) RunStep(ctx context.Context, args ...string) error {
	step, err := json.Marshal(append([]string{"/init"}, args...))
	if err != nil {
		return err
	}
	answer, err := b.moby.ImageBuild(ctx, dockerfile("FROM "+b.spec.Name+"\nRUN "+string(step)+"\n"), client.ImageBuildOptions{
		Version: build.BuilderBuildKit, Tags: []string{b.spec.Name}, NetworkMode: "none", NoCache: true, Remove: true,
	})
	if err != nil {
		return &Error{Act: "build", Err: err}
	}
	defer answer.Body.Close()
	if said, err := buildResult(io.LimitReader(answer.Body, maxBuildAnswer)); err != nil {
		return &Error{Act: "build", Err: err, Output: said}
	}
	return ctx.Err()
}

// dockerfile is the context of a build: only a Dockerfile.
func dockerfile(text string) io.Reader {
	var into bytes.Buffer
	archive := tar.NewWriter(&into)
	err := archive.WriteHeader(&tar.Header{Name: "Dockerfile", Mode: 0o644, Size: int64(len(text))})
	if err == nil {
		_, err = io.WriteString(archive, text)
	}
	if err = errors.Join(err, archive.Close()); err != nil {
		panic(err) // a buffer takes everything
	}
	return &into
}

// ownLine finds what this program says in the output of a step.
var ownLine = regexp.MustCompile(`runsc-provisioner: [^\x00-\x1f]+`)

// buildResult reads dockerd's messages. BuildKit's have a message of protobuf, from which only the lines of this program
// are taken: a step that fails says there why.
func buildResult(answer io.Reader) (said string, err error) {
	messages := json.NewDecoder(answer)
	var lines []string
	built := false
	for {
		var message struct {
			ID    string
			Aux   json.RawMessage
			Error string
		}
		switch err := messages.Decode(&message); {
		case errors.Is(err, io.EOF) && !built:
			return strings.Join(lines, "\n"), errors.New("dockerd reports no new image")
		case errors.Is(err, io.EOF):
			return "", nil
		case err != nil:
			return strings.Join(lines, "\n"), err
		case message.Error != "":
			return strings.Join(lines, "\n"), errors.New(message.Error)
		}
		var trace []byte
		if message.ID == "moby.buildkit.trace" && json.Unmarshal(message.Aux, &trace) == nil {
			for _, line := range ownLine.FindAll(trace, -1) {
				lines = append(lines, string(line))
			}
		}
		built = built || message.ID == "moby.image.id"
	}
}

// CreateUnstarted makes a container of the image that the last RunStep has built, which is never started.
func (b *Build) CreateUnstarted(ctx context.Context) (*Trial, error) {
	s := b.spec
	s.Runtime = "" // any: nothing runs
	id, err := createContainer(ctx, b.moby, s)
	if err != nil {
		return nil, &Error{Act: "create", Err: err}
	}
	t := &Trial{name: s.Name, dockerd: b.dockerd, moby: b.moby, output: newOutput()}
	t.ID = id
	return t, nil
}

// End removes the containers and images of the trial, even after ctx has ended. It also removes what BuildKit remembers
// of its steps, as far as dockerd lets it: what is left, BuildKit's own garbage collection removes.
func (b *Build) End(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), clearWithin)
	defer cancel()
	if err := clearAll(ctx, b.dockerd, b.spec.Name); err != nil {
		return &Error{Act: "remove", Err: err}
	}
	b.forgetSteps(ctx)
	return nil
}

// forgetSteps removes the records of BuildKit's cache that name the trial, and then those that they are made from: these
// keep the layers of its image.
func (b *Build) forgetSteps(ctx context.Context) {
	records, err := b.dockerd.BuildCache(ctx)
	if err != nil {
		return
	}
	var steps, parents []string
	for _, record := range records {
		if strings.Contains(record.Description, b.spec.Name) {
			steps, parents = append(steps, record.ID), append(parents, record.Parents...)
		}
	}
	for _, id := range append(steps, parents...) {
		// A record that something else uses stays, and is no error.
		_, _ = b.moby.BuildCachePrune(ctx, client.BuildCachePruneOptions{All: true, Filters: make(client.Filters).Add("id", id)})
	}
}
