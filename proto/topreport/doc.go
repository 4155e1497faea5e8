// Package topreport is the data dictionary of what a secondary node reports to the national top-level
// node: every table with its rhythm, every field with its kind, length and whether it is required, and the
// form of a row. Who sends and who receives check rows with the same code, [Check].
//
// The tables, items and rhythms are those of the docking agreement (docking guide, annexes 1 to 3; specification
// toplevel.md, sections 7.1 to 7.3). It gives items in words, not names and lengths: those are ours, as are the
// fields with the number 0, which say whose row it is where that would not follow from the items, or take a long
// row apart. Lengths are those of the SNMS interface where it has the item, else the ones of the registry's forms.
//
//	T1   the node's operator              real time      T6   enterprises                  hourly
//	T2   the node's resolve routes        real time      T7   enterprises' resolve routes  hourly
//	T3   the node's statistics            daily          T8   enterprises' statistics      daily
//	T4   the node's metadata              daily          T9   enterprises' master data     daily
//	T5   the node's applications          monthly        T10  enterprises' applications    monthly
//	M1   measurements, items 1 to 12      daily          T11  enterprises' metadata        real time
//	M2   events, items 13 to 18           real time      R1   the monthly report           monthly
//
// # A row
//
//	{"table":"T9","seq":42,"key":"88.101.5/pump-42","op":"add","time":"2026-11-23T07:04:05.000Z","data":{…}}
//
// Of a table the sequence numbers go up from row to row, without gaps at the sender. A receiver keeps the greatest
// that it has of each table and takes a row at or below it as done. Rows with one key supersede each other: the
// one with the greatest sequence tells how things are, "delete" that the thing is no more. Where one row tells one
// fact (T3, T8, M1, R1: a day or month that is over) there is one row with a key.
package topreport
