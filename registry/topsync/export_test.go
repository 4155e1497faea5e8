package topsync

import (
	"context"

	"github.com/idnode/idnode/proto/topreport"
)

// RowsOf are the rows of a table that may leave, as they are kept.
func RowsOf(ctx context.Context, s *Syncer, table string) ([]topreport.Row, error) {
	j := newJournal(s.o.Store, func(string) {})
	h, err := j.head(ctx, table)
	if err != nil {
		return nil, err
	}
	var all []topreport.Row
	for after := uint64(0); after < h.Released; {
		numbers, rows, err := s.rows(ctx, table, after, h.Released)
		if err != nil || len(rows) == 0 {
			return all, err
		}
		for i := range rows {
			all = append(all, *rows[i].outside(table, numbers[i]))
		}
		after = numbers[len(numbers)-1]
	}
	return all, nil
}
