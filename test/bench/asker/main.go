// Command asker asks dockerd for its settings once, as any client of its API
// does that knows what it wants, and prints the answer.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

const socket = "/run/docker.sock"

func main() {
	if err := ask(context.Background(), os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "asker: %v\n", err)
		os.Exit(1)
	}
}

func ask(ctx context.Context, w io.Writer) error {
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://docker/info", nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("dockerd answers %s", response.Status)
	}
	_, err = io.Copy(w, response.Body)
	return err
}
