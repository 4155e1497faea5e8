package job

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage"
)

// spoolError is an error of the disk in terms for a client.
func spoolError(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		err = fmt.Errorf("%w: %w", storage.ErrNoSpace, err)
	}
	return registry.AsError(fmt.Errorf("keep input of a job: %w", err))
}
