package epp

import "strings"

// Enterprise is what an enterprise is known by at the top-level node (draft, section 3.2.1). Characters are counted; the
// limits are those with which secondary nodes collect the same items (spec/snms-api.md, section 4.6), since the
// schema that the draft speaks of is not public. An item that may be missing is empty.
type Enterprise struct {
	Type       string // entType: 1 state-controlled, 2 private, 3 foreign, 4 public institution, 5 private non-profit; at most 8
	CreditCode string // entCrCode: unified social credit code, 18 digits or capital letters
	Image      Image  // entCrtImg, entCrtImgType: scan of the certificate; may be missing
	NameCn     string // at most 255
	Province   string // entProvinceCode, of GB/T 2260: 2 to 8 digits
	City       string // entCityCode, as Province
	County     string // entCountyCode, as Province; may be missing
	AddressCn  string // at most 255
	NameEn     string // at most 255; may be missing
	AddressEn  string // at most 255; may be missing
	Website    string // at most 255; may be missing
	Descr      string // entDesc, at most 1024, with line feeds; may be missing

	Contact     Contact
	LegalPerson LegalPerson
}

// Contact is who can be asked.
type Contact struct {
	Name  string // at most 128
	Email string // at most 128
	Phone string // at most 32
}

// LegalPerson is who answers for the enterprise in law.
type LegalPerson struct {
	Name   string // at most 128
	IDType IDType
	IDNo   string // at most 32
	Image  Image  // idImg, idImgType: scan of the document; may be missing
}

// IDType is a kind of identity document. The draft names six, in this order, without numbers; its example has 1 for the
// first.
type IDType int

// The kinds of documents.
const (
	IDResident           IDType = 1 // resident identity card
	IDHongKongMacao      IDType = 2 // mainland travel permit of residents of Hong Kong and Macao
	IDTaiwan             IDType = 3 // mainland travel permit of residents of Taiwan
	IDForeignPermanent   IDType = 4 // permanent residence card of foreigners
	IDResidencePermitHMT IDType = 5 // residence permit of residents of Hong Kong, Macao and Taiwan
	IDPassport           IDType = 6
)

// Image is a picture, or nothing.
type Image struct {
	Type string // jpeg, png or bmp; empty if there is no picture
	Data []byte // at most MaxImage octets
}

// Changes are items of an enterprise of which those that are not empty are new (draft, section 3.2.5, incremental update):
// what is not weighty enough for an audit. An item is emptied by a full update only.
type Changes struct {
	Province, City, County string
	AddressCn              string
	NameEn, AddressEn      string
	Website, Descr         string
	Contact                *Contact // nil: as it is
}

var (
	region  = rule{min: 2, max: 8, valid: digits, says: "digits of GB/T 2260"}
	line    = rule{max: 255}
	spare   = rule{max: 255, optional: true, keep: true} // may be missing, and is written all the same, as the examples have it
	story   = rule{max: 1024, optional: true, keep: true, lines: true}
	person  = rule{max: 128}
	number  = rule{max: 32}
	picture = rule{among: func(s string) bool { return s == "jpeg" || s == "png" || s == "bmp" }, says: "jpeg, png or bmp"}
)

func optional(r rule) rule {
	r.optional, r.keep = true, false
	return r
}

func (e *Enterprise) form(f *form) {
	f.text("entType", &e.Type, rule{max: 8})
	f.text("entCrCode", &e.CreditCode, rule{max: 18, min: 18, valid: creditCode, says: "digits and capital letters"})
	e.Image.form(f, "entCrtImg", "entCrtImgType")
	f.text("entNameCn", &e.NameCn, line)
	f.text("entProvinceCode", &e.Province, region)
	f.text("entCityCode", &e.City, region)
	county := region
	county.optional, county.keep = true, true
	f.text("entCountyCode", &e.County, county)
	f.text("entAddrCn", &e.AddressCn, line)
	f.text("entNameEn", &e.NameEn, spare)
	f.text("entAddrEn", &e.AddressEn, spare)
	f.text("entWebSite", &e.Website, spare)
	f.text("entDesc", &e.Descr, story)
	f.object("contact", e.Contact.form)
	f.object("legalPerson", e.LegalPerson.form)
}

func (c *Contact) form(f *form) {
	f.text("name", &c.Name, person)
	f.text("email", &c.Email, person)
	f.text("phone", &c.Phone, number)
}

func (p *LegalPerson) form(f *form) {
	f.text("name", &p.Name, person)
	kind := int(p.IDType)
	f.number("idType", &kind, int(IDResident), int(IDPassport))
	p.IDType = IDType(kind)
	f.text("idNo", &p.IDNo, number)
	p.Image.form(f, "idImg", "idImgType")
}

// form has both elements or none.
func (i *Image) form(f *form, data, kind string) {
	f.image(data, &i.Data)
	f.text(kind, &i.Type, optional(picture))
	if f.err == nil && (i.Type == "") != (len(i.Data) == 0) {
		missing := data
		if i.Type == "" {
			missing = kind
		}
		f.fail(CodeMissing, missing, "", "an image has data and a type")
	}
}

func (c *Changes) form(f *form) {
	f.text("entProvinceCode", &c.Province, optional(region))
	f.text("entCityCode", &c.City, optional(region))
	f.text("entCountyCode", &c.County, optional(region))
	f.text("entAddrCn", &c.AddressCn, optional(line))
	f.text("entNameEn", &c.NameEn, optional(spare))
	f.text("entAddrEn", &c.AddressEn, optional(spare))
	f.text("entWebSite", &c.Website, optional(spare))
	f.text("entDesc", &c.Descr, optional(story))
	if f.has("contact", c.Contact != nil) {
		if f.in != nil {
			c.Contact = &Contact{}
		}
		f.object("contact", c.Contact.form)
	}
}

// Apply makes the changes.
func (c *Changes) Apply(e *Enterprise) {
	set := func(to *string, from string) {
		if from != "" {
			*to = from
		}
	}
	set(&e.Province, c.Province)
	set(&e.City, c.City)
	set(&e.County, c.County)
	set(&e.AddressCn, c.AddressCn)
	set(&e.NameEn, c.NameEn)
	set(&e.AddressEn, c.AddressEn)
	set(&e.Website, c.Website)
	set(&e.Descr, c.Descr)
	if c.Contact != nil {
		e.Contact = *c.Contact
	}
}

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }

func creditCode(s string) bool {
	return strings.Trim(s, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}
