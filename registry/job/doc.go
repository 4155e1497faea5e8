// Package job runs bulk registrations: it keeps their inputs, registers their rows in the background and survives being
// killed at any moment.
//
// An input is received whole and kept in a file before its job is queued (Spool). A Runner takes the jobs of the
// enterprises in turn, one of each at a time, and gives their rows to the registrar in chunks. What a chunk comes to is
// stored in the batch that stores its records, so that a job which is taken up again goes on behind the last chunk, and
// no row takes effect twice. Between chunks a job rests while the node is busy with more urgent things (pace).
package job
