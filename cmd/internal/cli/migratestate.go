package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
)

// migrationState is how far a migration came, in a file beside its input: it is written after each confirmed part and
// goes at the end. What was sent after it is sent again, which changes nothing.
type migrationState struct {
	Files  []string `json:"files"`
	Terms  string   `json:"terms"`  // under which it runs: mode and mapping
	Pieces int      `json:"pieces"` // of the files that were dealt with
	Digest string   `json:"digest"` // of those pieces
	Errors int64    `json:"errors"` // octets of the file of failures

	Report *migrationReport `json:"report"` // until then
}

// digest is a SHA-256 over pieces, each with those before it.
type digest [sha256.Size]byte

func (d *digest) add(piece []byte) {
	h := sha256.New()
	h.Write(d[:])
	h.Write(piece)
	h.Sum(d[:0])
}

func (d *digest) String() string { return hex.EncodeToString(d[:]) }

// readState reads a state; nil if there is none.
func readState(name string) (*migrationState, error) {
	raw, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s := &migrationState{Report: new(migrationReport)}
	if err := json.Unmarshal(raw, s); err != nil || s.Report == nil {
		return nil, failf("%s is no state of a migration: %v", name, err)
	}
	return s, nil
}

func (s *migrationState) write(name string) error {
	raw, err := json.Marshal(s)
	if err != nil {
		return err
	}
	err = writeWhole(name, func(w io.Writer) error {
		_, err := w.Write(append(raw, '\n'))
		return err
	})
	if err != nil {
		return failf("write state: %v", err)
	}
	return nil
}

// forget removes the state of a migration that is complete.
func (m *migration) forget() error {
	if err := os.Remove(m.stateName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return failf("write state: %v", err)
	}
	return nil
}
