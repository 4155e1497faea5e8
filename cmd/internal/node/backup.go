package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/idnode/idnode/cmd/internal/backup"
	"github.com/idnode/idnode/storage"
)

// buildBackup makes what gives the data directory to those who back it up, if the store can be copied.
func (n *Node) buildBackup() (err error) {
	store, ok := n.engine.(storage.Checkpointer)
	if !ok {
		return nil
	}
	n.backup, err = backup.NewServer(backup.Options{DataDir: n.cfg.DataDir, Store: n.engine, Checkpointer: store, Version: n.version,
		Logger: n.log, Registerer: n.metrics})
	return err
}

// serveBackup serves until ctx ends. A node that cannot be backed up while it runs runs all the same, and says so.
func (n *Node) serveBackup(ctx context.Context) {
	if err := n.backup.Run(ctx); err != nil {
		n.log.Error("the node cannot be backed up while it runs", "err", err)
	}
}

// refuseUnfinished refuses a data directory whose restore was broken off: it holds a part of what was.
func refuseUnfinished(dir string) error {
	_, err := os.Stat(filepath.Join(dir, backup.UnfinishedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = errors.New("its restore has not finished: run idnode restore again")
	}
	return fmt.Errorf("data directory %s: %w", dir, err)
}
