package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Exit codes.
const (
	exitDone     = 0
	exitFailed   = 1
	exitUsage    = 2
	exitNotFound = 3
	exitDenied   = 4
)

// usageError is a mistake in the command line.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// outcome is an answer that is no success, such as an identifier that does not exist.
type outcome struct {
	code    int    // exit code
	name    string // stable, as the server's codes
	text    string
	printed bool // the answer stands on standard output and needs no words
}

func (e *outcome) Error() string { return e.text }

// exitCode is the process's exit code for what a command returned.
func exitCode(err error) int {
	if err == nil {
		return exitDone
	}
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	if o, ok := errors.AsType[*outcome](err); ok {
		return o.code
	}
	if p, ok := errors.AsType[*problem](err); ok && p.Status >= 400 {
		return exitForStatus(p.Status)
	}
	return exitFailed
}

// exitForStatus is the exit code for an HTTP status.
func exitForStatus(status int) int {
	switch status {
	case http.StatusNotFound, http.StatusGone:
		return exitNotFound
	case http.StatusUnauthorized, http.StatusForbidden:
		return exitDenied
	}
	if status < 400 {
		return exitDone
	}
	return exitFailed
}

// report says on standard error why the command did not succeed: a line, or one JSON object.
func (a *app) report(err error) {
	if err == nil {
		return
	}
	o, isOutcome := errors.AsType[*outcome](err)
	if isOutcome && o.printed {
		return
	}
	if a.output != "json" {
		if _, ok := errors.AsType[*usageError](err); ok {
			fmt.Fprintf(a.Err, "idctl: %s\nRun 'idctl --help', or the command with --help, for its usage.\n", strings.TrimSpace(err.Error()))
			return
		}
		fmt.Fprintln(a.Err, "idctl:", clean(err.Error()))
		if p, ok := errors.AsType[*problem](err); ok && p.Action != "" {
			fmt.Fprintln(a.Err, clean(p.Action))
		}
		return
	}
	if p, ok := errors.AsType[*problem](err); ok && p.body != nil {
		fmt.Fprintf(a.Err, "%s\n", p.body)
		return
	}
	code := "failed"
	if isOutcome {
		code = o.name
	} else if _, ok := errors.AsType[*usageError](err); ok {
		code = "usage"
	} else if _, ok := errors.AsType[*unreachable](err); ok {
		code = "unreachable"
	}
	line, _ := json.Marshal(struct {
		Code   string `json:"code"`
		Detail string `json:"detail"`
	}{code, err.Error()})
	fmt.Fprintf(a.Err, "%s\n", line)
}
