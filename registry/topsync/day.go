package topsync

import (
	"fmt"
	"time"
)

// China is the time zone of hours, days and months if no other is given: UTC+8 without summer time.
var China = time.FixedZone("CST", 8*60*60)

// day is a day as 2026-11-23. The order of texts is that of days.
type day string

func dayOf(t time.Time, zone *time.Location) day { return day(t.In(zone).Format(time.DateOnly)) }

// start is when d begins.
func (d day) start(zone *time.Location) time.Time {
	t, err := time.ParseInLocation(time.DateOnly, string(d), zone)
	if err != nil {
		panic(fmt.Sprintf("topsync: %q is no day", string(d)))
	}
	return t
}

func (d day) next() day { return dayOf(d.start(time.UTC).AddDate(0, 0, 1), time.UTC) }

// end is when d is over: when the next day begins.
func (d day) end(zone *time.Location) time.Time { return d.next().start(zone) }

func (d day) month() month { return month(d[:7]) }

// month is a month as 2026-11.
type month string

func monthOf(t time.Time, zone *time.Location) month { return dayOf(t, zone).month() }

func (m month) start(zone *time.Location) time.Time { return day(m + "-01").start(zone) }

// plus is the month n later.
func (m month) plus(n int) month {
	return monthOf(m.start(time.UTC).AddDate(0, n, 0), time.UTC)
}

func (m month) end(zone *time.Location) time.Time { return m.plus(1).start(zone) }

// validMonth reports whether text is a month.
func validMonth(text string) bool {
	_, err := time.Parse("2006-01", text)
	return err == nil
}

// hourOf numbers the hours since 1970 in the zone, whose distance from UTC is whole hours or not.
func hourOf(t time.Time, zone *time.Location) int64 {
	_, offset := t.In(zone).Zone()
	return (t.Unix() + int64(offset)) / 3600
}
