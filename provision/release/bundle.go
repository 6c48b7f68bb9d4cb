package release

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"runsc-provisioner/provision/archive"
	"runsc-provisioner/provision/download"
	"runsc-provisioner/provision/pipe"
)

// ahead is how far a download may run ahead of its unpacking: little enough
// that the bytes are still in the processor's cache.
const ahead = 1 << 20

// fetchBundle downloads the archive a to the file kept, and unpacks it into dir
// while it arrives. The unpacked files are untrusted until the digest is right:
// on any error the caller deletes them.
func (d *downloader) fetchBundle(ctx context.Context, a artifact, kept, dir string) (Archive, []File, error) {
	file, err := createKept(kept, roomFactor)
	if err != nil {
		return Archive{}, nil, err
	}
	stream := pipe.New(ahead)
	type outcome struct {
		files []File
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		files, err := archive.Unpack(ctx, stream, a.name, dir, d.limits.archive())
		// Download a refused archive to its end: if its digest is wrong, that
		// is the better error. A full disk ends the download at once.
		if _, bad := errors.AsType[*archive.BadError](err); bad {
			stream.Quit(nil)
		} else {
			stream.Quit(err)
		}
		done <- outcome{files, asRefused(err, "unpack", a.name)}
	}()
	sum, err := d.Fetch(ctx, a.url, d.limits.ArtifactBytes, &tee{file, stream})
	stream.Close(err)
	synced := make(chan error, 1)
	go func() { synced <- file.finish() }()
	if d.progress != nil && err == nil {
		d.progress(Progress{Stage: StageUnpack, File: a.name, Done: file.written, Total: file.written})
	}
	unpacked := <-done
	syncErr := <-synced
	switch {
	case err != nil:
		return Archive{}, nil, err
	case sum != a.sum:
		return Archive{}, nil, newRefused("fetch", download.WithoutSecrets(a.url), mismatch(sum, a.sum))
	case unpacked.err != nil:
		return Archive{}, nil, unpacked.err
	case syncErr != nil:
		return Archive{}, nil, syncErr
	}
	return Archive{Name: a.name, Size: file.written, SHA512: sum.String()}, unpacked.files, nil
}

// fetchProgram downloads the program a to the file kept.
func (d *downloader) fetchProgram(ctx context.Context, a artifact, kept string) (Archive, error) {
	file, err := createKept(kept, 2)
	if err != nil {
		return Archive{}, err
	}
	sum, err := d.Fetch(ctx, a.url, d.limits.ArtifactBytes, file)
	if syncErr := file.finish(); err == nil {
		err = syncErr
	}
	if err != nil {
		return Archive{}, err
	}
	if sum != a.sum {
		return Archive{}, newRefused("fetch", download.WithoutSecrets(a.url), mismatch(sum, a.sum))
	}
	return Archive{Name: filepath.Base(kept), Size: file.written, SHA512: sum.String()}, nil
}

func mismatch(got, want download.Digest) error {
	return fmt.Errorf("sha512 %s, expected %s", got, want)
}

// tee is a sink that keeps the archive and passes it on to the unpacking.
type tee struct {
	file   *keptFile
	stream *pipe.Pipe
}

func (b *tee) Expect(size int64) error { return b.file.Expect(size) }

func (b *tee) Write(p []byte) (int, error) {
	if n, err := b.file.Write(p); err != nil {
		return n, err
	}
	return b.stream.Write(p)
}
