package template

import "time"

// isDay reports whether text is a day YYYY-MM-DD (RFC 3339, full-date).
func isDay(text string) bool {
	_, err := time.Parse(time.DateOnly, text)
	return err == nil
}

// dayOf returns the day of a date as it is written: of a moment (RFC 3339, date-time) the day at its own
// offset. Days compare as texts.
func dayOf(text string) (string, bool) {
	if isDay(text) {
		return text, true
	}
	var t time.Time
	if t.UnmarshalText([]byte(text)) != nil {
		return "", false
	}
	return text[:len(time.DateOnly)], true
}
