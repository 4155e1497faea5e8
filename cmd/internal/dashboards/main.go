// Command dashboards writes the Grafana dashboards of deploy/grafana: their panels are much alike, and their queries
// have to keep to the same rules, so that they are written as a few lines of Go each.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

//go:generate go run . ../../../deploy/grafana/dashboards

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: dashboards DIRECTORY")
		os.Exit(2)
	}
	for _, b := range boards() {
		text, err := b.json()
		if err == nil {
			err = os.WriteFile(filepath.Join(os.Args[1], b.file()), text, 0o644)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// boards are all dashboards, in the order of their menu.
func boards() []board {
	return []board{overview, resolution, caches, store, registration, topLevel, process, business}
}
