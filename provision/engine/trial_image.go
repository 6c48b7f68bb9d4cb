package engine

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/moby/moby/client"
)

// importInit makes an image called as the trial from its one file. The archive
// is made while dockerd reads it.
func importInit(ctx context.Context, moby *client.Client, s TrialSpec) error {
	file, err := openRegular(s.Init)
	if err != nil {
		return err
	}
	defer file.Close()
	archive, into := io.Pipe()
	written := make(chan struct{})
	go func() {
		defer close(written)
		into.CloseWithError(writeArchive(ctx, into, file))
	}()
	// The writer must have ended before the file is closed.
	defer func() { archive.Close(); <-written }()

	late, cancel := outlast(ctx)
	defer cancel()
	answer, err := moby.ImageImport(late, client.ImageImportSource{Source: archive, SourceName: "-"}, s.Name,
		client.ImageImportOptions{Changes: []string{"LABEL " + trialLabel + "=" + s.Name}})
	if err != nil {
		return err
	}
	defer answer.Close()
	if err := importResult(answer); err != nil {
		return err
	}
	return ctx.Err()
}

func openRegular(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // a FIFO would block
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	return os.Open(path)
}

// writeArchive writes a tar of the file as /init. It breaks off with ctx only
// while the file is not all written: of such an archive dockerd makes nothing,
// but one without its last bytes is good enough for it.
func writeArchive(ctx context.Context, into io.Writer, file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	archive := tar.NewWriter(into)
	header := &tar.Header{Typeflag: tar.TypeReg, Name: "init", Mode: 0o755, Size: info.Size(), ModTime: info.ModTime()}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	if _, err := io.CopyN(archive, while{ctx, file}, info.Size()); err != nil {
		return fmt.Errorf("read %s: %w", file.Name(), err)
	}
	return archive.Close()
}

// while reads until its context ends.
type while struct {
	ctx context.Context
	io.Reader
}

func (w while) Read(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.Reader.Read(p)
}

// importResult reads dockerd's progress, one message a line, in which also an
// error may come after the status has promised none.
func importResult(answer io.Reader) error {
	messages := json.NewDecoder(answer)
	imported := false
	for {
		var message struct{ Status, Error string }
		err := messages.Decode(&message)
		switch {
		case errors.Is(err, io.EOF) && imported:
			return nil
		case errors.Is(err, io.EOF):
			return errors.New("dockerd names no image that it made")
		case err != nil:
			return err
		case message.Error != "":
			return errors.New(message.Error)
		}
		imported = imported || message.Status != ""
	}
}
