package registry

import "strings"

// provinces are the 34 divisions of the first level after GB/T 2260, by the first two digits of their codes.
var provinces = map[string]words{
	"11": {"Beijing", "北京市"}, "12": {"Tianjin", "天津市"}, "13": {"Hebei", "河北省"}, "14": {"Shanxi", "山西省"},
	"15": {"Inner Mongolia", "内蒙古自治区"}, "21": {"Liaoning", "辽宁省"}, "22": {"Jilin", "吉林省"}, "23": {"Heilongjiang", "黑龙江省"},
	"31": {"Shanghai", "上海市"}, "32": {"Jiangsu", "江苏省"}, "33": {"Zhejiang", "浙江省"}, "34": {"Anhui", "安徽省"},
	"35": {"Fujian", "福建省"}, "36": {"Jiangxi", "江西省"}, "37": {"Shandong", "山东省"}, "41": {"Henan", "河南省"},
	"42": {"Hubei", "湖北省"}, "43": {"Hunan", "湖南省"}, "44": {"Guangdong", "广东省"}, "45": {"Guangxi", "广西壮族自治区"},
	"46": {"Hainan", "海南省"}, "50": {"Chongqing", "重庆市"}, "51": {"Sichuan", "四川省"}, "52": {"Guizhou", "贵州省"},
	"53": {"Yunnan", "云南省"}, "54": {"Tibet", "西藏自治区"}, "61": {"Shaanxi", "陕西省"}, "62": {"Gansu", "甘肃省"},
	"63": {"Qinghai", "青海省"}, "64": {"Ningxia", "宁夏回族自治区"}, "65": {"Xinjiang", "新疆维吾尔自治区"}, "71": {"Taiwan", "台湾省"},
	"81": {"Hong Kong", "香港特别行政区"}, "82": {"Macao", "澳门特别行政区"},
}

// validRegion reports whether code has the form of GB/T 2260: two digits each for the province, which
// must be one of the 34, the city and the county. Cities and counties change every year and are not
// looked up, but a county lies in a city.
func validRegion(code string) bool {
	if len(code) != 6 || strings.Trim(code, "0123456789") != "" {
		return false
	}
	_, known := provinces[code[:2]]
	return known && (code[2:4] != "00" || code[4:] == "00")
}

// divideRegion is the codes of the province, the city and the county of a region, "" for those that
// the region does not tell.
func divideRegion(code string) (province, city, county string) {
	if !validRegion(code) {
		return "", "", ""
	}
	province = code[:2] + "0000"
	if code[2:4] != "00" {
		city = code[:4] + "00"
	}
	if code[4:] != "00" {
		county = code
	}
	return province, city, county
}

// provinceName is the name of the province in which a region lies.
func provinceName(code string) words {
	if len(code) < 2 {
		return words{}
	}
	return provinces[code[:2]]
}
