package snms

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/idnode/idnode/registry"
)

// entForm is what an enterprise says of itself (section 4.6): the registry's form in other words. Members that a request leaves out are
// "", 0 or nil in answers.
type entForm struct {
	Basic   *entBasic   `json:"entBasicInfo"`
	Manage  *entManage  `json:"entRegisterManageInfo"`
	Hosting *entHosting `json:"entHostingAndIdentifyServeInfo"`
}

type entBasic struct {
	OrgName         text   `json:"orgName"`
	OrgNature       text   `json:"orgNature"`
	OrgAddr         text   `json:"orgAddr"`
	OrgAddrProvince text   `json:"orgAddrProvince"`
	OrgAddrCity     text   `json:"orgAddrCity"`
	OrgAddrCounty   text   `json:"orgAddrCounty"`
	OrgCrtType      text   `json:"orgCrtType"`
	OrgCrtCode      text   `json:"orgCrtCode"`
	OrgCrtImgRid    number `json:"orgCrtImgRid"`
	OrgDesc         text   `json:"orgDesc"`

	IndustryCategory text   `json:"industryCategory"`
	IndustrySpecific text   `json:"industrySpecific"`
	Website          text   `json:"website"`
	RegAuthority     text   `json:"regAuthority"`
	RegCapital       number `json:"regCapital"`
	EstablishDate    text   `json:"establishDate"`
	PeriodValidity   text   `json:"periodValidity"`

	ContactName           text   `json:"contactName"`
	ContactCrtType        number `json:"contactCrtType"`
	ContactCrtNo          text   `json:"contactCrtNo"`
	ContactCrtBackImgRid  number `json:"contactCrtBackImgRid"`
	ContactCrtFrontImgRid number `json:"contactCrtFrontImgRid"`
	ContactEmail          text   `json:"contactEmail"`
	ContactPhone          text   `json:"contactPhone"`

	LegalName           text   `json:"legalName"`
	LegalCrtType        text   `json:"legalCrtType"`
	LegalCrtNo          text   `json:"legalCrtNo"`
	LegalCrtBackImgRid  number `json:"legalCrtBackImgRid"`
	LegalCrtFrontImgRid number `json:"legalCrtFrontImgRid"`
	LegalEmail          text   `json:"legalEmail"`
	LegalFax            text   `json:"legalFax"`
	LegalPhone          text   `json:"legalPhone"`

	EntPrefix text `json:"entPrefix"`
}

type entManage struct {
	Systems []entSystem `json:"entInfoSyses"`

	BuildType     number `json:"servSysBuildType"`
	BuildName     text   `json:"servSysBuildName"`
	BuildContract number `json:"servSysBuildContractFileRid"`
	OperType      number `json:"servSysOperType"`
	OperName      text   `json:"servSysOperName"`
	OperContract  number `json:"servSysOperContractFileRid"`
}

type entSystem struct {
	SysType            number `json:"sysType"`
	DeployMode         number `json:"deployMode"`
	DeployAddrProvince text   `json:"deployAddrProvince"`
	DeployAddrCity     text   `json:"deployAddrCity"`
	DeployAddrCounty   text   `json:"deployAddrCounty"`
	DeployAddr         text   `json:"deployAddr"`
	IPPort             text   `json:"ipPort"`
	Name               text   `json:"name"`
}

type entHosting struct {
	ExtWebName          text          `json:"extWebName"`
	ExtDomain           text          `json:"extDomain"`
	ExtIPAddr           text          `json:"extIpAddr"`
	DataHostingOrg      text          `json:"dataHostingOrg"`
	DataHostingContract number        `json:"dataHostingContractFileRid"`
	ServHostingOrg      text          `json:"servHostingOrg"`
	ServHostingContract number        `json:"servHostingContractFileRid"`
	Industries          []entIndustry `json:"entInfoSerIndustries"`
	Licenses            []entLicense  `json:"entInfoLicenses"`
}

type entIndustry struct {
	Category text `json:"industryCategory"`
	Specific text `json:"industrySpecific"`
	Trade    text `json:"industryTrade"`
	Subclass text `json:"industrySubclass"`
}

type entLicense struct {
	Number text   `json:"licenceNo"`
	Type   number `json:"licenceType"`
}

// member is a member of a form that is looked at: its value, whether it must be there, and its longest value.
type member struct {
	name  string
	value string
	need  bool
	most  int
}

// check holds members to what the documents say of them.
func checkMembers(at string, members []member) error {
	for _, m := range members {
		if value := strings.TrimSpace(m.value); m.need && (value == "" || value == "0") {
			return missing(at + m.name)
		}
		if n := len([]rune(m.value)); n > m.most {
			return tooLong(at+m.name, m.most)
		}
	}
	return nil
}

func digits(n number) string { return strconv.FormatInt(int64(n), 10) }

// application is f as the registry takes it.
func (f *entForm) application() (*registry.EnterpriseApplication, error) {
	if f.Basic == nil {
		return nil, missing("entBasicInfo")
	}
	if f.Manage == nil {
		return nil, missing("entRegisterManageInfo")
	}
	q := &registry.EnterpriseApplication{}
	if err := f.Basic.into(&q.Enterprise); err != nil {
		return nil, err
	}
	if err := f.Manage.into(&q.Enterprise); err != nil {
		return nil, err
	}
	if f.Hosting != nil {
		if err := f.Hosting.into(&q.Enterprise); err != nil {
			return nil, err
		}
	}
	q.Prefix = &registry.PrefixWish{Prefix: strings.TrimSpace(string(f.Basic.EntPrefix))}
	return q, nil
}

func (b *entBasic) into(e *registry.EnterpriseForm) error {
	const at = "entBasicInfo."
	if err := checkMembers(at, []member{
		{"orgName", string(b.OrgName), true, 255}, {"orgNature", string(b.OrgNature), true, 1}, {"orgAddr", string(b.OrgAddr), true, 255},
		{"orgAddrProvince", string(b.OrgAddrProvince), true, 8}, {"orgAddrCity", string(b.OrgAddrCity), true, 8}, {"orgAddrCounty", string(b.OrgAddrCounty), false, 8},
		{"orgCrtType", string(b.OrgCrtType), true, 1}, {"orgCrtCode", string(b.OrgCrtCode), true, 32}, {"orgCrtImgRid", digits(b.OrgCrtImgRid), true, 20},
		{"orgDesc", string(b.OrgDesc), false, 1024}, {"industryCategory", string(b.IndustryCategory), true, 8}, {"industrySpecific", string(b.IndustrySpecific), true, 8},
		{"website", string(b.Website), false, 255}, {"regAuthority", string(b.RegAuthority), false, 255},
		{"contactName", string(b.ContactName), true, 128}, {"contactCrtType", digits(b.ContactCrtType), true, 1}, {"contactCrtNo", string(b.ContactCrtNo), true, 32},
		{"contactEmail", string(b.ContactEmail), true, 128}, {"contactPhone", string(b.ContactPhone), true, 16},
		{"legalName", string(b.LegalName), true, 128}, {"legalCrtType", string(b.LegalCrtType), true, 1}, {"legalCrtNo", string(b.LegalCrtNo), true, 32},
		{"legalCrtBackImgRid", digits(b.LegalCrtBackImgRid), true, 20}, {"legalCrtFrontImgRid", digits(b.LegalCrtFrontImgRid), true, 20},
		{"legalEmail", string(b.LegalEmail), false, 128}, {"legalFax", string(b.LegalFax), false, 255}, {"legalPhone", string(b.LegalPhone), false, 16},
		{"entPrefix", string(b.EntPrefix), true, maxPrefix},
	}); err != nil {
		return err
	}
	region, err := regionOf(at+"orgAddr", b.OrgAddrProvince, b.OrgAddrCity, b.OrgAddrCounty)
	if err != nil {
		return err
	}
	e.Name, e.Nature, e.Address, e.Region = string(b.OrgName), string(b.OrgNature), string(b.OrgAddr), region
	e.Industry, e.Website = string(b.IndustryCategory)+string(b.IndustrySpecific), webIn(string(b.Website))
	e.Description, e.RegistrationAuthority, e.RegisteredCapital = string(b.OrgDesc), string(b.RegAuthority), int64(b.RegCapital)
	e.Established, e.ValidUntil = dayOf(b.EstablishDate), dayOf(b.PeriodValidity)
	e.Certificate = &registry.Certificate{Type: string(b.OrgCrtType), Number: string(b.OrgCrtCode), Scan: fileOf(b.OrgCrtImgRid)}
	e.Contact = &registry.Contact{Name: string(b.ContactName), Phone: string(b.ContactPhone), Email: string(b.ContactEmail), IDType: digits(b.ContactCrtType), IDNumber: string(b.ContactCrtNo),
		IDFront: fileOf(b.ContactCrtFrontImgRid), IDBack: fileOf(b.ContactCrtBackImgRid)}
	e.Legal = &registry.LegalPerson{Fax: string(b.LegalFax), Contact: registry.Contact{Name: string(b.LegalName), Phone: string(b.LegalPhone), Email: string(b.LegalEmail),
		IDType: string(b.LegalCrtType), IDNumber: string(b.LegalCrtNo), IDFront: fileOf(b.LegalCrtFrontImgRid), IDBack: fileOf(b.LegalCrtBackImgRid)}}
	return nil
}

func (m *entManage) into(e *registry.EnterpriseForm) error {
	const at = "entRegisterManageInfo."
	if err := checkMembers(at, []member{
		{"servSysBuildType", digits(m.BuildType), true, 1}, {"servSysBuildName", string(m.BuildName), false, 255}, {"servSysOperType", digits(m.OperType), true, 1},
		{"servSysOperName", string(m.OperName), false, 255},
	}); err != nil {
		return err
	}
	if len(m.Systems) == 0 {
		return missing(at + "entInfoSyses")
	}
	have := make(map[number]bool)
	for i := range m.Systems {
		s := &m.Systems[i]
		in := fmt.Sprintf("%sentInfoSyses[%d].", at, i)
		own := s.DeployMode == 1
		if err := checkMembers(in, []member{
			{"sysType", digits(s.SysType), true, 1}, {"deployMode", digits(s.DeployMode), true, 1}, {"deployAddrProvince", string(s.DeployAddrProvince), own, 8},
			{"deployAddrCity", string(s.DeployAddrCity), own, 8}, {"deployAddrCounty", string(s.DeployAddrCounty), own, 8}, {"deployAddr", string(s.DeployAddr), own, 255},
			{"name", string(s.Name), s.DeployMode == 2, 255}, {"ipPort", string(s.IPPort), false, 255},
		}); err != nil {
			return err
		}
		have[s.SysType] = true
		out := registry.System{Kind: digits(s.SysType), DeployMode: digits(s.DeployMode), Address: string(s.DeployAddr), Cloud: string(s.Name), Endpoints: listOf(s.IPPort)}
		if s.DeployAddrProvince != "" || s.DeployAddrCity != "" || s.DeployAddrCounty != "" {
			var err error
			if out.Region, err = regionOf(in+"deployAddr", s.DeployAddrProvince, s.DeployAddrCity, s.DeployAddrCounty); err != nil {
				return err
			}
		}
		e.Systems = append(e.Systems, out)
	}
	for kind := number(1); kind <= 4; kind++ {
		if !have[kind] {
			return refuse(fmt.Sprintf("%sentInfoSyses 缺少 sysType %d 的系统", at, kind))
		}
	}
	e.Build = &registry.Commission{By: digits(m.BuildType), Name: string(m.BuildName), Contract: fileOf(m.BuildContract)}
	e.Operate = &registry.Commission{By: digits(m.OperType), Name: string(m.OperName), Contract: fileOf(m.OperContract)}
	return nil
}

func (h *entHosting) into(e *registry.EnterpriseForm) error {
	const at = "entHostingAndIdentifyServeInfo."
	if err := checkMembers(at, []member{
		{"extWebName", string(h.ExtWebName), false, 255}, {"extDomain", string(h.ExtDomain), false, 255}, {"extIpAddr", string(h.ExtIPAddr), false, 255},
		{"dataHostingOrg", string(h.DataHostingOrg), false, 255}, {"servHostingOrg", string(h.ServHostingOrg), false, 255},
	}); err != nil {
		return err
	}
	e.Hosting = &registry.Hosting{Websites: listOf(h.ExtWebName), Domains: listOf(h.ExtDomain), IPs: listOf(h.ExtIPAddr),
		DataHosting: trusteeOf(h.DataHostingOrg, h.DataHostingContract), ServiceHosting: trusteeOf(h.ServHostingOrg, h.ServHostingContract)}
	for i := range h.Industries {
		n := &h.Industries[i]
		if err := checkMembers(fmt.Sprintf("%sentInfoSerIndustries[%d].", at, i), []member{
			{"industryCategory", string(n.Category), true, 8}, {"industrySpecific", string(n.Specific), true, 8},
			{"industryTrade", string(n.Trade), true, 8}, {"industrySubclass", string(n.Subclass), true, 8},
		}); err != nil {
			return err
		}
		if !strings.HasPrefix(string(n.Trade), string(n.Specific)) || !strings.HasPrefix(string(n.Subclass), string(n.Trade)) {
			return refuse(fmt.Sprintf("%sentInfoSerIndustries[%d] 的各级行业代码不一致", at, i))
		}
		e.Serves = append(e.Serves, string(n.Category)+string(n.Subclass))
	}
	for i := range h.Licenses {
		l := &h.Licenses[i]
		if err := checkMembers(fmt.Sprintf("%sentInfoLicenses[%d].", at, i), []member{{"licenceNo", string(l.Number), true, 255}, {"licenceType", digits(l.Type), true, 1}}); err != nil {
			return err
		}
		e.Licences = append(e.Licences, registry.Licence{Number: string(l.Number), Type: digits(l.Type)})
	}
	return nil
}

// formOf is an enterprise in the words of the documents.
func formOf(e *registry.Enterprise, prefix string) *entForm {
	f := &entForm{Basic: basicOf(e), Manage: &entManage{Systems: []entSystem{}}}
	f.Basic.EntPrefix = text(prefix)
	for i := range e.Systems {
		s := &e.Systems[i]
		out := entSystem{SysType: codeOf("system", s.Kind), DeployMode: codeOf("deployMode", s.DeployMode), DeployAddr: text(s.Address), Name: text(s.Cloud)}
		out.DeployAddrProvince, out.DeployAddrCity, out.DeployAddrCounty = levelsOf(s.Region)
		var ports []string
		for _, p := range s.Endpoints {
			if ap, err := netip.ParseAddrPort(p); err == nil {
				p = fmt.Sprintf("[%s]:%d", ap.Addr(), ap.Port())
			}
			ports = append(ports, p)
		}
		out.IPPort = text(strings.Join(ports, ";"))
		f.Manage.Systems = append(f.Manage.Systems, out)
	}
	if c := e.Build; c != nil {
		f.Manage.BuildType, f.Manage.BuildName, f.Manage.BuildContract = codeOf("commission", c.By), text(c.Name), numberOf(c.Contract)
	}
	if c := e.Operate; c != nil {
		f.Manage.OperType, f.Manage.OperName, f.Manage.OperContract = codeOf("commission", c.By), text(c.Name), numberOf(c.Contract)
	}
	if e.Hosting == nil && len(e.Serves) == 0 && len(e.Licences) == 0 {
		return f
	}
	h := &entHosting{Industries: []entIndustry{}, Licenses: []entLicense{}}
	if g := e.Hosting; g != nil {
		h.ExtWebName, h.ExtDomain, h.ExtIPAddr = joined(g.Websites), joined(g.Domains), joined(g.IPs)
		if g.DataHosting != nil {
			h.DataHostingOrg, h.DataHostingContract = text(g.DataHosting.Name), numberOf(g.DataHosting.Contract)
		}
		if g.ServiceHosting != nil {
			h.ServHostingOrg, h.ServHostingContract = text(g.ServiceHosting.Name), numberOf(g.ServiceHosting.Contract)
		}
	}
	for _, code := range e.Serves {
		n := entIndustry{Category: text(code[:1])}
		for length, to := range map[int]*text{2: &n.Specific, 3: &n.Trade, 4: &n.Subclass} {
			if len(code) > length {
				*to = text(code[1 : 1+length])
			}
		}
		h.Industries = append(h.Industries, n)
	}
	for _, l := range e.Licences {
		h.Licenses = append(h.Licenses, entLicense{text(l.Number), codeOf("licence", l.Type)})
	}
	f.Hosting = h
	return f
}

// basicOf is the first block of formOf, without the prefix.
func basicOf(e *registry.Enterprise) *entBasic {
	b := &entBasic{OrgName: text(e.Name), OrgNature: optional(codeOf("nature", e.Nature)), OrgAddr: text(e.Address), OrgDesc: text(e.Description), Website: text(webOut(e.Website)),
		RegAuthority: text(e.RegistrationAuthority), RegCapital: number(e.RegisteredCapital), EstablishDate: text(e.Established), PeriodValidity: text(e.ValidUntil)}
	b.OrgAddrProvince, b.OrgAddrCity, b.OrgAddrCounty = levelsOf(e.Region)
	if len(e.Industry) > 0 {
		b.IndustryCategory, b.IndustrySpecific = text(e.Industry[:1]), text(e.Industry[1:])
	}
	if e.CreditCode != "" {
		b.OrgCrtType, b.OrgCrtCode = "1", text(e.CreditCode)
	}
	if c := e.Certificate; c != nil {
		if b.OrgCrtImgRid = numberOf(c.Scan); c.Type == "other" {
			b.OrgCrtType, b.OrgCrtCode = "2", text(c.Number)
		}
	}
	if c := e.Contact; c != nil {
		b.ContactName, b.ContactPhone, b.ContactEmail = text(c.Name), text(c.Phone), text(c.Email)
		b.ContactCrtType, b.ContactCrtNo = codeOf("idType", c.IDType), text(c.IDNumber)
		b.ContactCrtFrontImgRid, b.ContactCrtBackImgRid = numberOf(c.IDFront), numberOf(c.IDBack)
	}
	if l := e.Legal; l != nil {
		b.LegalName, b.LegalPhone, b.LegalEmail, b.LegalFax = text(l.Name), text(l.Phone), text(l.Email), text(l.Fax)
		b.LegalCrtType, b.LegalCrtNo = optional(codeOf("idType", l.IDType)), text(l.IDNumber)
		b.LegalCrtFrontImgRid, b.LegalCrtBackImgRid = numberOf(l.IDFront), numberOf(l.IDBack)
	}
	return b
}

// codeOf is the code of a choice, 0 if there is none.
func codeOf(set, name string) number {
	n, err := strconv.ParseInt(registry.CodeOf(set, name), 10, 64)
	if err != nil {
		return 0
	}
	return number(n)
}

// optional is a code as text, "" if there is none.
func optional(n number) text {
	if n == 0 {
		return ""
	}
	return text(digits(n))
}

// fileOf names the file of a number, numberOf the reverse.
func fileOf(n number) registry.FileID {
	if n <= 0 {
		return ""
	}
	return registry.FileID(registry.FileByNumber(uint64(n)))
}

func numberOf(id registry.FileID) number { return number(registry.Number(string(id))) }

func trusteeOf(name text, contract number) *registry.Trustee {
	if name == "" && contract == 0 {
		return nil
	}
	return &registry.Trustee{Name: string(name), Contract: fileOf(contract)}
}

// listOf takes apart what is joined with ";".
func listOf(t text) (all registry.TextList) {
	for part := range strings.FieldsFuncSeq(string(t), func(r rune) bool { return r == ';' || r == '；' }) {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, part)
		}
	}
	return all
}

func joined(all registry.TextList) text { return text(strings.Join(all, ";")) }

// regionOf is the most exact of the codes of a region (GB/T 2260), which must lie in one another.
func regionOf(at string, province, city, county text) (string, error) {
	p, c, d := strings.TrimSpace(string(province)), strings.TrimSpace(string(city)), strings.TrimSpace(string(county))
	for _, code := range []struct{ name, value string }{{"Province", p}, {"City", c}, {"County", d}} {
		if code.value != "" && (len(code.value) != 6 || strings.Trim(code.value, "0123456789") != "") {
			return "", refuse(at + code.name + " 应为六位行政区划代码")
		}
	}
	if c != "" && p != "" && c[:2] != p[:2] || d != "" && c != "" && d[:4] != c[:4] || d != "" && p != "" && d[:2] != p[:2] {
		return "", refuse(at + " 的省、市、区代码不一致")
	}
	for _, code := range []string{d, c, p} {
		if code != "" {
			return code, nil
		}
	}
	return "", nil
}

// levelsOf are the codes of the province, city and county that a region lies in.
func levelsOf(region string) (province, city, county text) {
	if len(region) != 6 {
		return "", "", ""
	}
	province = text(region[:2] + "0000")
	if region[2:] != "0000" {
		city = text(region[:4] + "00")
	}
	if region[4:] != "00" {
		county = text(region)
	}
	return province, city, county
}

// A web site is often written without http://, which the registry's form wants.
const webScheme = "http://"

func webIn(site string) string {
	if site = strings.TrimSpace(site); site != "" && !strings.Contains(site, "://") {
		return webScheme + site
	}
	return site
}

func webOut(site string) string { return strings.TrimPrefix(site, webScheme) }

// dayOf is the day of a date, which may come with a time.
func dayOf(t text) string {
	day, _, _ := strings.Cut(strings.TrimSpace(string(t)), " ")
	return day
}

// formNames are the names of members of forms by what the registry calls them.
var formNames = map[string]string{
	"/username": "userName", "/password": "password", "/passwordHash": "password", "/email": "email", "/mobile": "mobile", "/name": "remarks",
	"/enterprise/name": "orgName", "/enterprise/nature": "orgNature", "/enterprise/region": "orgAddrCity", "/enterprise/address": "orgAddr",
	"/enterprise/creditCode": "orgCrtCode", "/enterprise/certificate/type": "orgCrtType", "/enterprise/certificate/number": "orgCrtCode", "/enterprise/certificate/scan": "orgCrtImgRid",
	"/enterprise/industry": "industrySpecific", "/enterprise/website": "website", "/enterprise/established": "establishDate", "/enterprise/validUntil": "periodValidity",
	"/enterprise/contact/idType": "contactCrtType", "/enterprise/contact/idNumber": "contactCrtNo", "/enterprise/contact/email": "contactEmail", "/enterprise/contact/phone": "contactPhone",
	"/enterprise/contact/idFront": "contactCrtFrontImgRid", "/enterprise/contact/idBack": "contactCrtBackImgRid",
	"/enterprise/legal/idType": "legalCrtType", "/enterprise/legal/idNumber": "legalCrtNo", "/enterprise/legal/email": "legalEmail", "/enterprise/legal/phone": "legalPhone",
	"/enterprise/legal/idFront": "legalCrtFrontImgRid", "/enterprise/legal/idBack": "legalCrtBackImgRid", "/enterprise/legal/fax": "legalFax",
	"/prefix/prefix": "entPrefix",
}

// wordedForm is what the registrar refused of a form, each thing with the name that the documents have for its place.
func wordedForm(err error) error {
	if err == nil {
		return nil
	}
	e := registry.AsError(err)
	if name, ok := formNames[e.Field]; ok && len(e.Violations) == 0 {
		status, message := statusOf(e)
		return &refusal{status, name + ": " + message}
	}
	return allOf(e, func(v *registry.Violation) string {
		if name, ok := formNames[v.Field]; ok {
			return name + ": " + v.In(registry.Chinese)
		}
		return v.In(registry.Chinese)
	})
}
