// Package sheet makes the XLSX fill-in sheet of a data template (数据模板) and reads it back when it is
// filled.
//
// The classic accident of such sheets is that the spreadsheet program takes an identifier or a serial
// number for a number: 000123 becomes 123, and 123456789012345678 becomes 1.23457E+17 (api-conventions.md,
// section 5.3). So every column that [Write] makes is of the format Text, and [Read] refuses cells that have
// come to harm all the same, and says so.
//
// The first sheet has two header rows: titles for people, with a * where a value is required, and names for
// machines, by which Read finds the columns. The first column is the identifier. The second sheet explains
// every field in Chinese and English.
package sheet
