package topnode

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// journalName is the file of everything that happened, an entry a line.
const journalName = "journal.ndjson"

// entry is what happened: one of its members.
type entry struct {
	Rows     *rowsEntry   `json:"rows,omitempty"`
	Ent      *application `json:"ent,omitempty"`    // new, or as it is now
	Prefix   *application `json:"prefix,omitempty"` // new, or as it is now
	Mail     *letter      `json:"mail,omitempty"`
	Ack      string       `json:"ack,omitempty"` // number of a letter that was taken out
	Order    *Order       `json:"order,omitempty"`
	Password *login       `json:"password,omitempty"`
}

// journal keeps entries.
type journal struct{ f *os.File }

// openJournal opens the journal of a directory and calls take with each entry. A last entry that was broken off was
// never acknowledged, and is cut off.
func openJournal(dir string, take func(*entry) error) (*journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, journalName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(f, 1<<20)
	at := int64(0)
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			e := new(entry)
			if err = json.Unmarshal(line, e); err == nil {
				err = take(e)
			}
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("read %s at octet %d: %w", journalName, at, err), f.Close())
		}
		at += int64(len(line))
	}
	if err := f.Truncate(at); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if _, err := f.Seek(at, io.SeekStart); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &journal{f}, nil
}

// add makes entries durable.
func (j *journal) add(entries ...*entry) error {
	var text []byte
	for _, e := range entries {
		line, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("encode entry: %w", err)
		}
		text = append(append(text, line...), '\n')
	}
	if _, err := j.f.Write(text); err != nil {
		return fmt.Errorf("write %s: %w", journalName, err)
	}
	if err := j.f.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", journalName, err)
	}
	return nil
}

func (j *journal) close() error { return j.f.Close() }
