package registry

import (
	"encoding/json"
	"strings"
)

// EnterpriseForm is what an enterprise says of itself: the three blocks of the SNMS interface, which
// are tables T1 and T6 of the national data dictionary. All members but the name are optional.
// The tags are the dictionary: zh and en name a member, max is its most characters (default 255), choice names
// its set of values, format how it is checked, need makes a member of a part required; see walkForm.
type EnterpriseForm struct {
	Name       string   `json:"name" zh:"单位名称" en:"Name"`
	CreditCode string   `json:"creditCode,omitempty" zh:"统一社会信用代码" en:"Unified social credit code" format:"creditcode" doc:"GB 32100; its check character is checked"`
	Nature     string   `json:"nature,omitempty" zh:"单位性质" en:"Kind of organisation" choice:"nature" doc:"A code from 1 to 5, or its name"`
	Industry   string   `json:"industry,omitempty" zh:"所属行业" en:"Industry" format:"industry" doc:"Code of GB/T 4754-2017: letter of the section and two to four digits"`
	Region     string   `json:"region,omitempty" zh:"所在地区" en:"Region" format:"region" doc:"Six digits of GB/T 2260"`
	Address    string   `json:"address,omitempty" zh:"详细地址" en:"Address"`
	Website    string   `json:"website,omitempty" zh:"网址" en:"Website" format:"uri"`
	Contact    *Contact `json:"contact,omitempty" zh:"联系人" en:"Contact"`
	EnterpriseDetails
}

// EnterpriseDetails is the part of the form that goes beyond what every enterprise tells.
type EnterpriseDetails struct {
	NameEn                string       `json:"nameEn,omitempty" zh:"英文名称" en:"Name in English"`
	Certificate           *Certificate `json:"certificate,omitempty" zh:"证件" en:"Certificate"`
	Description           string       `json:"description,omitempty" zh:"单位简介" en:"Introduction" max:"1024"`
	RegistrationAuthority string       `json:"registrationAuthority,omitempty" zh:"登记机关" en:"Registration authority"`
	RegisteredCapital     int64        `json:"registeredCapital,omitempty" zh:"注册资本（万元）" en:"Registered capital, in 10 000 yuan"`
	Established           string       `json:"established,omitempty" zh:"成立日期" en:"Established" format:"date"`
	ValidUntil            string       `json:"validUntil,omitempty" zh:"营业期限至" en:"Certificate valid until" format:"date"`
	Legal                 *LegalPerson `json:"legal,omitempty" zh:"法定代表人" en:"Legal representative"`
	Licences              []Licence    `json:"licences,omitempty" zh:"许可证" en:"Licences"`
	Systems               []System     `json:"systems,omitempty" zh:"系统部署" en:"Systems" doc:"One of each kind; service_backup may be left out"`
	Build                 *Commission  `json:"build,omitempty" zh:"业务系统建设" en:"Who builds the service system"`
	Operate               *Commission  `json:"operate,omitempty" zh:"业务系统运营" en:"Who operates the service system"`
	Hosting               *Hosting     `json:"hosting,omitempty" zh:"网站与托管" en:"Web sites and hosting"`
	Serves                TextList     `json:"serves,omitempty" zh:"服务行业" en:"Industries served" format:"industry"`
	Attachments           []Attachment `json:"attachments,omitempty" zh:"其他附件" en:"Further attachments"`
	NamingCompliance      string       `json:"namingCompliance,omitempty" zh:"标识编码合规性" en:"Naming compliance" max:"1024" doc:"The standards that identifiers conform to"`

	RealNameCheck  *RealNameCheck `json:"realNameCheck,omitempty" zh:"实名核验" en:"Real-name check" only:"self"`
	DataTrustee    *Trustee       `json:"dataTrustee,omitempty" zh:"数据托管单位" en:"Data trustee" only:"self"`
	ServiceTrustee *Trustee       `json:"serviceTrustee,omitempty" zh:"服务托管单位" en:"Service trustee" only:"self"`
}

// FileID names a file that was uploaded; it must be the enterprise's own.
type FileID string

// Certificate is the licence that an organisation exists by.
type Certificate struct {
	Type   string `json:"type,omitempty" zh:"证件类型" en:"Type" choice:"certificate" doc:"Default credit_code"`
	Number string `json:"number,omitempty" zh:"证件号码" en:"Number" max:"32" doc:"Of a credit code it is kept as creditCode"`
	Scan   FileID `json:"scan,omitempty" zh:"证件扫描件" en:"Scan"`
}

// Contact is whom to reach at an enterprise.
type Contact struct {
	Name     string `json:"name,omitempty" zh:"姓名" en:"Name" max:"128"`
	Phone    string `json:"phone,omitempty" zh:"电话" en:"Telephone" max:"32" format:"phone"`
	Email    string `json:"email,omitempty" zh:"邮箱" en:"E-mail" max:"128" format:"email"`
	IDType   string `json:"idType,omitempty" zh:"证件类型" en:"Kind of identity document" choice:"idType"`
	IDNumber string `json:"idNumber,omitempty" zh:"证件号码" en:"Number of identity document" max:"32" doc:"Shown masked but to operators, reviewers and the enterprise's own admin"`
	IDFront  FileID `json:"idFront,omitempty" zh:"证件正面" en:"Scan of the front"`
	IDBack   FileID `json:"idBack,omitempty" zh:"证件背面" en:"Scan of the back"`
}

// LegalPerson is who represents an enterprise by law.
type LegalPerson struct {
	Contact
	Fax string `json:"fax,omitempty" zh:"传真" en:"Fax" max:"32" format:"phone"`
}

// Licence is a licence of the telecommunication authority.
type Licence struct {
	Number string `json:"number" zh:"许可证号" en:"Number" need:"true"`
	Type   string `json:"type" zh:"许可证类型" en:"Type" choice:"licence" need:"true"`
}

// System is where one of the five systems stands that a node or an enterprise runs.
type System struct {
	Kind       string   `json:"kind" zh:"系统类型" en:"Kind" choice:"system" need:"true"`
	DeployMode string   `json:"deployMode" zh:"部署方式" en:"Deployment" choice:"deployMode" need:"true"`
	Region     string   `json:"region,omitempty" zh:"部署地区" en:"Region" format:"region" doc:"Of own premises: six digits of GB/T 2260"`
	Address    string   `json:"address,omitempty" zh:"部署地址" en:"Address" doc:"Of own premises"`
	Cloud      string   `json:"cloud,omitempty" zh:"云服务名称" en:"Name of the cloud" doc:"Of a cloud"`
	Endpoints  TextList `json:"endpoints,omitempty" zh:"IP 和端口" en:"Addresses and ports" format:"endpoint" doc:"Of the registration system: 192.0.2.1:8080, [2001:db8::1]:8080"`
}

// Commission says who does something: the organisation itself, or another by contract.
type Commission struct {
	By       string `json:"by" zh:"方式" en:"By whom" choice:"commission" need:"true"`
	Name     string `json:"name,omitempty" zh:"单位名称" en:"Name of the contractor"`
	Contract FileID `json:"contract,omitempty" zh:"合同" en:"Contract"`
}

// Hosting is what an enterprise has on the Internet, and who keeps its data and service.
type Hosting struct {
	Websites       TextList `json:"websites,omitempty" zh:"网站名称" en:"Names of web sites"`
	Domains        TextList `json:"domains,omitempty" zh:"域名" en:"Domains" format:"hostname"`
	IPs            TextList `json:"ips,omitempty" zh:"IP 地址" en:"IP addresses" format:"ip"`
	DataHosting    *Trustee `json:"dataHosting,omitempty" zh:"数据托管单位" en:"Who hosts the data"`
	ServiceHosting *Trustee `json:"serviceHosting,omitempty" zh:"服务托管单位" en:"Who hosts the service"`
}

// Trustee is an organisation that keeps data or runs a service for another. It must be a domestic body.
type Trustee struct {
	Name       string `json:"name" zh:"单位名称" en:"Name" need:"true"`
	CreditCode string `json:"creditCode,omitempty" zh:"统一社会信用代码" en:"Unified social credit code" format:"creditcode"`
	Contract   FileID `json:"contract,omitempty" zh:"合同" en:"Contract"`
}

// Attachment is a further file of a form.
type Attachment struct {
	Kind string `json:"kind" zh:"附件类型" en:"Kind" max:"64" need:"true"`
	File FileID `json:"file" zh:"文件" en:"File" need:"true"`
}

// RealNameCheck is how the node checks who its enterprises are: item 42 of table T1. Of each kind of
// source 1 to 5 files in PDF prove it.
type RealNameCheck struct {
	Mode               string   `json:"mode" zh:"核验方式" en:"By whom" choice:"commission" need:"true"`
	Name               string   `json:"name,omitempty" zh:"受托单位" en:"Name of the contractor"`
	PersonSource       []FileID `json:"personSource,omitempty" zh:"自然人数据来源证明" en:"Proof of the source about persons"`
	OrganisationSource []FileID `json:"organisationSource,omitempty" zh:"法人数据来源证明" en:"Proof of the source about organisations"`
}

// TextList is texts, which may also be given as one that joins them with ";".
type TextList []string

// UnmarshalJSON implements json.Unmarshaler.
func (l *TextList) UnmarshalJSON(b []byte) error {
	var joined string
	if len(b) == 0 || b[0] != '"' {
		return json.Unmarshal(b, (*[]string)(l))
	}
	if err := json.Unmarshal(b, &joined); err != nil {
		return err
	}
	*l = nil
	for part := range strings.FieldsFuncSeq(joined, func(r rune) bool { return r == ';' || r == '；' }) {
		if part = strings.TrimSpace(part); part != "" {
			*l = append(*l, part)
		}
	}
	return nil
}

// Form is what e says of itself.
func (e *Enterprise) Form() EnterpriseForm {
	return EnterpriseForm{e.Name, e.CreditCode, e.Nature, e.Industry, e.Region, e.Address, e.Website, e.Contact, e.EnterpriseDetails}
}

// SetForm replaces what e says of itself.
func (e *Enterprise) SetForm(f EnterpriseForm) {
	e.Name, e.CreditCode, e.Nature, e.Industry = f.Name, f.CreditCode, f.Nature, f.Industry
	e.Region, e.Address, e.Website, e.Contact = f.Region, f.Address, f.Website, f.Contact
	e.EnterpriseDetails = f.EnterpriseDetails
}
