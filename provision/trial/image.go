package trial

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"time"

	"github.com/moby/moby/client"

	"runsc-provisioner/provision/durable"
)

// importInit makes an image with the trial's name from its files. It writes the
// archive while dockerd reads it.
func importInit(ctx context.Context, moby *client.Client, s Spec) error {
	file, err := durable.OpenRegular(s.Init)
	if err != nil {
		return err
	}
	defer file.Close()
	archive, into := io.Pipe()
	written := make(chan struct{})
	go func() {
		defer close(written)
		into.CloseWithError(writeArchive(ctx, into, file, s.Files))
	}()
	// The writer must end before the file is closed.
	defer func() { archive.Close(); <-written }()

	late, cancel := outlastContext(ctx)
	defer cancel()
	answer, err := moby.ImageImport(late, client.ImageImportSource{Source: archive, SourceName: "-"}, s.Name,
		client.ImageImportOptions{Changes: []string{"LABEL " + label + "=" + s.Name}})
	if err != nil {
		return err
	}
	defer answer.Close()
	if err := importResult(answer); err != nil {
		return err
	}
	return ctx.Err()
}

// writeArchive writes a tar of the files, with file as /init last. It stops
// with ctx only before /init is complete: dockerd rejects such an archive, but
// would accept one that lacks only its end.
func writeArchive(ctx context.Context, into io.Writer, file *os.File, others []File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	archive := tar.NewWriter(into)
	if err := writeFiles(archive, others, info.ModTime()); err != nil {
		return err
	}
	header := &tar.Header{Typeflag: tar.TypeReg, Name: "init", Mode: 0o755, Size: info.Size(), ModTime: info.ModTime()}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	if _, err := io.CopyN(archive, contextReader{ctx, file}, info.Size()); err != nil {
		return fmt.Errorf("read %s: %w", file.Name(), err)
	}
	return archive.Close()
}

// writeFiles writes each directory before its files.
func writeFiles(archive *tar.Writer, files []File, modified time.Time) error {
	made := map[string]bool{".": true}
	for _, file := range files {
		if dir := path.Dir(file.Name); !made[dir] {
			made[dir] = true
			if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755, ModTime: modified}); err != nil {
				return err
			}
		}
		header := &tar.Header{Typeflag: tar.TypeReg, Name: file.Name, Mode: 0o644, Size: int64(len(file.Content)), ModTime: modified}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if _, err := archive.Write(file.Content); err != nil {
			return err
		}
	}
	return nil
}

// A while is a reader that fails once its context has ended.
type contextReader struct {
	ctx context.Context
	io.Reader
}

func (w contextReader) Read(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.Reader.Read(p)
}

// importResult reads dockerd's progress messages, one per line. They may report
// an error although the HTTP status was a success.
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
			return errors.New("dockerd reports no new image")
		case err != nil:
			return err
		case message.Error != "":
			return errors.New(message.Error)
		}
		imported = imported || message.Status != ""
	}
}
