package registry

import "strings"

// A choice is one of the values that a member of a form takes: the readable name that it is kept
// under, the code that the national data dictionary has for it, and what people call it.
type choice struct{ name, code, zh, en string }

// choices are the closed sets of the forms, by the name in the tags of the forms' members. Codes are
// those of the docking agreement and of the SNMS interface.
var choices = map[string][]choice{
	"nature": {
		{"state_controlled", "1", "国有控股企业", "state-controlled enterprise"},
		{"private", "2", "民营企业", "private enterprise"},
		{"foreign", "3", "外资企业", "foreign enterprise"},
		{"public_institution", "4", "事业单位", "public institution"},
		{"private_nonprofit", "5", "民办非企业单位", "private non-profit organisation"},
	},
	"certificate": {
		{"credit_code", "1", "统一社会信用代码", "unified social credit code"},
		{"other", "2", "其他", "other"},
	},
	"idType": {
		{"identity_card", "1", "居民身份证", "identity card"},
		{"passport", "2", "护照", "passport"},
		{"other", "3", "其他", "other"},
	},
	"system": {
		{"registration", "1", "标识注册系统", "registration system"},
		{"registration_data", "2", "标识注册数据", "registration data"},
		{"data_backup", "3", "数据备份", "data backup"},
		{"resolution", "4", "标识解析服务器", "resolution server"},
		{"service_backup", "5", "业务系统备份", "backup of the service system"},
	},
	"deployMode": {
		{"own", "1", "自有机房", "own premises"},
		{"cloud", "2", "云", "cloud"},
	},
	"commission": {
		{"self", "1", "自行", "by itself"},
		{"commissioned", "2", "委托", "commissioned"},
	},
	"licence": {
		{"domain_root_operator", "1", "域名根服务器运行机构", "domain root operator"},
		{"domain_registry", "2", "域名注册管理机构", "domain registry"},
		{"domain_registrar", "3", "域名注册服务机构", "domain registrar"},
		{"value_added_telecom", "4", "增值电信业务", "value-added telecommunication"},
	},
	"app": {
		{"app", "1", "APP", "app"},
		{"mini_program", "2", "小程序", "mini-program"},
		{"web", "3", "网页", "web"},
		{"pc", "4", "PC 客户端", "PC client"},
		{"other", "5", "其他", "other"},
	},
}

// choose is the choice of a set that text means, by its name, code or what people call it.
func choose(set, text string) (choice, bool) {
	text = strings.TrimSpace(text)
	for _, c := range choices[set] {
		if text == c.code || text == c.zh || strings.EqualFold(text, c.name) || strings.EqualFold(text, c.en) {
			return c, true
		}
	}
	return choice{}, false
}

// CodeOf is the code that the national data dictionary has for a choice of a set of the forms, "" if there is none.
func CodeOf(set, name string) string {
	c, _ := choose(set, name)
	return c.code
}

// choiceNames are the names of a set, for people.
func choiceNames(set string) string {
	names := make([]string, len(choices[set]))
	for i, c := range choices[set] {
		names[i] = c.name
	}
	return strings.Join(names, ", ")
}
