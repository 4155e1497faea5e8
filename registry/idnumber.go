package registry

import (
	"strings"
	"time"
)

// checkCitizenNumber reports whether number is a citizen identity number (公民身份号码, GB 11643-1999):
// six digits of a region, the date of birth, three digits, and a check character, for which digit i of
// the first 17, counted from 1, has weight 2^(18-i) mod 11.
func checkCitizenNumber(number string, now time.Time) bool {
	if len(number) != 18 || strings.Trim(number[:17], "0123456789") != "" {
		return false
	}
	if _, known := provinces[number[:2]]; !known {
		return false
	}
	birth, err := time.Parse("20060102", number[6:14])
	if err != nil || birth.Year() < 1900 || birth.After(now) {
		return false
	}
	sum, weight := 0, 1
	for i := 16; i >= 0; i-- {
		weight = weight * 2 % 11
		sum += int(number[i]-'0') * weight
	}
	return number[17] == "10X98765432"[sum%11]
}

// mask hides what lies between the first three and the last two characters of a number; all of one
// that is too short to hide anything.
func mask(number string) string {
	r := []rune(number)
	for i := range r {
		if len(r) <= 5 || i >= 3 && i < len(r)-2 {
			r[i] = '*'
		}
	}
	return string(r)
}
