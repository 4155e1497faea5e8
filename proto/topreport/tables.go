package topreport

import "slices"

// shorthands, to keep the dictionary readable as a table.

func field(number int, name, zh, en string, kind Kind, most int) Field {
	return Field{Number: number, Name: name, Title: Title{zh, en}, Kind: kind, Max: most}
}

func text(number int, name, zh, en string, most int) Field {
	return field(number, name, zh, en, Text, most)
}

func of(number int, name, zh, en string, kind Kind) Field {
	return field(number, name, zh, en, kind, 0)
}

func choice(number int, name, zh, en string, choices ...string) Field {
	f := of(number, name, zh, en, Choice)
	f.Choices = choices
	return f
}

func object(number int, name, zh, en string, fields ...Field) Field {
	f := of(number, name, zh, en, Object)
	f.Fields = fields
	return f
}

func list(number int, name, zh, en string, kind Kind, most int, fields ...Field) Field {
	f := field(number, name, zh, en, List, most)
	f.Of, f.Fields = kind, fields
	return f
}

func must(f Field) Field {
	f.Required = true
	return f
}

const (
	maxText    = 255
	maxLong    = 1024
	maxList    = 1000
	maxID      = 2048    // characters of an identifier
	maxPrefix  = 255     // of a prefix
	maxSources = 100_000 // source addresses of one row
	maxFields  = 512     // items of one metadata
	maxEvents  = 100_000 // stops and emergencies of a month
	maxValue   = 100_000 // characters of a product's item, as of a value in a template
)

// system is where one of the five systems stands (docking guide, annex 1, items 35 to 39).
func system(number int, name, zh, en string) Field {
	return object(number, name, zh, en,
		must(choice(0, "deployMode", "部署方式：1 自有机房，2 云", "Deployment: 1 own premises, 2 cloud", "1", "2")),
		text(0, "region", "部署地区", "Region, GB/T 2260", 6), text(0, "address", "部署地址", "Address", maxText), text(0, "cloud", "云服务名称", "Name of the cloud", maxText),
		list(0, "endpoints", "IP 和端口", "Addresses and ports", Text, maxList))
}

func commission(number int, name, zh, en string) Field {
	return object(number, name, zh, en, must(choice(0, "by", "方式：1 自行，2 委托", "By whom: 1 itself, 2 commissioned", "1", "2")),
		text(0, "name", "单位名称", "Name of the contractor", maxText), of(0, "contract", "合同", "Contract", File))
}

func trustee(number int, name, zh, en string) Field {
	return object(number, name, zh, en, must(text(0, "name", "单位名称", "Name", maxText)),
		text(0, "creditCode", "统一社会信用代码", "Unified social credit code", 18), of(0, "contract", "合同", "Contract", File))
}

// subject are the 45 items of T1. The agreement numbers 35 to 43; the order of the others is ours, that of the
// registry's report.
var subject = []Field{
	must(text(1, "name", "单位名称", "Name", maxText)),
	must(choice(2, "nature", "单位性质", "Kind of organisation", "1", "2", "3", "4", "5")),
	must(choice(3, "certificateType", "证件类型", "Type of certificate", "1", "2")),
	must(text(4, "certificateNumber", "证件号码", "Number of certificate", 32)),
	must(of(5, "certificateScan", "证件扫描件", "Scan of certificate", File)),
	must(text(6, "province", "所在省", "Province", 6)),
	must(text(7, "city", "所在市", "City", 6)),
	text(8, "county", "所在区县", "County", 6),
	must(text(9, "address", "详细地址", "Address", maxText)),
	text(10, "introduction", "单位简介", "Introduction", maxLong),
	must(text(11, "industrySection", "所属行业门类", "Section of industry", 5)),
	must(text(12, "industryDivision", "所属行业大类", "Division of industry", 5)),
	text(13, "website", "网址", "Website", maxText),
	text(14, "registrationAuthority", "登记机关", "Registration authority", maxText),
	of(15, "registeredCapital", "注册资本（万元）", "Registered capital, in 10 000 yuan", Integer),
	of(16, "established", "成立日期", "Established", Day),
	of(17, "validUntil", "营业期限至", "Certificate valid until", Day),
	must(text(18, "contactName", "联系人姓名", "Name of contact", 128)),
	must(choice(19, "contactIdType", "联系人证件类型", "Kind of contact's document", "1", "2", "3")),
	must(text(20, "contactIdNumber", "联系人证件号码", "Number of contact's document", 32)),
	must(text(21, "contactEmail", "联系人邮箱", "E-mail of contact", 128)),
	must(text(22, "contactPhone", "联系人电话", "Telephone of contact", 32)),
	list(23, "contactIdScans", "联系人证件扫描件", "Scans of contact's document", File, 2),
	must(text(24, "legalName", "法定代表人姓名", "Name of legal representative", 128)),
	must(choice(25, "legalIdType", "法定代表人证件类型", "Kind of legal representative's document", "1", "2", "3")),
	must(text(26, "legalIdNumber", "法定代表人证件号码", "Number of legal representative's document", 32)),
	must(list(27, "legalIdScans", "法定代表人证件扫描件", "Scans of legal representative's document", File, 2)),
	text(28, "legalEmail", "法定代表人邮箱", "E-mail of legal representative", 128),
	text(29, "legalPhone", "法定代表人电话", "Telephone of legal representative", 32),
	text(30, "legalFax", "法定代表人传真", "Fax of legal representative", 32),
	list(31, "licences", "许可证", "Licences", Object, maxList, must(text(0, "number", "许可证号", "Number", maxText)), must(choice(0, "type", "许可证类型", "Type", "1", "2", "3", "4"))),
	must(commission(32, "build", "业务系统建设单位", "Who builds the service system")),
	must(commission(33, "operate", "业务系统运营单位", "Who operates the service system")),
	list(34, "serves", "服务行业", "Industries served", Text, maxList),
	must(system(35, "registrationSystem", "标识注册系统", "Registration system")),
	must(system(36, "registrationData", "标识注册数据", "Registration data")),
	must(system(37, "dataBackup", "数据备份", "Data backup")),
	must(system(38, "resolutionServer", "标识解析服务器", "Resolution server")),
	system(39, "serviceBackup", "业务系统备份", "Backup of the service system"),
	trustee(40, "dataTrustee", "数据托管单位", "Data trustee"),
	trustee(41, "serviceTrustee", "服务托管单位", "Service trustee"),
	must(object(42, "realNameCheck", "实名核验", "Real-name check",
		choice(0, "mode", "核验方式：1 自行，2 委托", "By whom: 1 itself, 2 commissioned", "1", "2"), text(0, "name", "受托单位", "Name of the contractor", maxText),
		list(0, "personSource", "自然人数据来源证明", "Proof of the source about persons", File, 5), list(0, "organisationSource", "法人数据来源证明", "Proof of the source about organisations", File, 5),
		text(0, "method", "核验方法", "How an enterprise was checked", maxLong), text(0, "source", "数据来源", "Against which data", maxLong),
		text(0, "result", "核验结果", "Result", maxLong), of(0, "at", "核验时间", "When", Moment))),
	text(43, "namingCompliance", "标识编码合规性", "Naming compliance", maxLong),
	list(44, "sites", "网站和域名", "Web sites and domains", Text, maxList),
	list(45, "addresses", "IP 地址", "IP addresses", Address, maxList),
}

// scans are the items of T1 that T6 does not have.
var scans = []int{5, 23, 27}

// bareSubject are the 42 items of T6: those of T1 without scans, numbered anew.
func bareSubject() []Field {
	var all []Field
	for _, f := range subject {
		if slices.Contains(scans, f.Number) {
			continue
		}
		f.Number = len(all) + 1
		all = append(all, f)
	}
	return all
}

// route are the items of T2 and T7. The names of the code types are ours.
var route = []Field{
	must(choice(1, "codeType", "编码类型", "Code type", "handle", "oid", "bid", "vaa", "ecode", "gs1")),
	must(text(2, "prefix", "前缀或前缀范围", "Prefix or range", maxPrefix)),
	must(choice(3, "ipType", "IP 类型：4 或 6", "IP type: 4 or 6", "4", "6")),
	must(of(4, "ip", "解析路由 IP 地址", "IP address of the resolve route", Address)),
	must(list(5, "protocols", "协议和端口", "Protocols and ports", Object, 3, must(choice(0, "protocol", "协议", "Protocol", "TCP", "UDP", "HTTP")), must(of(0, "port", "端口", "Port", Integer)))),
}

// sources are the fields that tell who asked. The parts of a long list are rows of their own.
var sources = []Field{
	list(6, "sources", "来源 IP 及次数", "Source IPs with counts", Object, maxSources, must(of(0, "ip", "IP 地址", "Address", Address)), must(of(0, "count", "次数", "Count", Integer))),
	must(of(0, "sourcesExact", "来源统计是否精确", "Every source is in the list with its exact count", Boolean)),
	object(0, "sketch", "超限来源的估计", "Estimate of the sources beyond the limit",
		must(text(0, "method", "估计方法", "Method", maxText)), must(of(0, "exactSources", "精确统计的来源数", "Sources that are counted exactly", Integer)),
		must(of(0, "requests", "其余来源的请求数", "Requests of the other sources, exact", Integer)), must(of(0, "distinct", "其余来源的估计数量", "How many other sources, estimated", Integer)),
		list(0, "top", "其余来源中最多者", "The most frequent of them", Object, maxSources, must(of(0, "ip", "IP 地址", "Address", Address)),
			must(of(0, "count", "次数上界", "Count, at most", Integer)), must(of(0, "error", "次数误差", "By how much the count may be too great", Integer)))),
	must(of(0, "part", "分片序号", "Part of the list, from 1", Integer)),
	must(of(0, "parts", "分片数", "Parts", Integer)),
}

// metadata are the items of T4 and T11.
var metadata = []Field{
	must(text(0, "prefix", "所属前缀", "Prefix that it is of", maxPrefix)),
	must(text(1, "metadataId", "元数据编号", "Metadata id", maxText)),
	object(2, "industry", "所属行业（四级）", "Industry, four levels", text(0, "section", "门类", "Section", 1), text(0, "division", "大类", "Division", 3), text(0, "group", "中类", "Group", 4), text(0, "class", "小类", "Class", 5)),
	must(text(3, "version", "版本", "Version", maxText)),
	must(choice(4, "objectType", "对象类型：1 主动标识载体，2 其他", "Object type: 1 active carrier, 2 not", "1", "2")),
	must(list(5, "items", "数据项", "Data items", Object, maxFields, must(text(0, "name", "名称", "Name", 128)), text(0, "alias", "别名", "Alias", maxLong), must(text(0, "type", "类型", "Type", 32)), of(0, "length", "长度", "Length", Integer))),
}

// app are the items of T5 and T10.
var app = []Field{
	text(0, "prefix", "所属前缀", "Prefix of the node that it is of", maxPrefix),
	must(text(0, "appId", "应用编号", "Number of the application", maxText)),
	must(text(1, "name", "应用名称", "Name", maxText)),
	must(choice(2, "type", "应用类型：1 APP，2 小程序，3 网页，4 PC 客户端，5 其他", "Type: 1 app, 2 mini-program, 3 web, 4 PC client, 5 other", "1", "2", "3", "4", "5")),
	must(text(3, "introduction", "应用介绍", "Introduction", maxLong)),
	must(of(4, "users", "用户数量", "Number of users", Integer)),
	must(object(5, "recursiveServer", "使用的递归节点", "Recursive server used", must(of(0, "ip", "IP 地址", "Address", Address)), must(of(0, "port", "端口", "Port", Integer)))),
	must(text(6, "developer", "开发单位", "Developer", maxText)),
}

// masterData are the items of T9. The product's items are those that the enterprise's metadata names.
var masterData = []Field{
	must(text(1, "identifier", "标识", "Identifier", maxID)),
	must(of(2, "created", "创建日期", "Creation date", Day)),
	text(3, "metadata", "元数据引用", "Metadata reference", maxText),
	must(choice(4, "operation", "操作：1 新增，2 删除，3 变更", "Operation: 1 add, 2 delete, 3 change", "1", "2", "3")),
	text(5, "productType", "产品类型", "Product type", maxValue),
	text(6, "brand", "品牌", "Brand", maxValue),
	text(7, "productName", "产品名称", "Product name", maxValue),
	text(8, "maker", "生产厂商", "Maker", maxValue),
	text(9, "made", "生产时间", "Time made", maxValue),
	text(10, "validUntil", "有效期至", "Valid until", maxValue),
	text(11, "terminalType", "终端类型", "Terminal type", maxValue),
	text(12, "owner", "所有者", "Owner", maxValue),
	text(13, "use", "用途", "Use", maxValue),
	text(14, "serial", "序列号或 IMEI", "Serial number or IMEI", maxValue),
	text(15, "licence", "进网许可证号", "Network licence number", maxValue),
	text(16, "carrierId", "载体识别码", "The carrier's identification code", maxValue),
	text(17, "carrierSequence", "载体序列号", "The carrier's sequence number", maxValue),
}

// statistics are the items of T3 and T8: what is new, and who has how many, is prefixes in the one and identifiers
// in the other.
func statistics(newZH, newEN, totalZH, totalEN string) []Field {
	return append([]Field{
		must(text(1, "prefix", "前缀", "Prefix", maxPrefix)),
		must(of(0, "day", "日期", "Day", Day)),
		must(of(2, "new", newZH, newEN, Integer)),
		must(of(3, "total", totalZH, totalEN, Integer)),
		must(of(4, "requests", "解析请求数", "Requests received", Integer)),
		must(of(5, "successes", "解析成功数", "Successful answers", Integer)),
	}, sources...)
}

// measurements are the items 1 to 12 of annex 2. Those of a day without any resolution or registration are absent.
var measurements = []Field{
	must(text(0, "prefix", "节点前缀", "Prefix of the node", maxPrefix)),
	must(of(0, "day", "日期", "Day", Day)),
	of(1, "resolveMean", "平均解析时延（毫秒）", "Mean resolve latency, ms", Number),
	of(2, "resolveMaxAt", "最大解析时延时刻", "Moment of the maximum resolve latency", Moment),
	of(3, "resolveMax", "最大解析时延（毫秒）", "Maximum resolve latency, ms", Number),
	of(4, "resolveMinAt", "最小解析时延时刻", "Moment of the minimum resolve latency", Moment),
	of(5, "resolveMin", "最小解析时延（毫秒）", "Minimum resolve latency, ms", Number),
	of(6, "peakQPS", "每秒最大解析量", "Maximum resolves per second", Integer),
	of(7, "peakAt", "每秒最大解析量时刻", "Moment of that", Moment),
	of(8, "registerMean", "平均注册时延（毫秒）", "Mean registration latency, ms", Number),
	of(9, "registerMaxAt", "最大注册时延时刻", "Moment of the maximum registration latency", Moment),
	of(10, "registerMax", "最大注册时延（毫秒）", "Maximum registration latency, ms", Number),
	of(11, "registerMinAt", "最小注册时延时刻", "Moment of the minimum registration latency", Moment),
	of(12, "registerMin", "最小注册时延（毫秒）", "Minimum registration latency, ms", Number),
}

// event are the items 13 to 18 of annex 2.
var event = []Field{
	must(text(0, "prefix", "节点前缀", "Prefix of the node", maxPrefix)),
	must(choice(13, "kind", "上报类型：1 异常，2 恢复正常", "Report kind: 1 abnormal, 2 back to normal", "1", "2")),
	must(text(14, "number", "事件编号", "Event number", 64)),
	text(15, "closes", "恢复的异常事件编号", "Number of the abnormal event that is closed", 64),
	must(of(16, "at", "变化时刻", "Moment of the change", Moment)),
	text(17, "cause", "原因", "Cause", maxLong),
	must(choice(18, "category", "类别：1 网络，2 系统，3 攻击，4 其他", "Kind: 1 network, 2 system, 3 attack, 4 other", "1", "2", "3", "4")),
}

// monthlyReport are the fields of annex 3, in its order.
var monthlyReport = []Field{
	must(of(0, "month", "月份", "Month", Month)),
	must(text(1, "operator", "运营单位名称", "Name of the operator", maxText)),
	must(of(2, "hours", "累计运行时长（小时）", "Total running hours", Number)),
	must(of(3, "availability", "本月服务可用性（%）", "Service availability of the month, %", Number)),
	of(4, "availabilityBefore", "前几个月平均服务可用性（%）", "Mean availability of the months before, %", Number),
	list(0, "availabilityMonths", "前六个月服务可用性", "Availability of up to six months before", Object, 6, must(of(0, "month", "月份", "Month", Month)), must(of(0, "availability", "服务可用性（%）", "Availability, %", Number))),
	of(5, "registerMean", "平均注册响应时间（毫秒）", "Mean registration RTT, ms", Number),
	of(6, "resolveMean", "平均解析响应时间（毫秒）", "Mean resolve RTT, ms", Number),
	of(7, "effectiveHours", "注册生效时间（小时）", "Registration-effective time, hours", Number),
	list(8, "stops", "停机维护", "Maintenance stops", Object, maxEvents, must(of(0, "from", "开始", "From", Moment)), must(of(0, "to", "结束", "To", Moment))),
	list(9, "emergencies", "突发事件", "Emergencies", Object, maxEvents, must(text(0, "number", "事件编号", "Event number", 64)), must(of(0, "at", "发生时间", "When", Moment)),
		of(0, "recovered", "恢复时间", "Recovered at", Moment), text(0, "analysis", "原因分析", "Analysis", maxLong), text(0, "solution", "解决措施", "Solution", maxLong)),
}

var tables = []Table{
	{"T1", Title{"二级节点主体信息", "The node's operator"}, RealTime, []string{"certificateNumber"}, subject},
	{"T2", Title{"二级节点解析路由", "The node's resolve routes"}, RealTime, []string{"codeType", "prefix"}, route},
	{"T3", Title{"二级节点统计信息", "The node's statistics"}, Daily, []string{"prefix", "day", "part"},
		statistics("当日新增企业前缀数", "New enterprise prefixes that day", "企业前缀总数", "Enterprise prefixes in total")},
	{"T4", Title{"二级节点元数据", "The node's metadata"}, Daily, []string{"metadataId"}, metadata},
	{"T5", Title{"二级节点应用信息", "The node's applications"}, Monthly, []string{"appId"}, app},
	{"T6", Title{"企业节点主体信息", "Enterprises"}, Hourly, []string{"certificateNumber"}, bareSubject()},
	{"T7", Title{"企业节点解析路由", "Enterprises' resolve routes"}, Hourly, []string{"codeType", "prefix"}, route},
	{"T8", Title{"企业节点统计信息", "Enterprises' statistics"}, Daily, []string{"prefix", "day", "part"},
		statistics("当日新增标识数", "New identifiers that day", "标识总数", "Identifiers in total")},
	{"T9", Title{"企业节点主数据", "Enterprises' master data"}, Daily, []string{"identifier"}, masterData},
	{"T10", Title{"企业节点应用信息", "Enterprises' applications"}, Monthly, []string{"appId"}, app},
	{"T11", Title{"企业节点元数据", "Enterprises' metadata"}, RealTime, []string{"metadataId"}, metadata},
	{"M1", Title{"运行监测指标", "Measurements"}, Daily, []string{"prefix", "day"}, measurements},
	{"M2", Title{"运行监测事件", "Events"}, RealTime, []string{"prefix", "number"}, event},
	{"R1", Title{"运行月报", "Monthly report"}, Monthly, []string{"month"}, monthlyReport},
}
