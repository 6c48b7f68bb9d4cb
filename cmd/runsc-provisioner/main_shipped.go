//go:build shipped

package main

import (
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"runsc-provisioner/packaging/changelog"
	"runsc-provisioner/packaging/man"
	"runsc-provisioner/provision/config"
	"runsc-provisioner/provision/host"
)

// With the build tag "shipped", the program writes the files that are installed beside it, and
// does nothing else. They come from its own commands and keys, which no other program can
// import, and are not in the program itself. The licences of its modules come from standard input.
// The same source gives the same bytes.
func main() {
	dir := flag.String("dir", "", "write into this `DIRECTORY`")
	version := flag.String("version", "", "the version of the build")
	maintainer := flag.String("maintainer", "", "who signs the changelog")
	flag.Parse()
	licenses, err := io.ReadAll(os.Stdin)
	if err == nil {
		err = writeShipped(*dir, *version, *maintainer, string(licenses), os.Getenv("SOURCE_DATE_EPOCH"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func writeShipped(dir, version, maintainer, licenses, epoch string) error {
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	date := time.Unix(seconds, 0)
	changes, err := os.ReadFile("CHANGELOG.md")
	if err != nil {
		return err
	}
	build := changelog.Build{Version: version, Date: date, Maintainer: maintainer}
	debian, err := changelog.Debian(string(changes), build)
	if err != nil {
		return fmt.Errorf("CHANGELOG.md: %w", err)
	}
	rpm, err := changelog.RPM(string(changes), build)
	if err != nil {
		return fmt.Errorf("CHANGELOG.md: %w", err)
	}
	packed := manuals(man.Build{Version: version, Date: date})
	packed["changelog"] = debian
	packed["third-party-licenses"] = licenses
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, text := range packed {
		if err := writePacked(filepath.Join(dir, name+".gz"), text); err != nil {
			return err
		}
	}
	files, err := completions()
	if err != nil {
		return err
	}
	files["config.toml"] = config.DefaultFile()
	files["changelog.yaml"] = rpm
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// completions are the scripts for each shell, by the names under which they are written.
func completions() (map[string]string, error) {
	root := newRoot(&app{paths: host.DefaultPaths()})
	var bash, zsh, fish strings.Builder
	if err := root.GenBashCompletionV2(&bash, true); err != nil {
		return nil, err
	}
	if err := root.GenZshCompletion(&zsh); err != nil {
		return nil, err
	}
	if err := root.GenFishCompletion(&fish, true); err != nil {
		return nil, err
	}
	return map[string]string{
		"completion.bash": bash.String(), "completion.zsh": zsh.String(), "completion.fish": fish.String(),
	}, nil
}

// writePacked writes text as gzip -n does: without a name and a time.
func writePacked(path, text string) error {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := w.Write([]byte(text)); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}
