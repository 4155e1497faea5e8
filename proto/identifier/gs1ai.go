package identifier

// gs1Elem is what one application identifier (AI) holds, or each AI of a range of them, after the
// GS1 Syntax Dictionary.
type gs1Elem struct {
	ai    string // the AI, or the first of a range
	last  string // the last AI of the range; empty for a single AI
	parts []gs1Part

	fixed bool // of predefined length: no FNC1 separates it from what follows
	attr  bool // may stand in the query of a Digital Link URI

	// needs names the AIs one of which must stand beside this one, ",", or all of which, "+", as in
	// "01+21,8006+21"; excludes those that must not. An n in an AI is any digit.
	needs    string
	excludes string
}

// gs1Part is a component of an element's value.
type gs1Part struct {
	set      byte // 'N' digits, 'X' set 82, 'Y' set 39, 'Z' file-safe base64
	min, max int  // characters
	optional bool
	check    func(string) string // what is wrong with the part, "" if nothing; nil for no check
}

// gs1Key is a primary key and what may follow it.
type gs1Key struct {
	qualifiers [][]string // alternatives, each in order
	company    int        // place of the GS1 company prefix in the value
	serial     int        // characters of the value before its serial component; 0 if it has none
	beside     bool       // may stand as an attribute beside another key, which then is the primary one
}

// gs1Keys are the primary keys by their AI.
var gs1Keys = map[string]gs1Key{
	"00":   {company: 1},
	"01":   {qualifiers: [][]string{{"22", "10", "21"}, {"235"}}, company: 1},
	"253":  {serial: 13},
	"255":  {serial: 13},
	"401":  {beside: true},
	"402":  {beside: true},
	"414":  {qualifiers: [][]string{{"254"}, {"7040"}}, beside: true},
	"415":  {qualifiers: [][]string{{"8020"}}, beside: true},
	"417":  {qualifiers: [][]string{{"7040"}}, beside: true},
	"8003": {company: 1, serial: 14},
	"8004": {qualifiers: [][]string{{"7040"}}},
	"8006": {qualifiers: [][]string{{"22", "10", "21"}}, company: 1},
	"8010": {qualifiers: [][]string{{"8011"}}},
	"8013": {},
	"8017": {qualifiers: [][]string{{"8019"}}},
	"8018": {qualifiers: [][]string{{"8019"}}},
}

// findElem returns the row of an AI, or nil.
func findElem(ai string) *gs1Elem {
	// Where the first two digits tell an AI's length, its order is that of these numbers.
	want := orderOfAI(ai)
	low, high := 0, len(gs1Elems)
	for low < high {
		middle := int(uint(low+high) >> 1)
		if orderOfAI(gs1Elems[middle].ai) <= want {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low == 0 || !isDigits(ai) {
		return nil
	}
	e := &gs1Elems[low-1]
	if ai == e.ai || len(ai) == len(e.ai) && ai <= e.last {
		return e
	}
	return nil
}

// orderOfAI is the first four octets of an AI as a number.
func orderOfAI(ai string) uint32 {
	if len(ai) >= 4 {
		return uint32(ai[3]) | uint32(ai[2])<<8 | uint32(ai[1])<<16 | uint32(ai[0])<<24
	}
	var n uint32
	for i := range len(ai) {
		n |= uint32(ai[i]) << (24 - 8*i)
	}
	return n
}

// lengthOfAI tells from its first two digits how long an AI is, 0 if there are none that begin so
// (GS1 General Specifications, figure 7.8.5-2).
func lengthOfAI(text string) int {
	if len(text) < 2 || !isDigit(text[0]) || !isDigit(text[1]) {
		return 0
	}
	switch text[0] {
	case '0':
		if text[1] <= '3' {
			return 2
		}
	case '1', '9':
		return 2
	case '2':
		switch text[1] {
		case '0', '1', '2':
			return 2
		case '3', '4', '5':
			return 3
		}
	case '3':
		switch text[1] {
		case '0', '7':
			return 2
		case '1', '2', '3', '4', '5', '6', '9':
			return 4
		}
	case '4':
		switch text[1] {
		case '0', '1', '2':
			return 3
		case '3':
			return 4
		}
	case '7':
		switch text[1] {
		case '0', '2':
			return 4
		case '1':
			return 3
		}
	case '8':
		switch text[1] {
		case '0', '1', '2':
			return 4
		}
	}
	return 0
}

// matchAI reports whether ai is of the pattern, in which n stands for any digit.
func matchAI(pattern, ai string) bool {
	if len(pattern) != len(ai) {
		return false
	}
	for i := range len(ai) {
		if pattern[i] != 'n' && pattern[i] != ai[i] {
			return false
		}
	}
	return true
}

// maxLength is the length of the longest value.
func (e *gs1Elem) maxLength() int {
	n := 0
	for i := range e.parts {
		n += e.parts[i].max
	}
	return n
}

// Formats that several elements share.
var (
	gs1Digits2  = []gs1Part{{set: 'N', min: 2, max: 2}}
	gs1Digits4  = []gs1Part{{set: 'N', min: 4, max: 4}}
	gs1Digits6  = []gs1Part{{set: 'N', min: 6, max: 6}}
	gs1Digits13 = []gs1Part{{set: 'N', min: 13, max: 13}}
	gs1Digits15 = []gs1Part{{set: 'N', min: 15, max: 15}}
	gs1Digits32 = []gs1Part{{set: 'N', min: 32, max: 32}}
	gs1UpTo4    = []gs1Part{{set: 'N', min: 1, max: 4}}
	gs1UpTo6    = []gs1Part{{set: 'N', min: 1, max: 6}}
	gs1UpTo8    = []gs1Part{{set: 'N', min: 1, max: 8}}
	gs1UpTo10   = []gs1Part{{set: 'N', min: 1, max: 10}}
	gs1UpTo15   = []gs1Part{{set: 'N', min: 1, max: 15}}
	gs1Text2    = []gs1Part{{set: 'X', min: 1, max: 2}}
	gs1Text3    = []gs1Part{{set: 'X', min: 1, max: 3}}
	gs1Text4    = []gs1Part{{set: 'X', min: 1, max: 4}}
	gs1Text10   = []gs1Part{{set: 'X', min: 1, max: 10}}
	gs1Text12   = []gs1Part{{set: 'X', min: 1, max: 12}}
	gs1Text20   = []gs1Part{{set: 'X', min: 1, max: 20}}
	gs1Text25   = []gs1Part{{set: 'X', min: 1, max: 25}}
	gs1Text28   = []gs1Part{{set: 'X', min: 1, max: 28}}
	gs1Text30   = []gs1Part{{set: 'X', min: 1, max: 30}}
	gs1Text50   = []gs1Part{{set: 'X', min: 1, max: 50}}
	gs1Text70   = []gs1Part{{set: 'X', min: 1, max: 70}}
	gs1Text90   = []gs1Part{{set: 'X', min: 1, max: 90}}
	gs1Signed   = []gs1Part{{set: 'Z', min: 1, max: 90}}
	gs1Escaped  = []gs1Part{{set: 'X', min: 1, max: 70, check: checkPercent}}
	gs1Named35  = []gs1Part{{set: 'X', min: 1, max: 35, check: checkPercent}}
	gs1Named40  = []gs1Part{{set: 'X', min: 1, max: 40, check: checkPercent}}
	gs1Named90  = []gs1Part{{set: 'X', min: 1, max: 90, check: checkPercent}}
	gs1Asset    = []gs1Part{{set: 'X', min: 1, max: 30, check: checkCompany}}
	gs1GTIN     = []gs1Part{{set: 'N', min: 14, max: 14, check: checkDigit}}
	gs1GLN      = []gs1Part{{set: 'N', min: 13, max: 13, check: checkDigit}}
	gs1Digits18 = []gs1Part{{set: 'N', min: 18, max: 18, check: checkDigit}}
	gs1Digits17 = []gs1Part{{set: 'N', min: 17, max: 17, check: checkDigit}}
	gs1Document = []gs1Part{{set: 'N', min: 13, max: 13, check: checkDigit}, {set: 'X', min: 1, max: 17, optional: true}}
	gs1Coupon   = []gs1Part{{set: 'N', min: 13, max: 13, check: checkDigit}, {set: 'N', min: 1, max: 12, optional: true}}
	gs1Return   = []gs1Part{{set: 'N', min: 1, max: 1, check: checkZero}, {set: 'N', min: 13, max: 13, check: checkDigit}, {set: 'X', min: 1, max: 16, optional: true}}
	gs1Piece    = []gs1Part{{set: 'N', min: 14, max: 14, check: checkDigit}, {set: 'N', min: 4, max: 4, check: checkPieces}}
	gs1CPID     = []gs1Part{{set: 'Y', min: 1, max: 30, check: checkCompany}}
	gs1CPSerial = []gs1Part{{set: 'N', min: 1, max: 12, check: checkLeadingZero}}
	gs1Model    = []gs1Part{{set: 'X', min: 3, max: 25, check: checkModel}}
	gs1Device   = []gs1Part{{set: 'X', min: 3, max: 25, check: checkDevice}}
	gs1Unique   = []gs1Part{{set: 'N', min: 1, max: 1}, {set: 'X', min: 1, max: 1}, {set: 'X', min: 1, max: 1}, {set: 'X', min: 1, max: 1, check: checkImporter}}
	gs1SIM      = []gs1Part{{set: 'N', min: 18, max: 18}, {set: 'N', min: 1, max: 2, optional: true}}
	gs1Date     = []gs1Part{{set: 'N', min: 6, max: 6, check: checkDateOrMonth}}
	gs1Day      = []gs1Part{{set: 'N', min: 6, max: 6, check: checkDate}}
	gs1Days     = []gs1Part{{set: 'N', min: 6, max: 6, check: checkDate}, {set: 'N', min: 6, max: 6, optional: true, check: checkDate}}
	gs1DateTime = []gs1Part{{set: 'N', min: 6, max: 6, check: checkDateOrMonth}, {set: 'N', min: 4, max: 4, check: checkTime}}
	gs1DayTime  = []gs1Part{{set: 'N', min: 6, max: 6, check: checkDate}, {set: 'N', min: 4, max: 4, check: checkTime}}
	gs1DayHour  = []gs1Part{{set: 'N', min: 6, max: 6, check: checkDate}, {set: 'N', min: 4, max: 4, optional: true, check: checkTime}}
	gs1Produced = []gs1Part{{set: 'N', min: 6, max: 6, check: checkDate}, {set: 'N', min: 2, max: 2, check: checkHour},
		{set: 'N', min: 2, max: 2, optional: true, check: checkMinute}, {set: 'N', min: 2, max: 2, optional: true, check: checkMinute}}
	gs1Birth      = []gs1Part{{set: 'N', min: 8, max: 8, check: checkLongDate}}
	gs1BirthTime  = []gs1Part{{set: 'N', min: 8, max: 8, check: checkLongDate}, {set: 'N', min: 4, max: 4, check: checkTime}}
	gs1BirthOrder = []gs1Part{{set: 'X', min: 3, max: 3, check: checkSequence}}
	gs1Sex        = []gs1Part{{set: 'N', min: 1, max: 1, check: checkSex}}
	gs1Flag       = []gs1Part{{set: 'N', min: 1, max: 1, check: checkYesNo}}
	gs1Heat       = []gs1Part{{set: 'N', min: 6, max: 6}, {set: 'X', min: 1, max: 1, optional: true, check: checkMinus}}
	gs1Media      = []gs1Part{{set: 'N', min: 2, max: 2, check: checkMedia}}
	gs1Country    = []gs1Part{{set: 'N', min: 3, max: 3, check: checkCountry}}
	gs1Countries  = []gs1Part{{set: 'N', min: 3, max: 3, check: checkCountry}, {set: 'N', min: 3, max: 3, optional: true, check: checkCountry},
		{set: 'N', min: 3, max: 3, optional: true, check: checkCountry}, {set: 'N', min: 3, max: 3, optional: true, check: checkCountry},
		{set: 'N', min: 3, max: 3, optional: true, check: checkCountry}}
	gs1CountryCode = []gs1Part{{set: 'X', min: 2, max: 2, check: checkCountryCode}}
	gs1Post        = []gs1Part{{set: 'N', min: 3, max: 3, check: checkCountry}, {set: 'X', min: 1, max: 9}}
	gs1Processor   = []gs1Part{{set: 'N', min: 3, max: 3, check: checkCountryOrAny}, {set: 'X', min: 1, max: 27}}
	gs1Certificate = []gs1Part{{set: 'X', min: 2, max: 2}, {set: 'X', min: 1, max: 28}}
	gs1Money       = []gs1Part{{set: 'N', min: 3, max: 3, check: checkNotZero}, {set: 'N', min: 1, max: 15}}
	gs1Place       = []gs1Part{{set: 'N', min: 10, max: 10, check: checkLatitude}, {set: 'N', min: 10, max: 10, check: checkLongitude}}
	gs1Account     = []gs1Part{{set: 'X', min: 1, max: 34, check: checkIBAN}}
	gs1Roll        = []gs1Part{{set: 'N', min: 4, max: 4, check: checkNotZero}, {set: 'N', min: 5, max: 5, check: checkNotZero},
		{set: 'N', min: 3, max: 3, check: checkNotZero}, {set: 'N', min: 1, max: 1, check: checkWinding}, {set: 'N', min: 1, max: 1}}
)

// Associations that many elements share.
const (
	gs1WithItem    = "01,02,03,8006,8026"
	gs1WithProduct = "01,02"
	gs1WithLogUnit = "00,01"
	gs1WithMeasure = "30,31nn,32nn,35nn,36nn"
)

// gs1Elems is the table of application identifiers, in the order of their text (GS1 Barcode Syntax
// Dictionary, state of 2025; GS1 General Specifications, section 3).
var gs1Elems = [...]gs1Elem{
	{ai: "00", parts: gs1Digits18, fixed: true, attr: true},
	{ai: "01", parts: gs1GTIN, fixed: true, attr: true, excludes: "255,37"},
	{ai: "02", parts: gs1GTIN, fixed: true, attr: true, needs: "37", excludes: "01,03"},
	{ai: "03", parts: gs1GTIN, fixed: true, excludes: "01,02,37,235"},
	{ai: "10", parts: gs1Text20, attr: true, needs: gs1WithItem},
	{ai: "11", parts: gs1Date, fixed: true, attr: true, needs: gs1WithItem},
	{ai: "12", parts: gs1Date, fixed: true, attr: true, needs: "8020"},
	{ai: "13", parts: gs1Date, fixed: true, attr: true, needs: gs1WithItem},
	{ai: "15", parts: gs1Date, fixed: true, attr: true, needs: gs1WithItem},
	{ai: "16", parts: gs1Date, fixed: true, attr: true, needs: gs1WithItem},
	{ai: "17", parts: gs1Date, fixed: true, attr: true, needs: "01,02,03,255,8006,8026"},
	{ai: "20", parts: gs1Digits2, fixed: true, attr: true, needs: gs1WithItem},
	{ai: "21", parts: gs1Text20, needs: "01,03,8006", excludes: "235"},
	{ai: "22", parts: gs1Text20, needs: "01,8006"},
	{ai: "235", parts: gs1Text28, needs: "01"},
	{ai: "240", parts: gs1Text30, attr: true, needs: gs1WithItem},
	{ai: "241", parts: gs1Text30, attr: true, needs: gs1WithItem},
	{ai: "242", parts: gs1UpTo6, attr: true, needs: "01,02,8006,8026"},
	{ai: "243", parts: gs1Text20, attr: true, needs: "01,03"},
	{ai: "250", parts: gs1Text30, attr: true, needs: "01+21,03+21,8006+21"},
	{ai: "251", parts: gs1Text30, attr: true, needs: "01,03,8006"},
	{ai: "253", parts: gs1Document, attr: true},
	{ai: "254", parts: gs1Text20, needs: "414"},
	{ai: "255", parts: gs1Coupon, attr: true, excludes: "01,02,415,8006,8020,8026"},
	{ai: "30", parts: gs1UpTo8, attr: true, needs: gs1WithProduct},
	{ai: "3100", last: "3105", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithProduct, excludes: "310n"},
	{ai: "3110", last: "3115", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithProduct, excludes: "311n"},
	{ai: "3120", last: "3125", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithProduct, excludes: "312n"},
	{ai: "3130", last: "3135", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithProduct, excludes: "313n"},
	{ai: "3140", last: "3145", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithProduct, excludes: "314n"},
	{ai: "3150", last: "3155", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithProduct, excludes: "315n"},
	{ai: "3160", last: "3165", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithProduct, excludes: "316n"},
	{ai: "3200", last: "3205", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithProduct, excludes: "320n"},
	{ai: "3210", last: "3215", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithProduct, excludes: "321n"},
	{ai: "3220", last: "3225", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithProduct, excludes: "322n"},
	{ai: "3230", last: "3235", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithProduct, excludes: "323n"},
	{ai: "3240", last: "3245", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithProduct, excludes: "324n"},
	{ai: "3250", last: "3255", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithProduct, excludes: "325n"},
	{ai: "3260", last: "3265", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithProduct, excludes: "326n"},
	{ai: "3270", last: "3275", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithProduct, excludes: "327n"},
	{ai: "3280", last: "3285", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithProduct, excludes: "328n"},
	{ai: "3290", last: "3295", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithProduct, excludes: "329n"},
	{ai: "3300", last: "3305", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithLogUnit, excludes: "330n"},
	{ai: "3310", last: "3315", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithLogUnit, excludes: "331n"},
	{ai: "3320", last: "3325", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithLogUnit, excludes: "332n"},
	{ai: "3330", last: "3335", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithLogUnit, excludes: "333n"},
	{ai: "3340", last: "3345", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithLogUnit, excludes: "334n"},
	{ai: "3350", last: "3355", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithLogUnit, excludes: "335n"},
	{ai: "3360", last: "3365", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithLogUnit, excludes: "336n"},
	{ai: "3370", last: "3375", parts: gs1Digits6, fixed: true, attr: true, needs: "01", excludes: "337n"},
	{ai: "3400", last: "3405", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithLogUnit, excludes: "340n"},
	{ai: "3410", last: "3415", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithLogUnit, excludes: "341n"},
	{ai: "3420", last: "3425", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithLogUnit, excludes: "342n"},
	{ai: "3430", last: "3435", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithLogUnit, excludes: "343n"},
	{ai: "3440", last: "3445", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithLogUnit, excludes: "344n"},
	{ai: "3450", last: "3455", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithLogUnit, excludes: "345n"},
	{ai: "3460", last: "3465", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithLogUnit, excludes: "346n"},
	{ai: "3470", last: "3475", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithLogUnit, excludes: "347n"},
	{ai: "3480", last: "3485", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithLogUnit, excludes: "348n"},
	{ai: "3490", last: "3495", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithLogUnit, excludes: "349n"},
	{ai: "3500", last: "3505", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithProduct, excludes: "350n"},
	{ai: "3510", last: "3515", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithProduct, excludes: "351n"},
	{ai: "3520", last: "3525", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithProduct, excludes: "352n"},
	{ai: "3530", last: "3535", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithLogUnit, excludes: "353n"},
	{ai: "3540", last: "3545", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithLogUnit, excludes: "354n"},
	{ai: "3550", last: "3555", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithLogUnit, excludes: "355n"},
	{ai: "3560", last: "3565", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithProduct, excludes: "356n"},
	{ai: "3570", last: "3575", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithProduct, excludes: "357n"},
	{ai: "3600", last: "3605", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithProduct, excludes: "360n"},
	{ai: "3610", last: "3615", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithProduct, excludes: "361n"},
	{ai: "3620", last: "3625", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithLogUnit, excludes: "362n"},
	{ai: "3630", last: "3635", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithLogUnit, excludes: "363n"},
	{ai: "3640", last: "3645", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithProduct, excludes: "364n"},
	{ai: "3650", last: "3655", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithProduct, excludes: "365n"},
	{ai: "3660", last: "3665", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithProduct, excludes: "366n"},
	{ai: "3670", last: "3675", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithLogUnit, excludes: "367n"},
	{ai: "3680", last: "3685", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithLogUnit, excludes: "368n"},
	{ai: "3690", last: "3695", parts: gs1Digits6, fixed: true, attr: true, needs: gs1WithLogUnit, excludes: "369n"},
	{ai: "37", parts: gs1UpTo8, attr: true, needs: "00+02,00+8026"},
	{ai: "3900", last: "3909", parts: gs1UpTo15, attr: true, needs: "255,8020", excludes: "390n,391n,394n,8111"},
	{ai: "3910", last: "3919", parts: gs1Money, attr: true, needs: "8020", excludes: "391n"},
	{ai: "3920", last: "3929", parts: gs1UpTo15, attr: true, needs: "01+30,01+31nn,01+32nn,01+35nn,01+36nn", excludes: "392n,393n"},
	{ai: "3930", last: "3939", parts: gs1Money, attr: true, needs: gs1WithMeasure, excludes: "393n"},
	{ai: "3940", last: "3943", parts: gs1Digits4, attr: true, needs: "255", excludes: "394n,8111"},
	{ai: "3950", last: "3955", parts: gs1Digits6, attr: true, needs: gs1WithMeasure, excludes: "392n,393n,395n,8005"},
	{ai: "400", parts: gs1Text30, attr: true},
	{ai: "401", parts: gs1Asset, attr: true},
	{ai: "402", parts: gs1Digits17, attr: true},
	{ai: "403", parts: gs1Text30, attr: true, needs: "00"},
	{ai: "410", last: "414", parts: gs1GLN, fixed: true, attr: true},
	{ai: "415", parts: gs1GLN, fixed: true, attr: true, needs: "8020"},
	{ai: "416", last: "417", parts: gs1GLN, fixed: true, attr: true},
	{ai: "420", parts: gs1Text20, attr: true, excludes: "421"},
	{ai: "421", parts: gs1Post, attr: true, excludes: "4307"},
	{ai: "422", parts: gs1Country, attr: true, needs: gs1WithItem, excludes: "426"},
	{ai: "423", parts: gs1Countries, attr: true, needs: "01,02,03", excludes: "426"},
	{ai: "424", parts: gs1Country, attr: true, needs: "01,02,03", excludes: "426"},
	{ai: "425", parts: gs1Countries, attr: true, needs: "01,02,03", excludes: "426"},
	{ai: "426", parts: gs1Country, attr: true, needs: "01,02,03"},
	{ai: "427", parts: gs1Text3, attr: true, needs: "01+422,02+422,03+422"},
	{ai: "4300", last: "4301", parts: gs1Named35, attr: true, needs: "00"},
	{ai: "4302", parts: gs1Escaped, attr: true, needs: "00"},
	{ai: "4303", parts: gs1Escaped, attr: true, needs: "4302"},
	{ai: "4304", last: "4306", parts: gs1Escaped, attr: true, needs: "00"},
	{ai: "4307", parts: gs1CountryCode, attr: true, needs: "00"},
	{ai: "4308", parts: gs1Text30, attr: true, needs: "00"},
	{ai: "4309", parts: gs1Place, attr: true, needs: "00"},
	{ai: "4310", last: "4311", parts: gs1Named35, attr: true, needs: "00"},
	{ai: "4312", parts: gs1Escaped, attr: true, needs: "00"},
	{ai: "4313", parts: gs1Escaped, attr: true, needs: "4312"},
	{ai: "4314", last: "4316", parts: gs1Escaped, attr: true, needs: "00"},
	{ai: "4317", parts: gs1CountryCode, attr: true, needs: "00"},
	{ai: "4318", parts: gs1Text20, attr: true, needs: "00"},
	{ai: "4319", parts: gs1Text30, attr: true, needs: "00"},
	{ai: "4320", parts: gs1Named35, attr: true, needs: "00"},
	{ai: "4321", last: "4323", parts: gs1Flag, attr: true, needs: "00"},
	{ai: "4324", last: "4325", parts: gs1DateTime, attr: true, needs: "00"},
	{ai: "4326", parts: gs1Day, attr: true, needs: "00"},
	{ai: "4330", parts: gs1Heat, attr: true, needs: "00", excludes: "4331"},
	{ai: "4331", parts: gs1Heat, attr: true, needs: "00", excludes: "4330"},
	{ai: "4332", parts: gs1Heat, attr: true, needs: "00", excludes: "4333"},
	{ai: "4333", parts: gs1Heat, attr: true, needs: "00", excludes: "4332"},
	{ai: "7001", parts: gs1Digits13, attr: true, needs: "01,02,8006,8026"},
	{ai: "7002", parts: gs1Text30, attr: true, needs: gs1WithProduct},
	{ai: "7003", parts: gs1DayTime, attr: true, needs: "01,02,03"},
	{ai: "7004", parts: gs1UpTo4, attr: true, needs: "01+10,03+10"},
	{ai: "7005", parts: gs1Text12, attr: true, needs: gs1WithProduct},
	{ai: "7006", parts: gs1Day, attr: true, needs: gs1WithProduct},
	{ai: "7007", parts: gs1Days, attr: true, needs: gs1WithProduct},
	{ai: "7008", parts: gs1Text3, attr: true, needs: gs1WithProduct},
	{ai: "7009", parts: gs1Text10, attr: true, needs: gs1WithProduct},
	{ai: "7010", parts: gs1Text2, attr: true, needs: "01,02,03"},
	{ai: "7011", parts: gs1DayHour, attr: true, needs: "01,02,03"},
	{ai: "7020", parts: gs1Text20, attr: true, needs: "01+416,03+416,8006+416"},
	{ai: "7021", parts: gs1Text20, attr: true, needs: "01,03,8006"},
	{ai: "7022", parts: gs1Text20, attr: true, needs: "01+7021,03+7021,8006+7021"},
	{ai: "7023", parts: gs1Asset, attr: true},
	{ai: "7030", last: "7039", parts: gs1Processor, attr: true, needs: gs1WithProduct},
	{ai: "7040", parts: gs1Unique},
	{ai: "7041", parts: gs1Text4, needs: "00"},
	{ai: "710", last: "717", parts: gs1Text20, attr: true, needs: "01"},
	{ai: "7230", last: "7239", parts: gs1Certificate, attr: true, needs: "01,8004"},
	{ai: "7240", parts: gs1Text20, attr: true, needs: "01,8006", excludes: "03"},
	{ai: "7241", parts: gs1Media, attr: true, needs: "8017,8018"},
	{ai: "7242", parts: gs1Text25, attr: true, needs: "8017,8018"},
	{ai: "7250", parts: gs1Birth, attr: true, needs: "8018", excludes: "7251"},
	{ai: "7251", parts: gs1BirthTime, attr: true, needs: "8018", excludes: "7250"},
	{ai: "7252", parts: gs1Sex, attr: true, needs: "8018"},
	{ai: "7253", last: "7254", parts: gs1Named40, attr: true, needs: "8017,8018", excludes: "7256,7259"},
	{ai: "7255", parts: gs1Text10, attr: true, needs: "8017,8018", excludes: "7256,7259"},
	{ai: "7256", parts: gs1Named90, attr: true, needs: "8017,8018"},
	{ai: "7257", parts: gs1Escaped, attr: true, needs: "8018"},
	{ai: "7258", parts: gs1BirthOrder, attr: true, needs: "8018+7259"},
	{ai: "7259", parts: gs1Named40, attr: true, needs: "8018", excludes: "7256"},
	{ai: "8001", parts: gs1Roll, attr: true, needs: "01"},
	{ai: "8002", parts: gs1Text20, attr: true},
	{ai: "8003", parts: gs1Return, attr: true},
	{ai: "8004", parts: gs1Asset, attr: true},
	{ai: "8005", parts: gs1Digits6, attr: true, needs: gs1WithProduct},
	{ai: "8006", parts: gs1Piece, attr: true, excludes: "01,03,37"},
	{ai: "8007", parts: gs1Account, attr: true, needs: "415"},
	{ai: "8008", parts: gs1Produced, attr: true, needs: "01,02,03"},
	{ai: "8009", parts: gs1Text50, attr: true, needs: "00,01,03"},
	{ai: "8010", parts: gs1CPID, attr: true},
	{ai: "8011", parts: gs1CPSerial, needs: "8010"},
	{ai: "8012", parts: gs1Text20, attr: true, needs: "01,03,8006"},
	{ai: "8013", parts: gs1Model, attr: true},
	{ai: "8014", parts: gs1Device, needs: "01"},
	{ai: "8017", parts: gs1Digits18, attr: true, excludes: "8018"},
	{ai: "8018", parts: gs1Digits18, attr: true, excludes: "8017"},
	{ai: "8019", parts: gs1UpTo10, needs: "8017,8018"},
	{ai: "8020", parts: gs1Text25, needs: "415"},
	{ai: "8026", parts: gs1Piece, attr: true, needs: "37", excludes: "02,03,8006"},
	{ai: "8030", parts: gs1Signed, attr: true, needs: "00,01+21,03+21,253,255,8003,8004,8006+21,8010+8011,8017,8018"},
	{ai: "8040", parts: gs1Digits15, needs: "01+21"},
	{ai: "8041", parts: gs1Digits15, needs: "01+21+8040"},
	{ai: "8042", parts: gs1Digits32, needs: "01+21+8040"},
	{ai: "8043", parts: gs1SIM, needs: "01+21+8040"},
	{ai: "8110", parts: gs1Text70, attr: true},
	{ai: "8111", parts: gs1Digits4, attr: true, needs: "255"},
	{ai: "8112", parts: gs1Text70, attr: true},
	{ai: "8200", parts: gs1Text70, needs: "01"},
	{ai: "90", parts: gs1Text30, attr: true},
	{ai: "91", last: "99", parts: gs1Text90, attr: true},
}

const (
	// gs1Set82 is the invariant part of ISO/IEC 646 in the order of its values, 0 to 81.
	gs1Set82 = `!"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz`
	gs1Set32 = `23456789ABCDEFGHJKLMNPQRSTUVWXYZ` // of check character pairs
)

func isSet82(c byte) bool {
	return '%' <= c && c <= '?' || isLetter(c) || c == '_' || c == '!' || c == '"'
}

func isSet39(c byte) bool {
	return isDigit(c) || 'A' <= c && c <= 'Z' || c == '-' || c == '/' || c == '#'
}

func isSet64(c byte) bool {
	return isDigit(c) || isLetter(c) || c == '-' || c == '_' || c == '='
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// holds reports whether every character of text is of the part's set.
func (p *gs1Part) holds(text string) bool {
	is := isDigit
	switch p.set {
	case 'X':
		is = isSet82
	case 'Y':
		is = isSet39
	case 'Z':
		is = isSet64
	}
	for i := range len(text) {
		if !is(text[i]) {
			return false
		}
	}
	return true
}
