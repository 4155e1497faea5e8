// Package backup copies the data directory of a node, running or not, and puts it back.
//
// # What is in a backup
//
// Everything that is in the data directory: the store (pebble), secret.key (without which sealed passwords and tokens are lost),
// handle.key and its predecessors, http.pem, operator.key, the inputs of bulk registrations (jobs) and the log of resolution
// requests (querylog). So it is as secret as the node itself: files have mode 0600, directories 0700, and who may read them can act
// as the node. Not in it are files that the configuration names elsewhere, and the configuration.
//
// # Layout
//
// A destination holds one directory for each backup, named for its moment in UTC, 20261123T070405.123Z. Each is complete by itself:
//
//	manifest.json          what is here: each file with size and SHA-256, the place in the change log, rows and digest of each table
//	manifest.json.sha256   the manifest's own digest, as sha256sum -c reads it
//	files/…                the data directory
//
// Files that have not changed since the backup before are hard links to its files, so that only what is new is copied and
// takes room: tables of the store never change once they are written. A file counts as unchanged if it has the name, size and time of
// change that it had then in the same store, and if what stands in the destination still has its digest, for which it is read: what has rotted
// there is fetched anew.
//
// A backup that is being made is called ….partial, and has a journal of the files that are whole; another run takes over what
// the journal tells of, and removes it once it is done itself. What has no suffix is complete and was synced to the disk.
//
// # Where from
//
// A running node listens on backup.sock in its data directory, which only its user may connect to. For as long as a client
// holds a request for a checkpoint open, the node pins the state of one moment by hard links in checkpoints, and gives its files. When
// the client ends, however it does, they go. The protocol goes over a forwarded socket (ssh -L) as well, which is how a standby on another
// machine reaches the node. Where no node runs the store is opened, pinned and read in place.
package backup
