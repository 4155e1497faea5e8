// Package location reads values of type 10320/loc, which say in XML where a handle's object is, and chooses one of the
// places (the type's record 10320/loc, and spec/handle-protocol.md, section 13, "Redirects").
package location

import (
	"bytes"
	"encoding/xml"
	"io"
	"math"
	"strconv"
	"strings"
)

// Type is the type of the values.
const Type = "10320/loc"

// Bounds of a value.
const (
	maxOctets    = 64 << 10
	maxLocations = 1000
	maxDepth     = 8
)

// Error says why a value is none.
type Error string

func (e Error) Error() string { return "10320/loc: " + string(e) }

const (
	ErrTooLarge Error = "too large"
	ErrForm     Error = "no <locations> in XML"
)

// Locations is the content of a value.
type Locations struct {
	ChooseBy []string // how one is chosen, in this order: "locatt", "country", "weighted"; others are passed over
	All      []Location
}

// Location is a place.
type Location struct {
	Href       string
	Weight     float64           // how often it is chosen beside others; 0: only if nothing else is left
	Attributes map[string]string // all of them, href and weight as well, by their names in lower case
}

// Parse reads the data of a value. Places without a href are left out.
func Parse(data []byte) (*Locations, error) {
	if len(data) > maxOctets {
		return nil, ErrTooLarge
	}
	dec := xml.NewDecoder(bytes.NewReader(data))
	dec.CharsetReader = func(string, io.Reader) (io.Reader, error) { return nil, ErrForm }
	var l *Locations
	for depth := 0; ; {
		token, err := dec.Token()
		if err == io.EOF && l != nil && depth == 0 {
			return l, nil
		}
		if err != nil {
			return nil, ErrForm
		}
		switch t := token.(type) {
		case xml.StartElement:
			if depth++; depth > maxDepth {
				return nil, ErrForm
			}
			attributes := make(map[string]string, len(t.Attr))
			for _, a := range t.Attr {
				attributes[strings.ToLower(a.Name.Local)] = a.Value
			}
			switch {
			case depth == 1 && (l != nil || !strings.EqualFold(t.Name.Local, "locations")):
				return nil, ErrForm
			case depth == 1:
				l = &Locations{ChooseBy: chooseBy(attributes)}
			case depth == 2 && strings.EqualFold(t.Name.Local, "location") && attributes["href"] != "":
				if len(l.All) == maxLocations {
					return nil, ErrTooLarge
				}
				l.All = append(l.All, Location{attributes["href"], weight(attributes), attributes})
			}
		case xml.EndElement:
			depth--
		}
	}
}

// chooseBy is the order of the choice, that of the type's record where a value gives none.
func chooseBy(attributes map[string]string) []string {
	text, ok := attributes["chooseby"]
	if !ok {
		return []string{"locatt", "country", "weighted"}
	}
	var order []string
	for name := range strings.SplitSeq(text, ",") {
		if name = strings.ToLower(strings.TrimSpace(name)); name != "" {
			order = append(order, name)
		}
	}
	return order
}

// weight is that of a place, 1 where it has none that is a number. One below 0 is no more than 0.
func weight(attributes map[string]string) float64 {
	w, err := strconv.ParseFloat(strings.TrimSpace(attributes["weight"]), 64)
	if err != nil || math.IsNaN(w) || math.IsInf(w, 0) {
		return 1
	}
	return max(0, w)
}

// Request is for whom a place is chosen.
type Request struct {
	Attributes [][2]string                 // names and values that a place has to have; those that none has are passed over
	Country    string                      // of the asker, two letters (ISO 3166-1); empty if it is not known
	Random     func(below float64) float64 // a number from 0 to below; nil: always the first place
}

// Choose returns a place, nil if there is none. Each way of choosing narrows what is left; one that would leave nothing is
// passed over. What is left at the end is drawn by weight, whether or not the value names that.
func (l *Locations) Choose(r Request) *Location {
	left := make([]*Location, len(l.All))
	for i := range l.All {
		left[i] = &l.All[i]
	}
	for _, by := range l.ChooseBy {
		switch by {
		case "locatt":
			for _, a := range r.Attributes {
				if kept := having(left, a[0], a[1]); len(kept) > 0 {
					left = kept
				}
			}
		case "country":
			left = inCountry(left, r.Country)
		case "weighted":
			return weighted(left, r.Random)
		}
	}
	return weighted(left, r.Random)
}

func having(all []*Location, name, value string) (kept []*Location) {
	for _, one := range all {
		if got, ok := one.Attributes[strings.ToLower(name)]; ok && got == value {
			kept = append(kept, one)
		}
	}
	return kept
}

// inCountry keeps the places for a country; where there are none, those for no country in particular.
func inCountry(all []*Location, country string) []*Location {
	var theirs, anybodys []*Location
	for _, one := range all {
		switch c := one.Attributes["country"]; {
		case c == "":
			anybodys = append(anybodys, one)
		case country != "" && strings.EqualFold(c, country):
			theirs = append(theirs, one)
		}
	}
	switch {
	case len(theirs) > 0:
		return theirs
	case len(anybodys) > 0:
		return anybodys
	}
	return all
}

// weighted draws a place by the weights. Those of weight 0 are drawn only if there are no others, and then all alike.
func weighted(all []*Location, random func(below float64) float64) *Location {
	if len(all) == 0 {
		return nil
	}
	total := 0.0
	for _, one := range all {
		total += one.Weight
	}
	switch {
	case random == nil:
		return first(all)
	case total == 0:
		return all[min(int(random(float64(len(all)))), len(all)-1)]
	}
	at := random(total)
	for _, one := range all {
		if one.Weight == 0 {
			continue
		}
		if at -= one.Weight; at < 0 {
			return one
		}
	}
	return first(all)
}

// first is the first place that has a weight, or the first.
func first(all []*Location) *Location {
	for _, one := range all {
		if one.Weight > 0 {
			return one
		}
	}
	return all[0]
}
