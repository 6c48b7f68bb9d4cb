package engine

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/client"

	"runsc-provisioner/test/fakedockerd"
)

// fakeDockerd answers from the files of a directory.
type fakeDockerd struct {
	*fakedockerd.Dockerd
	t *testing.T
}

func newFakeDockerd(t *testing.T, oldest, newest int) *fakeDockerd {
	t.Helper()
	return &fakeDockerd{fakedockerd.New(t, oldest, newest), t}
}

// recorded answers from a file in testdata, with some text in it replaced.
func (f *fakeDockerd) recorded(pattern, file string, replace ...string) {
	content, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		f.t.Fatal(err)
	}
	f.AnswerText(pattern, strings.NewReplacer(replace...).Replace(string(content)))
}

func (f *fakeDockerd) open() *Client { return open(f.t, f.Socket) }

// open opens a client of a fake dockerd.
func open(t *testing.T, socket string) *Client {
	t.Helper()
	c, err := Open(socket)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// ping makes one request that has no effect.
func ping(ctx context.Context, c *Client) error {
	_, err := c.moby.Ping(ctx, client.PingOptions{})
	return err
}
