// Package topsync reports to the national top-level node, or to whatever targets are configured, what the docking
// agreement asks for: the tables of package topreport, each at its time, through any crash.
//
// A keeper (one goroutine) follows the change log and the clock, and turns both into rows; each table has an outbox, in
// which rows have the numbers 1, 2, 3, …. A lane for each target and table sends the rows in their order and keeps up
// to which the target has acknowledged them. Whatever is written is one batch with the place up to which it was
// gathered, so that a crash anywhere neither loses nor repeats a row in the outbox; a target may get a row again whose
// acknowledgement was lost, and knows it by its number.
//
//	keeper.go taking.go load.go     the change log, and what was there before it was followed
//	settle.go things.go route.go    tables that tell how things are: T1 T2 T4 T5 T6 T7 T10 T11
//	master.go                       T9, from versions of records
//	files.go                        the scans of T1
//	requests.go sketch.go topk.go   what was asked, by whom
//	closing.go                      the end of a day: T3 T8 M1, and of a month: R1
//	event.go outage.go              M2, and when the node did not run
//	monthly.go monthlyhtml.go       the monthly report
//	journal.go row.go               outboxes
//	lane.go breaker.go target.go    sending
//	status.go operate.go            what operators see and order
//	intake.go                       what enterprises' own nodes report to this one
//
// See DESIGN.md for the choices and the stored rows.
package topsync
