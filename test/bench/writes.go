package main

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"runsc-provisioner/test/bench/race"
	"runsc-provisioner/test/lab"
)

// The sides of the cost of keeping writes, each one of dockerd's runtimes.
const (
	plain   = "runc"
	kept    = "kept"    // rootfs = "docker": --overlay2=none --dcache=0
	cached  = "cached"  // --overlay2=none alone: shows the price of --dcache=0
	sandbox = "sandbox" // gVisor's default, which hides writes from Docker
)

const (
	benchInHost = "/usr/local/lib/runsc-provisioner-bench"
	unpackFiles = 10_000
	inserts     = 200
)

// writesRows measures work that writes to the root file system, in a running
// container of each runtime. It compares kept writes with runc and with
// gVisor's default.
func writesRows(ctx context.Context, p pace, built programs, dir string) (rows []row, err error) {
	input := filepath.Join(dir, "writes")
	if err := os.Mkdir(input, 0o755); err != nil {
		return nil, err
	}
	if err := writeFilesTar(filepath.Join(input, "files.tar")); err != nil {
		return nil, err
	}
	env, err := exec.CommandContext(ctx, "go", "env", "GOROOT", "GOMODCACHE", "GOMOD").Output()
	if err != nil {
		return nil, err
	}
	places := strings.Fields(string(env))
	if len(places) != 3 {
		return nil, fmt.Errorf("go env: got %q", env)
	}
	host, err := lab.Boot(ctx, lab.Options{
		Suite:  "trixie",
		Name:   "bench-writes",
		Binary: built.product,
		Binds: []lab.Bind{
			{Source: built.timer, Target: timerInHost, ReadOnly: true},
			{Source: built.pages, Target: benchInHost + "/pages", ReadOnly: true},
			{Source: input, Target: benchInHost + "/input", ReadOnly: true},
			{Source: places[0], Target: benchInHost + "/go", ReadOnly: true},
			{Source: places[1], Target: benchInHost + "/modules", ReadOnly: true},
			{Source: filepath.Dir(places[2]), Target: benchInHost + "/source", ReadOnly: true},
		},
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	if _, err := succeed(ctx, host, lab.Command{Argv: []string{"sh", "-euc", writesSetup}}); err != nil {
		return nil, err
	}
	for _, work := range []struct{ name, before, run, want string }{
		{
			fmt.Sprintf("unpack %d files", unpackFiles),
			"rm -rf /unpacked; mkdir /unpacked", "tar xf /bench/input/files.tar -C /unpacked && ls /unpacked/99/99", "/unpacked/99/99",
		},
		{
			"go build of three packages, with what they depend on built before",
			// Only the results of earlier runs are later than the stamp.
			"rm -rf /gotmp; mkdir /gotmp; find /cache -type f -newer /stamp -exec rm {} +", goBuild + " && echo built", "built",
		},
		{
			fmt.Sprintf("%d inserts, each with two syncs (test/bench/pages, no database)", inserts),
			"rm -rf /pages; mkdir /pages", fmt.Sprintf("/bench/pages /pages %d", inserts), "inserted",
		},
	} {
		var entrants []race.Entrant
		for _, side := range []string{plain, kept, cached, sandbox} {
			inside := []string{"docker", "exec", side, "sh", "-c"}
			entrants = append(entrants, race.Entrant{
				Name: side, Argv: append(inside[:len(inside):len(inside)], work.run), Want: work.want,
				Before: append(inside[:len(inside):len(inside)], work.before),
			})
		}
		fmt.Fprintf(os.Stderr, "  %s\n", work.name)
		result, err := raceInHost(ctx, host, []string{timerInHost}, race.Race{Warmup: p.warmup, Runs: p.runs, Entrants: entrants})
		if err != nil {
			return nil, err
		}
		for _, pair := range []struct{ side, beside, how string }{
			{kept, plain, "rootfs docker, beside runc"},
			{cached, plain, "--overlay2=none alone, beside runc"},
			{sandbox, plain, "gVisor's default, beside runc"},
			{kept, sandbox, "rootfs docker, beside gVisor's default"},
		} {
			rows = append(rows, row{work.name + ": " + pair.how, milliseconds, result.Walls(pair.side), result.Walls(pair.beside), aim{}})
		}
	}
	return rows, nil
}

// buildPackages are packages of the product, small enough that 50 builds in a
// sandbox take minutes.
const buildPackages = "./daemonjson ./verify ./systemd"

// goBuild builds them in the root file system, including temporary files: under
// gVisor, /tmp is in memory. Only Go itself and the modules are elsewhere.
const goBuild = "cd /source && " + goEnv + " go build -buildvcs=false " + buildPackages

const goEnv = "HOME=/root PATH=$PATH:/bench/go/bin GOCACHE=/cache GOMODCACHE=/bench/modules GOTMPDIR=/gotmp GOPROXY=off GOTOOLCHAIN=local GOFLAGS=-mod=readonly CGO_ENABLED=0"

// writesSetup installs a release, registers it once for each side, starts a
// container for each, and gives each the same build cache.
const writesSetup = `
runsc-provisioner apply
runsc=$(readlink /usr/local/bin/runsc)
cat >/etc/docker/daemon.json <<END
{"runtimes": {
  "` + kept + `": {"path": "$runsc", "runtimeArgs": ["--ignore-cgroups", "--overlay2=none", "--dcache=0"]},
  "` + cached + `": {"path": "$runsc", "runtimeArgs": ["--ignore-cgroups", "--overlay2=none"]},
  "` + sandbox + `": {"path": "$runsc", "runtimeArgs": ["--ignore-cgroups", "--overlay2=root:self"]}
}}
END
systemctl reload docker
for side in ` + plain + ` ` + kept + ` ` + cached + ` ` + sandbox + `; do
  for i in $(seq 100); do docker info -f '{{range $name, $_ := .Runtimes}}{{println $name}}{{end}}' | grep -qx $side && break; sleep 0.1; done
  docker run -d --name $side --runtime=$side -v ` + benchInHost + `:/bench:ro ` + lab.Image + ` sleep 90000 >/dev/null
  docker exec $side sh -euc 'mkdir /source /gotmp /cache; cd /bench/source; cp -r go.mod go.sum cmd provision verify systemd daemonjson /source'
done
docker exec ` + plain + ` sh -euc 'cd /source; export ` + goEnv + `; go build $(go list -deps ` + buildPackages + ` | grep -v ^runsc-provisioner)'
for side in ` + kept + ` ` + cached + ` ` + sandbox + `; do
  docker exec ` + plain + ` tar cf - /cache 2>/dev/null | docker exec -i $side tar xf - -C /
done
for side in ` + plain + ` ` + kept + ` ` + cached + ` ` + sandbox + `; do
  docker exec $side touch /stamp
done
sleep 1.1 # find -newer looks at whole seconds
`

// writeFilesTar writes an archive of small files in a hundred directories.
func writeFilesTar(name string) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := tar.NewWriter(f)
	for i := range unpackFiles {
		if i%100 == 0 {
			if err := w.WriteHeader(&tar.Header{Name: fmt.Sprintf("%d/", i/100), Typeflag: tar.TypeDir, Mode: 0o755}); err != nil {
				return err
			}
		}
		body := fmt.Sprintf("file %d\n%s", i, strings.Repeat("content ", i%1000))
		if err := w.WriteHeader(&tar.Header{Name: fmt.Sprintf("%d/%d", i/100, i%100), Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(body))}); err != nil {
			return err
		}
		if _, err := w.Write([]byte(body)); err != nil {
			return err
		}
	}
	return w.Close()
}
