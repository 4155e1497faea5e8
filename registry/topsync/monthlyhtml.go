package topsync

import (
	"html/template"
	"io"
	"strconv"
	"time"
)

// WriteHTML writes the report as a page to be printed, in Chinese or in English ("zh", "en"), without anything from
// elsewhere. Times are those of the zone.
func (r *MonthlyReport) WriteHTML(w io.Writer, language string, zone *time.Location) error {
	if zone == nil {
		zone = China
	}
	words := monthlyWords["en"]
	if language == "zh" {
		words = monthlyWords["zh"]
	}
	return monthlyPage.Execute(w, map[string]any{"R": r, "W": words, "Language": map[bool]string{true: "zh-CN", false: "en"}[language == "zh"],
		"At": func(t time.Time) string {
			if t.IsZero() {
				return "–"
			}
			return t.In(zone).Format(time.DateTime)
		},
		"Number": func(x *float64) string {
			if x == nil {
				return "–"
			}
			return strconv.FormatFloat(*x, 'f', -1, 64)
		},
	})
}

// monthlyWords are the words of the page.
var monthlyWords = map[string]map[string]string{
	"zh": {"Title": "二级节点运行月报", "Month": "月份", "Open": "本月尚未结束，数据截至生成时", "Operator": "运营单位名称", "Hours": "累计运行时长（小时）",
		"Availability": "本月服务可用性（%）", "Before": "前几个月平均服务可用性（%）", "Register": "平均注册响应时间（毫秒）", "Resolve": "平均解析响应时间（毫秒）",
		"Effective": "注册生效时间（小时）", "Stops": "停机维护", "From": "开始", "To": "结束", "Emergencies": "突发事件", "Number": "编号", "When": "发生时间",
		"Recovered": "恢复时间", "Analysis": "原因分析", "Solution": "解决措施", "None": "无"},
	"en": {"Title": "Monthly report of the secondary node", "Month": "Month", "Open": "The month is not over: figures up to now", "Operator": "Operator", "Hours": "Running hours",
		"Availability": "Service availability of the month, %", "Before": "Mean availability of the months before, %", "Register": "Mean registration RTT, ms", "Resolve": "Mean resolve RTT, ms",
		"Effective": "Registration-effective time, hours", "Stops": "Maintenance stops", "From": "From", "To": "To", "Emergencies": "Emergencies", "Number": "Number", "When": "When",
		"Recovered": "Recovered at", "Analysis": "Analysis", "Solution": "Solution", "None": "None"},
}

var monthlyPage = template.Must(template.New("monthly").Parse(`<!DOCTYPE html>
<html lang="{{.Language}}"><head><meta charset="utf-8"><title>{{.W.Title}} {{.R.Month}}</title>
<style>
body{font-family:"Noto Sans CJK SC","Source Han Sans SC","Microsoft YaHei",sans-serif;margin:2cm;color:#000}
h1{font-size:1.4em;text-align:center}h2{font-size:1.1em;margin-top:1.5em}
table{border-collapse:collapse;width:100%}th,td{border:1px solid #000;padding:.3em .6em;text-align:left;vertical-align:top}
th{font-weight:normal;background:#eee;width:40%}tr{break-inside:avoid}.list th{width:auto}
@page{size:A4;margin:1.5cm}@media print{body{margin:0}}
</style></head><body>
{{$at := .At}}{{$number := .Number}}{{with .R}}
<h1>{{$.W.Title}}</h1>
{{if not .Complete}}<p>{{$.W.Open}}</p>{{end}}
<table>
<tr><th>{{$.W.Month}}</th><td>{{.Month}}</td></tr>
<tr><th>{{$.W.Operator}}</th><td>{{.Operator}}</td></tr>
<tr><th>{{$.W.Hours}}</th><td>{{.Hours}}</td></tr>
<tr><th>{{$.W.Availability}}</th><td>{{.Availability}}</td></tr>
<tr><th>{{$.W.Before}}</th><td>{{call $number .AvailabilityBefore}}{{range .Before}}<br>{{.Month}}: {{.Availability}}{{end}}</td></tr>
<tr><th>{{$.W.Register}}</th><td>{{call $number .RegisterMean}}</td></tr>
<tr><th>{{$.W.Resolve}}</th><td>{{call $number .ResolveMean}}</td></tr>
<tr><th>{{$.W.Effective}}</th><td>{{call $number .EffectiveHours}}</td></tr>
</table>
<h2>{{$.W.Stops}}</h2>
{{if .Stops}}<table class="list"><tr><th>{{$.W.From}}</th><th>{{$.W.To}}</th></tr>
{{range .Stops}}<tr><td>{{call $at .From}}</td><td>{{call $at .To}}</td></tr>
{{end}}</table>{{else}}<p>{{$.W.None}}</p>{{end}}
<h2>{{$.W.Emergencies}}</h2>
{{if .Emergencies}}<table class="list"><tr><th>{{$.W.Number}}</th><th>{{$.W.When}}</th><th>{{$.W.Recovered}}</th><th>{{$.W.Analysis}}</th><th>{{$.W.Solution}}</th></tr>
{{range .Emergencies}}<tr><td>{{.Number}}</td><td>{{call $at .At}}</td><td>{{call $at .Recovered}}</td><td>{{or .Analysis .Cause}}</td><td>{{.Solution}}</td></tr>
{{end}}</table>{{else}}<p>{{$.W.None}}</p>{{end}}
{{end}}</body></html>
`))
