// Command pages writes to the disk like a durable database: for each insert it
// appends a page to a log and syncs it, then changes a page of a table in place
// and syncs that. It is not a database.
package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
)

const (
	pageSize   = 4096
	tablePages = 256
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "pages:", err)
		os.Exit(1)
	}
}

func run(args []string) (err error) {
	if len(args) != 2 {
		return errors.New("usage: pages DIR INSERTS")
	}
	inserts, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(args[0], "log"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	table, err := os.Create(filepath.Join(args[0], "table"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, table.Close()) }()

	random := rand.New(rand.NewPCG(1, 2))
	page := make([]byte, pageSize)
	for i := range inserts {
		page[i%pageSize]++
		if _, err := log.Write(page); err != nil {
			return err
		}
		if err := log.Sync(); err != nil {
			return err
		}
		if _, err := table.WriteAt(page, random.Int64N(tablePages)*pageSize); err != nil {
			return err
		}
		if err := table.Sync(); err != nil {
			return err
		}
	}
	fmt.Printf("inserted %d\n", inserts)
	return nil
}
