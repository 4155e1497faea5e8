package registry

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/idnode/idnode/storage"
)

// JobAllowance is how much an enterprise may still submit as bulk jobs.
type JobAllowance struct {
	Jobs, JobsLeft int           // that have not ended
	Rows, RowsLeft int           // a day, in Beijing; Rows is 0 where there is no bound
	Reset          time.Duration // until the next day
}

// jobRetry is after how long it is worth trying again when an enterprise has too many jobs.
const jobRetry = 10 * time.Second

// JobAllowance tells what an enterprise has left. The rows of a job count on the day on which they were done, those
// that have not been done today; of text as many as it has lines.
func (r *Registrar) JobAllowance(ctx context.Context, enterprise string) (JobAllowance, error) {
	now := r.now()
	today := dayOf(now)
	a := JobAllowance{Jobs: r.limits.JobsPerEnterprise, Rows: max(0, r.limits.JobRowsPerDay), Reset: untilMidnight(now)}
	if enterprise == Self {
		a.Rows = 0
	}
	rows, err := r.droppedRows(ctx, enterprise, today)
	if err != nil {
		return a, AsError(err)
	}
	jobs, done := 0, int(rows.count)
	err = r.EachJob(ctx, func(j *Job) error {
		switch {
		case j.Enterprise != enterprise:
		case !j.State.Ended():
			jobs++
			done += j.Lines
		case dayOf(j.Finished) == today:
			done += j.Summary.Total
		}
		return nil
	})
	if err != nil {
		return a, AsError(err)
	}
	a.JobsLeft, a.RowsLeft = max(0, a.Jobs-jobs), max(0, a.Rows-done)
	return a, nil
}

// allowJob refuses a job beyond what its enterprise has left.
func (r *Registrar) allowJob(ctx context.Context, q *JobRequest) error {
	a, err := r.JobAllowance(ctx, q.Enterprise)
	if err != nil {
		return err
	}
	switch {
	case a.JobsLeft == 0:
		e := refuse(CodeTooManyRequests, "", "the enterprise has %d jobs that have not ended, as many as it may", a.Jobs)
		e.RetryAfter = jobRetry
		return e
	case a.Rows > 0 && q.Lines > a.Rows:
		return refuse(CodeTooLarge, "", "the input has %d lines; the jobs of an enterprise have at most %d a day", q.Lines, a.Rows)
	case a.Rows > 0 && max(1, q.Lines) > a.RowsLeft:
		e := refuse(CodeTooManyRequests, "", "the jobs of the enterprise may have %d more rows today, and the input has %d lines", a.RowsLeft, q.Lines)
		e.RetryAfter = a.Reset
		return e
	}
	return nil
}

// droppedRows are rows of jobs that have been dropped on the day on which they were done.
type droppedRows struct {
	count, version uint64
}

func jobRowsKey(enterprise string, day uint32) []byte {
	return binary.BigEndian.AppendUint32(storage.EnterpriseDaysPrefix(storage.CounterJobRows, enterprise), day)
}

func (r *Registrar) droppedRows(ctx context.Context, enterprise string, day uint32) (droppedRows, error) {
	key := jobRowsKey(enterprise, day)
	item, err := r.store.Get(ctx, key)
	if errors.Is(err, storage.ErrNotFound) {
		return droppedRows{}, nil
	}
	if err != nil {
		return droppedRows{}, err
	}
	n, used := binary.Uvarint(item.Value)
	if used != len(item.Value) {
		return droppedRows{}, fmt.Errorf("key %x: %x rows", key, item.Value)
	}
	return droppedRows{n, item.Version}, nil
}

// keepRows adds to b that j is dropped, as far as its rows still count.
func (r *Registrar) keepRows(ctx context.Context, b *storage.Batch, j *Job, now time.Time) error {
	today := dayOf(now)
	if dayOf(j.Finished) != today || j.Summary.Total == 0 {
		return nil
	}
	before, err := r.droppedRows(ctx, j.Enterprise, today)
	if err != nil {
		return err
	}
	b.Put(jobRowsKey(j.Enterprise, today), binary.AppendUvarint(nil, before.count+uint64(j.Summary.Total)), before.version)
	return nil
}

// dayOf is the day of t in Beijing as a number, such as 20261123.
func dayOf(t time.Time) uint32 {
	y, m, d := t.In(beijing).Date()
	return uint32(y*10000 + int(m)*100 + d)
}
