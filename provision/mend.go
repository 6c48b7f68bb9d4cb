package provision

import (
	"context"
	"errors"

	"runsc-provisioner/provision/durable"
)

// secureState refuses records that another user could have written: what root does follows
// from them. A lock that is not a file is moved away, because no run could take it.
//
// The daemon must not stop enforcing. It makes the directory root's own again, and moves away
// what others could have written.
func (pr *Provisioner) secureState(ctx context.Context) error {
	dir := pr.State()
	pr.mended = nil
	err := dir.Safe()
	var unsafe *durable.UnsafeError
	if errors.As(err, &unsafe) && pr.RecoveryOptions != nil {
		pr.mended, err = dir.Seal(ctx)
	}
	if err != nil {
		return err
	}
	moved, err := dir.MendLock()
	if moved != "" {
		pr.mended = append(pr.mended, moved)
	}
	return err
}

// mendState moves files of the state directory away that cannot be used, and reports it.
func (pr *Provisioner) mendState() {
	for _, text := range append(pr.mended, pr.State().Mend()...) {
		pr.report(Event{Kind: Mended, Text: text})
	}
	pr.mended = nil
}
