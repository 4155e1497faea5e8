package identifier

import "strings"

// What is wrong with a check character. [gs1Slip] says which would be right.
const (
	wrongCheckDigit = "a wrong check digit"
	wrongCheckPair  = "a wrong check character pair"
)

// The checks of parts of an element's value. They get characters of the part's set, as many as its
// format allows, and say what is wrong, for "(01) has …".

// checkDigit checks the last digit: weights 3 and 1 in turns from the right before it (GS1 General
// Specifications, section 7.9.1).
func checkDigit(digits string) string {
	if digits[len(digits)-1] != digitFor(digits) {
		return wrongCheckDigit
	}
	return ""
}

// checkMod10 reports whether the last of digits is the right check digit.
func checkMod10(digits string) bool { return checkDigit(digits) == "" }

// digitFor is the check digit that the digits before the last one ask for.
func digitFor(digits string) byte {
	sum, weight := 0, 3
	for i := len(digits) - 2; i >= 0; i-- {
		sum += int(digits[i]-'0') * weight
		weight = 4 - weight
	}
	return '0' + byte((10-sum%10)%10)
}

// checkModel checks the two last characters of a Global Model Number.
func checkModel(text string) string {
	if reason := checkCompany(text); reason != "" {
		return reason
	}
	if text[len(text)-2:] != pairFor(text) {
		return wrongCheckPair
	}
	return ""
}

// pairFor is the check character pair that the characters before the last two ask for: primes from
// the right as weights, modulo 1021 (GS1 General Specifications, section 7.9.5).
func pairFor(text string) string {
	primes := [...]int{2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83}
	sum, n := 0, len(text)-2
	for i := range n {
		sum += strings.IndexByte(gs1Set82, text[i]) * primes[n-1-i]
	}
	sum %= 1021
	pair := [2]byte{gs1Set32[sum>>5], gs1Set32[sum&31]}
	return string(pair[:])
}

// checkDevice checks a device registration identifier: a model number that is not all digits.
func checkDevice(text string) string {
	if isDigits(text[:len(text)-2]) {
		return "no character that is not a digit"
	}
	return checkModel(text)
}

// checkCompany checks that a key begins with what could be a GS1 company prefix.
func checkCompany(text string) string {
	if len(text) < minCompanyPrefix || !isDigits(text[:minCompanyPrefix]) {
		return "no company prefix, which begins with four digits"
	}
	return ""
}

func checkZero(digit string) string {
	if digit != "0" {
		return "no leading zero"
	}
	return ""
}

func checkLeadingZero(digits string) string {
	if digits[0] == '0' && digits != "0" {
		return "a leading zero"
	}
	return ""
}

func checkNotZero(digits string) string {
	if strings.Trim(digits, "0") == "" {
		return "a zero where none may be"
	}
	return ""
}

// checkPieces checks the number of a piece and the total of pieces, two digits each.
func checkPieces(digits string) string {
	if piece, total := digits[:2], digits[2:]; piece == "00" || piece > total {
		return "pieces that do not add up"
	}
	return ""
}

// checkSequence checks a place among several, as "2/3".
func checkSequence(text string) string {
	if !isDigit(text[0]) || text[1] != '/' || !isDigit(text[2]) || text[0] == '0' || text[0] > text[2] {
		return "no place in a sequence, as 2/3"
	}
	return ""
}

// checkDate checks YYMMDD. The century is not told; 2000 was a leap year.
func checkDate(digits string) string {
	if digits[4:] == "00" || !isDate(digits, digits[1]) {
		return noDate
	}
	return ""
}

const noDate = "no date"

// checkDateOrMonth checks YYMMDD where a day of 00 is the end of the month.
func checkDateOrMonth(digits string) string {
	if !isDate(digits, digits[1]) {
		return noDate
	}
	return ""
}

// checkLongDate checks YYYYMMDD.
func checkLongDate(digits string) string {
	year := (int(digits[0]-'0')*10+int(digits[1]-'0'))*100 + int(digits[2]-'0')*10 + int(digits[3]-'0')
	common := year%100 == 0 && year%400 != 0
	if digits[6:] == "00" || !isDate(digits[2:], digits[3]) || common && digits[4:] == "0229" {
		return noDate
	}
	return ""
}

// isDate reports whether YYMMDD is a day or, with a day of 00, a month.
func isDate(digits string, year byte) bool {
	month, day := digits[2:4], digits[4:6]
	if month < "01" || month > "12" {
		return false
	}
	last := "31"
	switch month {
	case "02":
		last = "28"
		if ((digits[0]-'0')*10+year-'0')%4 == 0 {
			last = "29"
		}
	case "04", "06", "09", "11":
		last = "30"
	}
	return day <= last
}

func checkTime(digits string) string {
	if digits[:2] > "23" || digits[2:] > "59" {
		return "no time of day"
	}
	return ""
}

func checkHour(digits string) string {
	if digits > "23" {
		return "no time of day"
	}
	return ""
}

func checkMinute(digits string) string {
	if digits > "59" {
		return "no time of day"
	}
	return ""
}

func checkSex(digit string) string {
	if digit > "2" && digit != "9" {
		return "no code of ISO/IEC 5218"
	}
	return ""
}

func checkYesNo(digit string) string {
	if digit > "1" {
		return "neither 0 nor 1"
	}
	return ""
}

func checkMinus(text string) string {
	if text != "-" {
		return "another sign than minus"
	}
	return ""
}

// checkMedia checks the kind of carrier that a service relation is printed on.
func checkMedia(digits string) string {
	if digits == "00" || digits > "10" && digits < "80" {
		return "no media type"
	}
	return ""
}

func checkWinding(digit string) string {
	if digit > "1" && digit != "9" {
		return "no winding direction"
	}
	return ""
}

// checkImporter checks the importer index of an identifier of the European tobacco system.
func checkImporter(text string) string {
	if c := text[0]; c == '=' || !isSet64(c) {
		return "no importer index"
	}
	return ""
}

// checkPercent checks that percent signs begin escapes of an octet.
func checkPercent(text string) string {
	for i := range len(text) {
		if text[i] == '%' && (i+2 >= len(text) || !isHexDigit(text[i+1]) || !isHexDigit(text[i+2])) {
			return "a broken percent sign"
		}
	}
	return ""
}

func isHexDigit(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

// checkLatitude checks a latitude, counted in ten millionths of a degree from the south pole.
func checkLatitude(digits string) string {
	if digits > "1800000000" {
		return "a latitude beyond 90 degrees"
	}
	return ""
}

// checkLongitude checks a longitude, counted in ten millionths of a degree to the east.
func checkLongitude(digits string) string {
	if digits > "3600000000" {
		return "a longitude beyond 360 degrees"
	}
	return ""
}

// checkIBAN checks an account number: modulo 97 with the first four characters behind the others
// and letters as 10 to 35 (ISO 13616).
func checkIBAN(text string) string {
	rest := 0
	for i := range len(text) {
		c := text[(i+4)%len(text)]
		switch {
		case isDigit(c):
			rest = rest*10 + int(c-'0')
		case 'A' <= c && c <= 'Z':
			rest = rest*100 + int(c-'A') + 10
		default:
			return "a character that no account number holds"
		}
		rest %= 97
	}
	if len(text) < 5 || rest != 1 {
		return "an account number with wrong check digits"
	}
	return ""
}

// checkCountry checks a number of ISO 3166-1.
func checkCountry(digits string) string {
	for i := 0; i < len(countryNumbers); i += 3 {
		if countryNumbers[i:i+3] == digits {
			return ""
		}
	}
	return "no country of ISO 3166"
}

// checkCountryOrAny also takes 999, several countries.
func checkCountryOrAny(digits string) string {
	if digits == "999" {
		return ""
	}
	return checkCountry(digits)
}

// checkCountryCode checks a two-letter code of ISO 3166-1.
func checkCountryCode(letters string) string {
	for i := 0; i < len(countryCodes); i += 2 {
		if countryCodes[i:i+2] == letters {
			return ""
		}
	}
	return "no country of ISO 3166"
}

// The countries of ISO 3166-1, by number and by code, end to end.
const (
	countryNumbers = "004008010012016020024028031032036040044048050051052056060064068070072074076084086090092096100104108112116120124132136140" +
		"144148152156158162166170174175178180184188191192196203204208212214218222226231232233234238239242246248250254258260262266" +
		"268270275276288292296300304308312316320324328332334336340344348352356360364368372376380384388392398400404408410414417418" +
		"422426428430434438440442446450454458462466470474478480484492496498499500504508512516520524528531533534535540548554558562" +
		"566570574578580581583584585586591598600604608612616620624626630634638642643646652654659660662663666670674678682686688690" +
		"694702703704705706710716724728729732740744748752756760762764768772776780784788792795796798800804807818826831832833834840" +
		"850854858860862876882887894"
	countryCodes = "ADAEAFAGAIALAMAOAQARASATAUAWAXAZBABBBDBEBFBGBHBIBJBLBMBNBOBQBRBSBTBVBWBYBZCACCCDCFCGCHCICKCLCMCNCOCRCUCVCWCXCYCZDEDJDKDM" +
		"DODZECEEEGEHERESETFIFJFKFMFOFRGAGBGDGEGFGGGHGIGLGMGNGPGQGRGSGTGUGWGYHKHMHNHRHTHUIDIEILIMINIOIQIRISITJEJMJOJPKEKGKHKIKMKN" +
		"KPKRKWKYKZLALBLCLILKLRLSLTLULVLYMAMCMDMEMFMGMHMKMLMMMNMOMPMQMRMSMTMUMVMWMXMYMZNANCNENFNGNINLNONPNRNUNZOMPAPEPFPGPHPKPLPM" +
		"PNPRPSPTPWPYQARERORSRURWSASBSCSDSESGSHSISJSKSLSMSNSOSRSSSTSVSXSYSZTCTDTFTGTHTJTKTLTMTNTOTRTTTVTWTZUAUGUMUSUYUZVAVCVEVGVI" +
		"VNVUWFWSYEYTZAZMZW"
)
