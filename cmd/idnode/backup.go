package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/idnode/idnode/cmd/internal/backup"
	"github.com/idnode/idnode/cmd/internal/version"
)

func backupCommand(f *flags) *cobra.Command {
	o := backup.Order{Version: version.String()}
	var output string
	cmd := &cobra.Command{
		Use: "backup DESTINATION", Short: "Copy the data directory of the node, which may be running, into a new backup", Args: oneArg,
		Long: `idnode backup copies the data directory as it is at one moment into a new directory of the destination, named
for the moment in UTC. A running node goes on serving; every write that it has acknowledged before is in the backup.
Files that stand in the destination since the backup before are not copied again.

It holds the store, secret.key, handle.key, http.pem, operator.key, the inputs of bulk registrations and the log of
resolution requests, with mode 0600: whoever reads it can act as the node. The configuration, and files that it
names elsewhere, are not in it.

The node is asked on backup.sock in its data directory, so run this as its user; where no node listens the store
is read in place. A backup that was interrupted is run again, and goes on where it was.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			if o.Keep < 0 {
				return usageError{errors.New("--keep must not be negative")}
			}
			if o.Socket == "" {
				c, _, err := f.load()
				if err != nil {
					return err
				}
				o.DataDir = c.DataDir
			}
			o.Destination, o.Logger = args[0], logTo(cmd)
			r, err := backup.Take(cmd.Context(), o)
			if err != nil {
				return fmt.Errorf("backup: %w", err)
			}
			return report(cmd.OutOrStdout(), output, r)
		}}
	cmd.Flags().StringVar(&o.Socket, "from", "", "`socket` of the node, where it is not backup.sock in the data directory")
	cmd.Flags().IntVar(&o.Keep, "keep", 0, "remove all but so `many` of the newest backups; 0 keeps all")
	cmd.Flags().BoolVar(&o.NoCount, "no-count", false, "do not read and count every row of the copy")
	cmd.Flags().BoolVar(&o.NoQueryLog, "no-query-log", false, "leave out the log of resolution requests")
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return cmd
}

func restoreCommand(f *flags) *cobra.Command {
	var o backup.RestoreOrder
	var verify bool
	cmd := &cobra.Command{
		Use: "restore BACKUP", Short: "Make an empty data directory what it was when a backup was made, or prove a backup", Args: oneArg,
		Long: `idnode restore copies a backup, or the newest of a directory of backups, into the data directory, which must be
empty. Every file is held to its digest, the store is opened, and its rows are counted and compared with the
manifest. A restore that was interrupted is run again; until it is whole a node does not start.

With --verify it proves that a backup could be restored, and changes nothing.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := backup.Find(args[0])
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if verify {
				m, err := backup.Verify(cmd.Context(), dir, o.NoCount)
				if err != nil {
					return fmt.Errorf("%s is damaged: %w", dir, err)
				}
				_, err = fmt.Fprintf(out, "%s is whole: %s\n", dir, sum(m))
				return err
			}
			c, _, err := f.load()
			if err != nil {
				return err
			}
			o.Backup, o.DataDir = dir, c.DataDir
			m, err := backup.Restore(cmd.Context(), o)
			if err != nil {
				return fmt.Errorf("restore: %w", err)
			}
			_, err = fmt.Fprintf(out, "%s restored to %s: %s\n", dir, o.DataDir, sum(m))
			return err
		}}
	cmd.Flags().BoolVar(&verify, "verify", false, "prove the backup without restoring it")
	cmd.Flags().BoolVar(&o.Link, "link", false, "hard links in place of copies of tables, on one file system: done at once")
	cmd.Flags().BoolVar(&o.NoCount, "no-count", false, "hold files to their digests, and do not count rows")
	return cmd
}

func standbyCommand() *cobra.Command {
	o := backup.Order{Version: version.String()}
	var every time.Duration
	cmd := &cobra.Command{
		Use: "standby DESTINATION", Short: "Follow a running node with a backup at every interval, to be started in its place", Args: oneArg,
		Long: `idnode standby makes a backup of a running node at every interval, until it is told to end. If the node is lost,

    idnode restore --link DESTINATION --data-dir DIRECTORY
    idnode serve   --data-dir DIRECTORY

starts another in its place. What the lost node has acknowledged after the moment of the newest backup is lost: at
most what it wrote during one interval and the time that a backup takes. The old node must not be started again.
Every row is counted in each backup, half a second for a million rows; --no-count leaves that out.

From another machine the node is reached through its socket, forwarded:

    ssh -N -L /run/idnode/primary.sock:/var/lib/idnode/backup.sock idnode@primary`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.Socket == "" || every <= 0 || o.Keep < 1 {
				return usageError{errors.New("--from is needed, and --every and --keep must be positive")}
			}
			o.Destination = args[0]
			o.Logger = logTo(cmd)
			return follow(cmd.Context(), o, every)
		}}
	cmd.Flags().StringVar(&o.Socket, "from", "", "`socket` of the node")
	cmd.Flags().DurationVar(&every, "every", time.Minute, "`time` between the beginnings of two backups")
	cmd.Flags().IntVar(&o.Keep, "keep", 2, "remove all but so `many` of the newest backups")
	cmd.Flags().BoolVar(&o.NoCount, "no-count", false, "do not read and count every row of the copies")
	cmd.Flags().BoolVar(&o.NoQueryLog, "no-query-log", false, "leave out the log of resolution requests")
	return cmd
}

// follow makes backups until ctx ends. One that fails is logged, and made again after the interval.
func follow(ctx context.Context, o backup.Order, every time.Duration) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		r, err := backup.Take(ctx, o)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			o.Logger.Error("the standby falls behind", "err", err)
		default:
			o.Logger.Info("the standby has caught up", "seq", r.Manifest.Position, "moment", r.Manifest.Taken, "took", r.Took.Round(time.Millisecond),
				"copied", r.Copied.Octets, "linked", r.Linked.Octets, "directory", r.Directory)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// report tells what a backup came to.
func report(out io.Writer, output string, r *backup.Result) error {
	if output == "json" {
		return json.NewEncoder(out).Encode(struct {
			*backup.Result
			Taken    time.Time               `json:"taken"`
			Position uint64                  `json:"position"`
			Rows     uint64                  `json:"rows"`
			Octets   int64                   `json:"octets"`
			Tables   map[string]backup.Table `json:"tables,omitempty"`
			Seconds  float64                 `json:"seconds"`
		}{r, r.Manifest.Taken, uint64(r.Manifest.Position), r.Manifest.Rows, r.Manifest.Octets, r.Manifest.Tables, r.Took.Seconds()})
	}
	_, err := fmt.Fprintf(out, "%s: %s\ncopied %d files of %d octets; %d files of %d octets were there; took %s\n",
		r.Directory, sum(r.Manifest), r.Copied.Files, r.Copied.Octets, r.Linked.Files, r.Linked.Octets, r.Took.Round(time.Millisecond))
	return err
}

// sum is a manifest in a line.
func sum(m *backup.Manifest) string {
	text := fmt.Sprintf("change log up to %d, %d files of %d octets", m.Position, len(m.Files), m.Octets)
	if m.Tables != nil {
		text += fmt.Sprintf(", %d rows, %d records (digest %.16s)", m.Rows, m.Tables["record"].Rows, m.Tables["record"].SHA256)
	}
	return text
}

func checkOutput(output string) error {
	if output != "text" && output != "json" {
		return usageError{fmt.Errorf("--output is text or json, not %q", output)}
	}
	return nil
}

func oneArg(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError{fmt.Errorf("%s takes one argument: %s", cmd.CommandPath(), cmd.Use)}
	}
	return nil
}

// logTo takes what commands other than serve have to say beside their result.
func logTo(cmd *cobra.Command) *slog.Logger {
	return slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
}
