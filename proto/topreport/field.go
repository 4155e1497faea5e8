package topreport

import "slices"

// Kind says what a field holds.
type Kind string

// The kinds, and how JSON has them.
const (
	Text    Kind = "text"    // a string of at most Max characters
	Integer Kind = "integer" // a number from 0 without decimals
	Number  Kind = "number"  // a number from 0
	Boolean Kind = "boolean" // true or false
	Day     Kind = "day"     // "2026-11-23"
	Month   Kind = "month"   // "2026-11"
	Moment  Kind = "moment"  // RFC 3339
	Address Kind = "address" // an IPv4 or IPv6 address
	Choice  Kind = "choice"  // one of the strings of Choices
	File    Kind = "file"    // a string that names a file, or an object with its id, name, mediaType, and data in base64
	Object  Kind = "object"  // an object with Fields
	List    Kind = "list"    // an array of at most Max elements of the kind Of
)

// Title is a text in Chinese and English.
type Title struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// Field is a field of a table, or of an object in one.
type Field struct {
	Number   int      `json:"number,omitempty"` // of the item in the docking agreement, or in our order of its items; 0: a field of ours
	Name     string   `json:"name"`             // in JSON
	Title    Title    `json:"title"`
	Kind     Kind     `json:"kind"`
	Max      int      `json:"max,omitempty"` // characters of a text, elements of a list
	Required bool     `json:"required,omitempty"`
	Choices  []string `json:"choices,omitempty"`
	Of       Kind     `json:"of,omitempty"` // of a list
	Fields   []Field  `json:"fields,omitempty"`
}

// Rhythm is when rows of a table are reported.
type Rhythm string

// The rhythms. Hours, days and months are those of China.
const (
	RealTime Rhythm = "real_time"
	Hourly   Rhythm = "hourly"
	Daily    Rhythm = "daily"
	Monthly  Rhythm = "monthly"
)

// Table is a table of the dictionary.
type Table struct {
	Name   string   `json:"name"`
	Title  Title    `json:"title"`
	Rhythm Rhythm   `json:"rhythm"`
	Key    []string `json:"key"` // the fields that together name what a row is about
	Fields []Field  `json:"fields"`
}

// Field is the field of that name, nil if there is none.
func (t *Table) Field(name string) *Field {
	i := slices.IndexFunc(t.Fields, func(f Field) bool { return f.Name == name })
	if i < 0 {
		return nil
	}
	return &t.Fields[i]
}

// Find is the table of that name, nil if there is none. It is shared: callers must not modify it.
func Find(name string) *Table { return byName[name] }

// Names lists the tables in the order of the dictionary.
func Names() []string {
	names := make([]string, len(tables))
	for i := range tables {
		names[i] = tables[i].Name
	}
	return names
}

// Tables is the dictionary. It is shared: callers must not modify it.
func Tables() []Table { return tables }

var byName = func() map[string]*Table {
	m := make(map[string]*Table, len(tables))
	for i := range tables {
		m[tables[i].Name] = &tables[i]
	}
	return m
}()
