package registry

import "strings"

// Industry is a section or a division of the national classification of industries.
type Industry struct {
	Code   string // a letter, or a letter and two digits
	ZH, EN string
}

// sections are the sections of GB/T 4754-2017, each with its first and last division.
var sections = []struct {
	letter      byte
	first, last int
	zh, en      string
}{
	{'A', 1, 5, "农、林、牧、渔业", "Agriculture, forestry, animal husbandry and fishery"},
	{'B', 6, 12, "采矿业", "Mining"},
	{'C', 13, 43, "制造业", "Manufacturing"},
	{'D', 44, 46, "电力、热力、燃气及水生产和供应业", "Production and supply of electricity, heat, gas and water"},
	{'E', 47, 50, "建筑业", "Construction"},
	{'F', 51, 52, "批发和零售业", "Wholesale and retail trade"},
	{'G', 53, 60, "交通运输、仓储和邮政业", "Transport, storage and post"},
	{'H', 61, 62, "住宿和餐饮业", "Accommodation and catering"},
	{'I', 63, 65, "信息传输、软件和信息技术服务业", "Information transmission, software and information technology"},
	{'J', 66, 69, "金融业", "Finance"},
	{'K', 70, 70, "房地产业", "Real estate"},
	{'L', 71, 72, "租赁和商务服务业", "Leasing and business services"},
	{'M', 73, 75, "科学研究和技术服务业", "Scientific research and technical services"},
	{'N', 76, 79, "水利、环境和公共设施管理业", "Water conservancy, environment and public facilities"},
	{'O', 80, 82, "居民服务、修理和其他服务业", "Resident services, repair and other services"},
	{'P', 83, 83, "教育", "Education"},
	{'Q', 84, 85, "卫生和社会工作", "Health and social work"},
	{'R', 86, 90, "文化、体育和娱乐业", "Culture, sports and entertainment"},
	{'S', 91, 96, "公共管理、社会保障和社会组织", "Public administration, social security and social organisations"},
	{'T', 97, 97, "国际组织", "International organisations"},
}

// divisions are the 97 divisions of GB/T 4754-2017 in their order, from 01.
var divisions = [97]struct{ zh, en string }{
	{"农业", "Farming"},
	{"林业", "Forestry"},
	{"畜牧业", "Animal husbandry"},
	{"渔业", "Fishery"},
	{"农、林、牧、渔专业及辅助性活动", "Support activities for agriculture, forestry, animal husbandry and fishery"},
	{"煤炭开采和洗选业", "Mining and washing of coal"},
	{"石油和天然气开采业", "Extraction of petroleum and natural gas"},
	{"黑色金属矿采选业", "Mining and dressing of ferrous metal ores"},
	{"有色金属矿采选业", "Mining and dressing of non-ferrous metal ores"},
	{"非金属矿采选业", "Mining and dressing of non-metal ores"},
	{"开采专业及辅助性活动", "Support activities for mining"},
	{"其他采矿业", "Other mining"},
	{"农副食品加工业", "Processing of food from agricultural products"},
	{"食品制造业", "Manufacture of foods"},
	{"酒、饮料和精制茶制造业", "Manufacture of liquor, beverages and refined tea"},
	{"烟草制品业", "Manufacture of tobacco"},
	{"纺织业", "Manufacture of textiles"},
	{"纺织服装、服饰业", "Manufacture of textile garments and apparel"},
	{"皮革、毛皮、羽毛及其制品和制鞋业", "Manufacture of leather, fur, feather and related products and footwear"},
	{"木材加工和木、竹、藤、棕、草制品业", "Processing of timber, manufacture of wood, bamboo, rattan, palm and straw products"},
	{"家具制造业", "Manufacture of furniture"},
	{"造纸和纸制品业", "Manufacture of paper and paper products"},
	{"印刷和记录媒介复制业", "Printing and reproduction of recording media"},
	{"文教、工美、体育和娱乐用品制造业", "Manufacture of articles for culture, education, arts and crafts, sport and entertainment"},
	{"石油、煤炭及其他燃料加工业", "Processing of petroleum, coal and other fuels"},
	{"化学原料和化学制品制造业", "Manufacture of raw chemical materials and chemical products"},
	{"医药制造业", "Manufacture of medicines"},
	{"化学纤维制造业", "Manufacture of chemical fibres"},
	{"橡胶和塑料制品业", "Manufacture of rubber and plastics products"},
	{"非金属矿物制品业", "Manufacture of non-metallic mineral products"},
	{"黑色金属冶炼和压延加工业", "Smelting and pressing of ferrous metals"},
	{"有色金属冶炼和压延加工业", "Smelting and pressing of non-ferrous metals"},
	{"金属制品业", "Manufacture of metal products"},
	{"通用设备制造业", "Manufacture of general-purpose machinery"},
	{"专用设备制造业", "Manufacture of special-purpose machinery"},
	{"汽车制造业", "Manufacture of automobiles"},
	{"铁路、船舶、航空航天和其他运输设备制造业", "Manufacture of railway, ship, aerospace and other transport equipment"},
	{"电气机械和器材制造业", "Manufacture of electrical machinery and apparatus"},
	{"计算机、通信和其他电子设备制造业", "Manufacture of computers, communication and other electronic equipment"},
	{"仪器仪表制造业", "Manufacture of measuring instruments"},
	{"其他制造业", "Other manufacture"},
	{"废弃资源综合利用业", "Utilisation of waste resources"},
	{"金属制品、机械和设备修理业", "Repair of metal products, machinery and equipment"},
	{"电力、热力生产和供应业", "Production and supply of electric power and heat"},
	{"燃气生产和供应业", "Production and supply of gas"},
	{"水的生产和供应业", "Production and supply of water"},
	{"房屋建筑业", "Construction of buildings"},
	{"土木工程建筑业", "Civil engineering"},
	{"建筑安装业", "Building installation"},
	{"建筑装饰、装修和其他建筑业", "Building decoration, fitting out and other construction"},
	{"批发业", "Wholesale trade"},
	{"零售业", "Retail trade"},
	{"铁路运输业", "Railway transport"},
	{"道路运输业", "Road transport"},
	{"水上运输业", "Water transport"},
	{"航空运输业", "Air transport"},
	{"管道运输业", "Pipeline transport"},
	{"多式联运和运输代理业", "Multimodal transport and transport agencies"},
	{"装卸搬运和仓储业", "Loading, unloading and storage"},
	{"邮政业", "Post"},
	{"住宿业", "Accommodation"},
	{"餐饮业", "Catering"},
	{"电信、广播电视和卫星传输服务", "Telecommunication, broadcasting and satellite transmission"},
	{"互联网和相关服务", "Internet and related services"},
	{"软件和信息技术服务业", "Software and information technology services"},
	{"货币金融服务", "Monetary and financial services"},
	{"资本市场服务", "Capital market services"},
	{"保险业", "Insurance"},
	{"其他金融业", "Other finance"},
	{"房地产业", "Real estate"},
	{"租赁业", "Leasing"},
	{"商务服务业", "Business services"},
	{"研究和试验发展", "Research and experimental development"},
	{"专业技术服务业", "Professional technical services"},
	{"科技推广和应用服务业", "Promotion and application of science and technology"},
	{"水利管理业", "Management of water conservancy"},
	{"生态保护和环境治理业", "Ecological protection and environmental treatment"},
	{"公共设施管理业", "Management of public facilities"},
	{"土地管理业", "Land management"},
	{"居民服务业", "Resident services"},
	{"机动车、电子产品和日用产品修理业", "Repair of motor vehicles, electronics and household goods"},
	{"其他服务业", "Other services"},
	{"教育", "Education"},
	{"卫生", "Health"},
	{"社会工作", "Social work"},
	{"新闻和出版业", "News and publishing"},
	{"广播、电视、电影和录音制作业", "Radio, television, film and sound recording"},
	{"文化艺术业", "Culture and arts"},
	{"体育", "Sports"},
	{"娱乐业", "Entertainment"},
	{"中国共产党机关", "Organs of the Communist Party of China"},
	{"国家机构", "State institutions"},
	{"人民政协、民主党派", "People's political consultative conference and democratic parties"},
	{"社会保障", "Social security"},
	{"群众团体、社会团体和其他成员组织", "Mass organisations, social organisations and other membership organisations"},
	{"基层群众自治组织及其他组织", "Grass-roots self-governing and other organisations"},
	{"国际组织", "International organisations"},
}

// normalIndustry reads a code of GB/T 4754-2017: a section's letter, a division's two digits, then one
// for the group and one for the class, with or without the letter where digits are given. It returns
// letter and digits, "" for what is no such code. Groups and classes are not looked up.
func normalIndustry(text string) string {
	text = strings.ToUpper(strings.TrimSpace(text))
	digits := strings.TrimLeft(text, "ABCDEFGHIJKLMNOPQRST")
	if len(text)-len(digits) > 1 {
		return ""
	}
	letter := text[:len(text)-len(digits)]
	if digits == "" {
		return letter
	}
	if len(digits) < 2 || len(digits) > 4 || strings.Trim(digits, "0123456789") != "" {
		return ""
	}
	division := int(digits[0]-'0')*10 + int(digits[1]-'0')
	for _, s := range sections {
		if division >= s.first && division <= s.last && (letter == "" || letter[0] == s.letter) {
			return string(s.letter) + digits
		}
	}
	return ""
}

// IndustryOf is the section and the division of a normal code; the division is zero if the code is of
// a whole section, both for what is no code.
func IndustryOf(code string) (section, division Industry) {
	if code = normalIndustry(code); code == "" {
		return section, division
	}
	for _, s := range sections {
		if s.letter == code[0] {
			section = Industry{code[:1], s.zh, s.en}
		}
	}
	if len(code) >= 3 {
		d := divisions[int(code[1]-'0')*10+int(code[2]-'0')-1]
		division = Industry{code[:3], d.zh, d.en}
	}
	return section, division
}
