package registry

// A reportItem is one item of a table of the national data dictionary about an enterprise.
type reportItem struct {
	zh, en   string
	scan     bool // a scan: in table T1 only
	required bool
	value    func(e *Enterprise) any // nil, "", or an empty list if it is not known
}

// labelled is a value with a code, and what people call it.
type labelled struct {
	Code string `json:"code"`
	ZH   string `json:"zh,omitempty"`
	EN   string `json:"en,omitempty"`
}

// subjectItems are the 45 items of table T1, in the order of their numbers; table T6 is those without the
// three of scans, numbered anew. The docking agreement gives the numbers 35 to 39 (the five systems), 40 and 41
// (trustees), 42 (real-name check) and 43 (naming compliance); the order of the others is ours.
var subjectItems = []reportItem{
	{zh: "单位名称", en: "Name", required: true, value: func(e *Enterprise) any { return e.Name }},
	{zh: "单位性质", en: "Kind of organisation", required: true, value: func(e *Enterprise) any { return label("nature", e.Nature) }},
	{zh: "证件类型", en: "Type of certificate", required: true, value: func(e *Enterprise) any {
		if e.CreditCode != "" {
			return label("certificate", "credit_code")
		}
		return label("certificate", e.certificate().Type)
	}},
	{zh: "证件号码", en: "Number of certificate", required: true, value: func(e *Enterprise) any {
		if e.CreditCode != "" {
			return e.CreditCode
		}
		return e.certificate().Number
	}},
	{zh: "证件扫描件", en: "Scan of certificate", scan: true, required: true, value: func(e *Enterprise) any { return e.certificate().Scan }},
	{zh: "所在省", en: "Province", required: true, value: func(e *Enterprise) any {
		province, _, _ := divideRegion(e.Region)
		if province == "" {
			return nil
		}
		name := provinceName(e.Region)
		return labelled{province, name.zh, name.en}
	}},
	{zh: "所在市", en: "City", required: true, value: func(e *Enterprise) any { _, city, _ := divideRegion(e.Region); return city }},
	{zh: "所在区县", en: "County", value: func(e *Enterprise) any { _, _, county := divideRegion(e.Region); return county }},
	{zh: "详细地址", en: "Address", required: true, value: func(e *Enterprise) any { return e.Address }},
	{zh: "单位简介", en: "Introduction", value: func(e *Enterprise) any { return e.Description }},
	{zh: "所属行业门类", en: "Section of industry", required: true, value: func(e *Enterprise) any { section, _ := IndustryOf(e.Industry); return industryLabel(section) }},
	{zh: "所属行业大类", en: "Division of industry", required: true, value: func(e *Enterprise) any { _, division := IndustryOf(e.Industry); return industryLabel(division) }},
	{zh: "网址", en: "Website", value: func(e *Enterprise) any { return e.Website }},
	{zh: "登记机关", en: "Registration authority", value: func(e *Enterprise) any { return e.RegistrationAuthority }},
	{zh: "注册资本（万元）", en: "Registered capital, in 10 000 yuan", value: func(e *Enterprise) any {
		if e.RegisteredCapital == 0 {
			return nil
		}
		return e.RegisteredCapital
	}},
	{zh: "成立日期", en: "Established", value: func(e *Enterprise) any { return e.Established }},
	{zh: "营业期限至", en: "Certificate valid until", value: func(e *Enterprise) any { return e.ValidUntil }},
	{zh: "联系人姓名", en: "Name of contact", required: true, value: func(e *Enterprise) any { return e.contact().Name }},
	{zh: "联系人证件类型", en: "Kind of contact's document", required: true, value: func(e *Enterprise) any { return label("idType", e.contact().IDType) }},
	{zh: "联系人证件号码", en: "Number of contact's document", required: true, value: func(e *Enterprise) any { return e.contact().IDNumber }},
	{zh: "联系人邮箱", en: "E-mail of contact", required: true, value: func(e *Enterprise) any { return e.contact().Email }},
	{zh: "联系人电话", en: "Telephone of contact", required: true, value: func(e *Enterprise) any { return e.contact().Phone }},
	{zh: "联系人证件扫描件", en: "Scans of contact's document", scan: true, value: func(e *Enterprise) any { return scans(e.contact()) }},
	{zh: "法定代表人姓名", en: "Name of legal representative", required: true, value: func(e *Enterprise) any { return e.legal().Name }},
	{zh: "法定代表人证件类型", en: "Kind of legal representative's document", required: true, value: func(e *Enterprise) any { return label("idType", e.legal().IDType) }},
	{zh: "法定代表人证件号码", en: "Number of legal representative's document", required: true, value: func(e *Enterprise) any { return e.legal().IDNumber }},
	{zh: "法定代表人证件扫描件", en: "Scans of legal representative's document", scan: true, required: true, value: func(e *Enterprise) any { return scans(e.legal().Contact) }},
	{zh: "法定代表人邮箱", en: "E-mail of legal representative", value: func(e *Enterprise) any { return e.legal().Email }},
	{zh: "法定代表人电话", en: "Telephone of legal representative", value: func(e *Enterprise) any { return e.legal().Phone }},
	{zh: "法定代表人传真", en: "Fax of legal representative", value: func(e *Enterprise) any { return e.legal().Fax }},
	{zh: "许可证", en: "Licences", value: func(e *Enterprise) any { return e.Licences }},
	{zh: "业务系统建设单位", en: "Who builds the service system", required: true, value: func(e *Enterprise) any { return orNil(e.Build) }},
	{zh: "业务系统运营单位", en: "Who operates the service system", required: true, value: func(e *Enterprise) any { return orNil(e.Operate) }},
	{zh: "服务行业", en: "Industries served", value: func(e *Enterprise) any {
		var all []labelled
		for _, code := range e.Serves {
			if section, division := IndustryOf(code); section.Code != "" {
				if division.Code == "" {
					division = section
				}
				all = append(all, labelled{code, division.ZH, division.EN})
			}
		}
		return all
	}},
	{zh: "标识注册系统", en: "Registration system", required: true, value: func(e *Enterprise) any { return e.system("registration") }},                 // 35
	{zh: "标识注册数据", en: "Registration data", required: true, value: func(e *Enterprise) any { return e.system("registration_data") }},              // 36
	{zh: "数据备份", en: "Data backup", required: true, value: func(e *Enterprise) any { return e.system("data_backup") }},                            // 37
	{zh: "标识解析服务器", en: "Resolution server", required: true, value: func(e *Enterprise) any { return e.system("resolution") }},                    // 38
	{zh: "业务系统备份", en: "Backup of the service system", value: func(e *Enterprise) any { return e.system("service_backup") }},                      // 39
	{zh: "数据托管单位", en: "Data trustee", value: func(e *Enterprise) any { return orNil(firstOf(e.DataTrustee, e.hosting().DataHosting)) }},          // 40
	{zh: "服务托管单位", en: "Service trustee", value: func(e *Enterprise) any { return orNil(firstOf(e.ServiceTrustee, e.hosting().ServiceHosting)) }}, // 41
	{zh: "实名核验", en: "Real-name check", required: true, value: func(e *Enterprise) any { return e.realName() }},                                   // 42
	{zh: "标识编码合规性", en: "Naming compliance", value: func(e *Enterprise) any { return e.NamingCompliance }},                                        // 43
	{zh: "网站和域名", en: "Web sites and domains", value: func(e *Enterprise) any {
		h := e.hosting()
		return append(append(TextList{}, h.Websites...), h.Domains...)
	}}, // 44
	{zh: "IP 地址", en: "IP addresses", value: func(e *Enterprise) any { return e.hosting().IPs }}, // 45
}

// appItems are the items of tables T5 and T10, in our order.
var appItems = []struct {
	zh, en   string
	required bool
	value    func(a *App) any
}{
	{"应用名称", "Name", true, func(a *App) any { return a.Name }},
	{"应用类型", "Type", true, func(a *App) any { return label("app", a.Type) }},
	{"应用介绍", "Introduction", true, func(a *App) any { return a.Introduction }},
	{"用户数量", "Number of users", true, func(a *App) any {
		if a.Users == 0 {
			return nil
		}
		return a.Users
	}},
	{"使用的递归节点", "Recursive server used", true, func(a *App) any { return orNil(a.RecursiveServer) }},
	{"开发单位", "Developer", true, func(a *App) any { return a.Developer }},
}

// label is a choice of a set with its code and names, nil for none.
func label(set, name string) any {
	c, ok := choose(set, name)
	if !ok {
		return nil
	}
	return labelled{c.code, c.zh, c.en}
}

func industryLabel(i Industry) any {
	if i.Code == "" {
		return nil
	}
	return labelled(i)
}

// scans are the scans of a person's document that there are.
func scans(c Contact) []FileID {
	var all []FileID
	for _, id := range []FileID{c.IDFront, c.IDBack} {
		if id != "" {
			all = append(all, id)
		}
	}
	return all
}

// orNil is p, or nil without a type.
func orNil[T any](p *T) any {
	if p == nil {
		return nil
	}
	return p
}

func firstOf[T any](a, b *T) *T {
	if a != nil {
		return a
	}
	return b
}

func orZero[T any](p *T) T {
	if p == nil {
		return *new(T)
	}
	return *p
}

func (e *Enterprise) certificate() Certificate { return orZero(e.Certificate) }
func (e *Enterprise) contact() Contact         { return orZero(e.Contact) }
func (e *Enterprise) legal() LegalPerson       { return orZero(e.Legal) }
func (e *Enterprise) hosting() Hosting         { return orZero(e.Hosting) }

// system is the system of a kind, nil if e has none.
func (e *Enterprise) system(kind string) any {
	for i := range e.Systems {
		if e.Systems[i].Kind == kind {
			return &e.Systems[i]
		}
	}
	return nil
}

// realName is how the node checks its enterprises, or how this enterprise was checked.
func (e *Enterprise) realName() any {
	if e.ID == Self {
		return orNil(e.RealNameCheck)
	}
	return orNil(e.Verification)
}
