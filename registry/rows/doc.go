// Package rows reads records that come in bulk, a row at a time, whatever the form of the file.
package rows
