package sheet

import (
	"encoding/json"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// scientific is how a spreadsheet program shows a long number: 1.23457E+17.
var scientific = regexp.MustCompile(`^[+-]?[0-9]([.,][0-9]+)?[Ee]\+[0-9]{2,3}$`)

// plain is the number of a number cell without an exponent. A file holds 17 digits, of which spreadsheet
// programs mean 15: 8.2 stands there as 8.1999999999999993. A number of more digits than that has lost some.
func plain(text string) (string, error) {
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || math.IsInf(n, 0) || math.IsNaN(n) {
		return "", strconv.ErrSyntax
	}
	if math.Abs(n) >= 1e15 {
		return "", errDigits
	}
	n, err = strconv.ParseFloat(strconv.FormatFloat(n, 'e', 14, 64), 64)
	if err != nil {
		return "", err
	}
	return strconv.FormatFloat(n, 'f', -1, 64), nil
}

// isNumber reports whether text is a number of JSON without an exponent.
func isNumber(text string) bool {
	var n json.Number
	return !strings.ContainsAny(text, "eE\"") && text != "null" && json.Unmarshal([]byte(text), &n) == nil
}

// day is the day of a spreadsheet's count of days: 1 is 1900-01-01, and 60 a day that never was, so that
// what comes before it is not told for certain; or 0 is 1904-01-01 (ECMA-376 part 1, section 18.17.4.1).
func (b *book) day(text string) (string, bool) {
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || n != math.Trunc(n) {
		return "", false
	}
	epoch := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	least := 61.0
	if b.from1904 {
		epoch, least = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC), 0
	}
	const most = 2_958_465 // 9999-12-31
	if n < least || n > most {
		return "", false
	}
	d := epoch.AddDate(0, 0, int(n))
	return d.Format(time.DateOnly), d.Year() <= 9999
}
