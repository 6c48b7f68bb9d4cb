package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"runsc-provisioner/provision/durable"
)

// versioned is a record in JSON that says which schema it has.
type versioned interface{ schema() int }

// readRecord reads the record in a file; the zero T if there is none.
func readRecord[T versioned](path string, limit int64, want int) (record T, err error) {
	text, err := durable.ReadOwn(path, limit)
	if errors.Is(err, fs.ErrNotExist) {
		return record, nil
	}
	if err != nil {
		return record, err
	}
	if record, err = parseRecord[T](text, want); err != nil {
		return record, fmt.Errorf("%s: %w", path, err)
	}
	return record, nil
}

func parseRecord[T versioned](text []byte, want int) (T, error) {
	var record, none T
	if err := json.Unmarshal(text, &record); err != nil {
		return none, fmt.Errorf("it is damaged: %w", err)
	}
	if got := record.schema(); got != want {
		return none, fmt.Errorf("another version of this program wrote it (schema %d, want %d)", got, want)
	}
	return record, nil
}

// checkRecord returns a check of the text of a record.
func checkRecord[T versioned](want int) func([]byte) error {
	return func(text []byte) error {
		_, err := parseRecord[T](text, want)
		return err
	}
}

// writeRecord replaces the record in a file.
func writeRecord(path string, record versioned) error {
	text, err := json.MarshalIndent(record, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	return durable.WriteFile(path, append(text, '\n'), durable.Plain(0o600))
}
