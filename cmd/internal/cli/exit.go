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

func (e *usageError) in(l language) string { return tell(l, e.err) }

// usagef makes a usageError; format is a literal of which sentencesZH has the Chinese.
func usagef(format string, args ...any) error { return &usageError{&sentence{format, args}} }

// sentence is an error in words of idctl's own.
type sentence struct {
	format string
	args   []any
}

func (e *sentence) Error() string { return e.in(english) }

// Unwrap returns the first error among the arguments: the cause.
func (e *sentence) Unwrap() error {
	for _, arg := range e.args {
		if err, ok := arg.(error); ok {
			return err
		}
	}
	return nil
}

func (e *sentence) in(l language) string { return say(l, e.format, e.args...) }

// failf makes an error that is no mistake in the command line; format is as that of usagef.
func failf(format string, args ...any) error { return &sentence{format, args} }

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
	l := a.language()
	if a.output != "json" {
		if _, ok := errors.AsType[*usageError](err); ok {
			fmt.Fprintf(a.Err, "idctl: %s\n%s\n", strings.TrimSpace(tell(l, err)), say(l, "Run 'idctl --help', or the command with --help, for its usage."))
			return
		}
		fmt.Fprintln(a.Err, "idctl:", clean(tell(l, err)))
		for _, line := range advice(err) {
			fmt.Fprintln(a.Err, clean(line))
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
	}{code, tell(l, err)})
	fmt.Fprintf(a.Err, "%s\n", line)
}

// advice is what helps to mend err, a line each: all places of a request that has several things wrong,
// and what to do.
func advice(err error) []string {
	p, ok := errors.AsType[*problem](err)
	if !ok {
		return nil
	}
	var lines []string
	if len(p.Errors) > 1 {
		for _, e := range p.Errors {
			if e.Location == "" {
				lines = append(lines, "  "+e.Message)
			} else {
				lines = append(lines, "  "+e.Location+": "+e.Message)
			}
		}
	}
	if p.Action != "" {
		lines = append(lines, p.Action)
	}
	return lines
}
