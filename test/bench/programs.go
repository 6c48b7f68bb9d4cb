package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// programs has the paths of the programs built for the benchmark.
type programs struct {
	product string
	timer   string
	pinger  string
	drifter string
	crowd   string
	scan    string
	asker   string
	pages   string
	namer   string
}

// build builds the product as `make build` does, and the others, all
// statically: they run in a host with another libc.
func build(ctx context.Context, dir string) (programs, error) {
	built := programs{filepath.Join(dir, "runsc-provisioner"), filepath.Join(dir, "timer"), filepath.Join(dir, "pinger"), filepath.Join(dir, "drifter"),
		filepath.Join(dir, "crowd"), filepath.Join(dir, "scan"), filepath.Join(dir, "asker"), filepath.Join(dir, "pages"), filepath.Join(dir, "namer")}
	for path, pkg := range map[string]string{
		built.product: "runsc-provisioner/cmd/runsc-provisioner",
		built.timer:   "runsc-provisioner/test/bench/timer",
		built.pinger:  "runsc-provisioner/test/bench/pinger",
		built.drifter: "runsc-provisioner/test/bench/drifter",
		built.crowd:   "runsc-provisioner/test/bench/crowd",
		built.asker:   "runsc-provisioner/test/bench/asker",
		built.scan:    "runsc-provisioner/test/bench/scan",
		built.namer:   "runsc-provisioner/test/bench/namer",
		built.pages:   "runsc-provisioner/test/bench/pages",
	} {
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=auto", "-ldflags=-s -w", "-o", path, pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if said, err := cmd.CombinedOutput(); err != nil {
			return programs{}, fmt.Errorf("build %s: %w: %s", pkg, err, said)
		}
	}
	return built, nil
}

// mostBytes is the aim for the size of the product's binary.
const mostBytes = 16e6

func sizeRow(built programs) (row, error) {
	info, err := os.Stat(built.product)
	if err != nil {
		return row{}, err
	}
	return row{
		work: "size of the binary",
		unit: megabytes,
		this: []float64{float64(info.Size())},
		aim:  aim{ofValue, mostBytes},
	}, nil
}
