package topsync

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/idnode/idnode/proto/topreport"
	"github.com/idnode/idnode/registry"
)

// carriesFiles are the tables whose rows leave with the files that they name: the scans of T1.
func carriesFiles(table string) bool { return table == "T1" }

// attach puts the files that rows of a table name into their data. A file that is gone meanwhile stays a name.
func (s *Syncer) attach(ctx context.Context, table string, rows []row) error {
	if !carriesFiles(table) {
		return nil
	}
	for i := range rows {
		var data map[string]any
		if err := json.Unmarshal(rows[i].Data, &data); err != nil {
			return fmt.Errorf("row %s: %w", rows[i].Key, err)
		}
		if err := s.attachTo(ctx, topreport.Find(table).Fields, data); err != nil {
			return fmt.Errorf("row %s: %w", rows[i].Key, err)
		}
		var err error
		if rows[i].Data, err = json.Marshal(data); err != nil {
			return err
		}
	}
	return nil
}

// attachTo puts files into the members of an object.
func (s *Syncer) attachTo(ctx context.Context, fields []topreport.Field, members map[string]any) error {
	for i := range fields {
		f := &fields[i]
		switch v := members[f.Name].(type) {
		case string:
			if f.Kind == topreport.File {
				file, err := s.file(ctx, v)
				if err != nil {
					return err
				}
				members[f.Name] = file
			}
		case map[string]any:
			if f.Kind == topreport.Object {
				if err := s.attachTo(ctx, f.Fields, v); err != nil {
					return err
				}
			}
		case []any:
			for j, e := range v {
				switch e := e.(type) {
				case string:
					if f.Of == topreport.File {
						file, err := s.file(ctx, e)
						if err != nil {
							return err
						}
						v[j] = file
					}
				case map[string]any:
					if err := s.attachTo(ctx, f.Fields, e); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// file is a file as rows have it: with its octets, or its name alone if it is gone.
func (s *Syncer) file(ctx context.Context, id string) (any, error) {
	f, err := s.o.Registrar.File(ctx, id, registry.NodeActor())
	if refused, ok := errors.AsType[*registry.Error](err); ok && refused.Code == registry.CodeNotFound {
		return id, nil
	}
	if err != nil {
		return nil, err
	}
	var octets bytes.Buffer
	if err := s.o.Registrar.WriteFile(ctx, f, &octets); err != nil {
		return nil, err
	}
	return map[string]any{"id": f.ID, "name": clean(f.Name), "mediaType": f.MediaType, "data": octets.Bytes()}, nil
}
