// Package topnode is a stand-in for the national top-level node, for tests and sandboxes: nothing that it decides means
// anything. It takes the applications of secondary nodes over EPP (RFC 5730 with the mappings idis-ent and idis-entprefix), has them
// decided by a script or by hand, receives the tables of the dictionary and checks every row, gives orders, and
// misbehaves on demand.
//
//	POST /tables/{table}      rows as JSON lines, see package registry/topsync/jsonlines
//	GET  /tables              what has been received, by node and table
//	GET  /tables/{table}      the rows, in the order of their numbers; ?node=
//	GET  /orders?after=&wait= orders with greater numbers, as JSON lines; waits so many seconds for one
//	POST /epp                 EPP messages, signed by an application
//	GET  /control/pending     applications that wait for a decision
//	POST /control/decide      {"id","pass","reason"}
//	POST /control/orders      {"node","order","prefix","reason"}: suspend, withdraw, activate
//	POST /control/faults      {"mode","rate","delay","for"}: none, slow, silent, down, wrong, twice
//
// What it has taken is in a journal on disk before it is acknowledged, so that it may be killed as well.
package topnode
