package registry

import "strings"

// creditAlphabet are the characters of a unified social credit code in the order of their values:
// digits and capital letters but I, O, S, V and Z (GB 32100-2015).
const creditAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"

// checkCreditCode returns what is wrong with a unified social credit code (统一社会信用代码), or nil.
// Character i of the first 17 has weight 3^i mod 31; the last makes the sum a multiple of 31.
func checkCreditCode(code string) *Violation {
	if len(code) != 18 {
		return new(violation("", "a unified social credit code has 18 characters"))
	}
	sum, weight := 0, 1
	for i := range 17 {
		v := strings.IndexByte(creditAlphabet, code[i])
		if v < 0 {
			return new(violation("", "a unified social credit code has digits and capital letters other than I, O, S, V, Z"))
		}
		sum += v * weight
		weight = weight * 3 % 31
	}
	if code[17] != creditAlphabet[(31-sum%31)%31] {
		return new(violation("", "the check character of the unified social credit code does not fit (GB 32100)"))
	}
	return nil
}
