package snms

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Pages (section 4.1).
const (
	defaultPageSize = 10
	maxPageSize     = 1000
)

// Layouts of dates.
const (
	dateTime = "2006-01-02 15:04:05"
	dateOnly = "2006-01-02"
)

// page is a page as Spring tells it; members are in the order of the samples. Pages are counted from 1.
type page[T any] struct {
	First            bool `json:"first"`
	Last             bool `json:"last"`
	TotalPages       int  `json:"totalPages"`
	TotalElements    int  `json:"totalElements"`
	Number           int  `json:"number"`
	Size             int  `json:"size"`
	Sort             any  `json:"sort"`
	NumberOfElements int  `json:"numberOfElements"`
	Content          []T  `json:"content"`
}

// pageOf is the page of all that the request asks for.
func pageOf[T any](r *request, all []T) (*page[T], error) {
	number, err := r.whole("currentPage", 1, 1<<31-1)
	if err != nil {
		return nil, err
	}
	size, err := r.whole("pageSize", defaultPageSize, maxPageSize)
	if err != nil {
		return nil, err
	}
	p := &page[T]{Number: number, Size: size, TotalElements: len(all), TotalPages: (len(all) + size - 1) / size, Content: []T{}}
	if from := (number - 1) * size; from < len(all) {
		p.Content = slices.Clone(all[from:min(from+size, len(all))])
	}
	p.NumberOfElements, p.First, p.Last = len(p.Content), number == 1, number >= p.TotalPages
	return p, nil
}

// whole is a parameter that is a whole number from 1 to most; absent, empty and 0 stand for otherwise.
func (r *request) whole(name string, otherwise, most int) (int, error) {
	value := strings.TrimSpace(r.URL.Query().Get(name))
	if value == "" || value == "0" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > most {
		return 0, refuse(name + " 应为 1 到 " + strconv.Itoa(most) + " 的整数")
	}
	return n, nil
}

// span is the time between the parameters startDate and endDate, both included; a pure date stands for its whole day. Zero: no bound.
func (s *server) span(r *request) (from, to time.Time, err error) {
	for name, at := range map[string]*time.Time{"startDate": &from, "endDate": &to} {
		value := strings.TrimSpace(r.URL.Query().Get(name))
		if value == "" {
			continue
		}
		if *at, err = time.ParseInLocation(dateTime, value, s.Location); err == nil {
			continue
		}
		if *at, err = time.ParseInLocation(dateOnly, value, s.Location); err != nil {
			return from, to, refuse(name + " 应为 yyyy-MM-dd HH:mm:ss 或 yyyy-MM-dd")
		}
		if name == "endDate" {
			*at = at.AddDate(0, 0, 1).Add(-time.Second)
		}
	}
	return from, to, nil
}

// within reports whether t lies between from and to, to the second.
func within(t, from, to time.Time) bool {
	t = t.Truncate(time.Second)
	return (from.IsZero() || !t.Before(from)) && (to.IsZero() || !t.After(to))
}

// date is a time as answers tell it.
func (s *server) date(t time.Time) string { return t.In(s.Location).Format(dateTime) }
