package cli

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// maxPassword bounds a password in octets: 128 characters.
const maxPassword = 512

// password reads a password: the one line of a file if one is named, else a line from the terminal,
// which does not show it, or from standard input. It is never among the arguments, which other
// users of the machine can see.
func (a *app) password(prompt, file string) (string, error) {
	if file != "" && file != "-" {
		line, err := a.line(file)
		return string(line), err
	}
	if f, ok := a.In.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(a.Err, prompt+": ")
		line, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(a.Err)
		if err == nil && len(line) == 0 {
			err = failf("it is empty")
		}
		if err != nil {
			return "", failf("read %s: %v", prompt, err)
		}
		return string(line), nil
	}
	// Lines are read octet by octet, so that a second password can follow on the next one.
	line, err := bufio.NewReaderSize(io.LimitReader(oneByOne{a.In}, maxPassword), 16).ReadString('\n')
	line = strings.TrimRight(line, "\r\n")
	if err != nil && err != io.EOF {
		return "", failf("read %s: %v", prompt, err)
	}
	if line == "" {
		return "", usagef("%s is read from the terminal, a line of standard input, or --password-file: there is none", prompt)
	}
	return line, nil
}

// oneByOne reads an octet at a time.
type oneByOne struct{ io.Reader }

func (r oneByOne) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return r.Reader.Read(p[:1])
}
