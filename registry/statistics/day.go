package statistics

import (
	"fmt"
	"time"
)

// day is a day as a number of eight digits, such as 20261123. The order of numbers is that of days.
type day uint32

const lastDay day = 1<<32 - 1

func dayOf(t time.Time, zone *time.Location) day {
	y, m, d := t.In(zone).Date()
	return day(y*10000 + int(m)*100 + d)
}

func (d day) date() time.Time {
	return time.Date(int(d/10000), time.Month(d/100%100), int(d%100), 0, 0, 0, 0, time.UTC)
}

// String is the day as 2026-11-23.
func (d day) String() string { return fmt.Sprintf("%04d-%02d-%02d", d/10000, d/100%100, d%100) }

// plus is the day that is n months and m days later.
func (d day) plus(months, days int) day { return dayOf(d.date().AddDate(0, months, days), time.UTC) }

// first is the first day of d's month, last its last.
func (d day) first() day { return d/100*100 + 1 }
func (d day) last() day  { return d.first().plus(1, -1) }

// period is a day or a month, of which the last day stands for the whole where there are no later ones yet.
type period struct {
	name     string
	from, to day
}

// periods are the days, or the months, from a day to another, both included.
func periods(from, to day, g Granularity) []period {
	var all []period
	for d := from; d <= to; {
		p := period{d.String(), d, d}
		if g == Monthly {
			p = period{d.String()[:7], d.first(), d.last()}
		}
		all = append(all, p)
		d = p.to.plus(0, 1)
	}
	return all
}
