package httpserver

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/resolver"
)

// page is what the page of an identifier shows.
type page struct {
	Kind       string // "record", "landing", or why there is nothing to show
	Lang       string
	Style      template.HTML
	Identifier string
	Canonical  string
	Scheme     string
	Form       string
	Rows       []row
	Reason     string
	Detail     string
	Meant      string // what the identifier was meant to be
	Successor  string
	Since      string // of a revocation
	Candidates []candidate
	Broader    string // the identifier whose record answers instead
	Service    string // who answers instead
	Trace      string // where the way to the answer is shown
}

// row is a value.
type row struct {
	Index uint32
	Type  string
	Data  string
	Link  string // where Data leads; empty if it does not
	TTL   string
	Time  string
}

const (
	chinese = iota
	english
)

// language is the asker's, English where it asks for neither language.
func (p *proxied) language() string {
	if l := strings.ToLower(p.params.Get("lang")); l == "zh" || l == "en" {
		return l
	}
	best, quality := "en", 0.0
	for _, one := range parsePreferences(p.req.Header.Get("Accept-Language")) {
		l, _, _ := strings.Cut(one.name, "-")
		if (l == "zh" || l == "en") && one.quality > quality {
			best, quality = l, one.quality
		}
	}
	return best
}

// page describes what was found for the text.
func (p *proxied) page(kind string, asked *resolver.Asked) *page {
	q, a := &asked.Query, &asked.Answer
	out := &page{Kind: kind, Identifier: p.text, Trace: "/resolve?" + "id=" + queryEscape(p.text) + "&trace=1"}
	if !q.ID.IsZero() {
		out.Canonical, out.Scheme, out.Form = q.ID.Qualified(), q.ID.Scheme().String(), q.ID.Form()
	}
	if len(asked.Candidates) > 1 || asked.Err != nil {
		out.Candidates = candidates(asked.Candidates)
	}
	if r := a.Record; r != nil {
		out.Identifier, out.Successor = r.ID, r.Successor
		if !a.Broader.IsZero() {
			out.Identifier, out.Broader = p.text, a.Broader.Qualified()
		}
		if kind == "revoked" && !r.Updated.IsZero() {
			out.Since = formatTime(r.Updated)
		}
		a.Values(q, func(v *identifier.Value) bool {
			out.Rows = append(out.Rows, p.row(v))
			return true
		})
	}
	if a.Status == resolver.Revoked || a.Status == resolver.Suspended {
		out.Reason = a.Reason
	}
	if a.Status == resolver.Referral {
		out.Service = a.Service.IP.Unmap().String()
		for _, way := range []struct {
			name string
			port uint16
		}{{"tcp", a.Service.TCP}, {"udp", a.Service.UDP}, {"http", a.Service.HTTP}, {"dns", a.Service.DNS}} {
			if way.port != 0 {
				out.Service += " " + way.name + " " + strconv.Itoa(int(way.port))
			}
		}
	}
	return out
}

func formatTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

// maxShown is how much of a value's data a page shows, in octets.
const maxShown = 4096

func (p *proxied) row(v *identifier.Value) row {
	r := row{Index: v.Index, Type: v.Type, Data: describeValue(v), TTL: strconv.Itoa(int(v.TTL))}
	if v.TTLType == identifier.Absolute {
		r.TTL = formatTime(time.Unix(int64(uint32(v.TTL)), 0))
	}
	if v.Timestamp != 0 {
		r.Time = formatTime(time.Unix(int64(v.Timestamp), 0))
	}
	switch text := string(v.Data); {
	case strings.EqualFold(v.Type, "EMAIL"):
		if link, ok := encodeURL("mailto:" + text); ok && strings.Contains(text, "@") {
			r.Link = link
		}
	case strings.EqualFold(v.Type, "HS_ALIAS"):
		r.Link = "/" + escapePath(text)
	default:
		scheme, _, _ := strings.Cut(strings.ToLower(text), ":")
		if link, ok := p.s.safeURL(text); ok && (scheme == "http" || scheme == "https") && len(text) <= maxShown {
			r.Link = link
		}
	}
	return r
}

// rights are those of an HS_ADMIN value in words, by their bits.
var rights = []string{"add handle", "delete handle", "add prefix", "delete prefix", "modify value", "remove value", "add value",
	"modify admin", "remove admin", "add admin", "read value", "list handles", "list prefixes"}

// describeValue is a value's data for people, cut to what a page shows.
func describeValue(v *identifier.Value) string {
	if text, ok := inWords(v); ok {
		return cut(text)
	}
	data := cut(string(v.Data))
	if utf8.ValidString(data) && !strings.ContainsFunc(data, isBinary) {
		return data
	}
	shown := v.Data[:min(len(v.Data), maxShown)]
	text := "base64: " + base64.StdEncoding.EncodeToString(shown)
	if len(shown) < len(v.Data) {
		text += more
	}
	return text
}

// more marks a text that was cut.
const more = " …"

// cut cuts a text to what a page shows, between two characters.
func cut(text string) string {
	if len(text) <= maxShown {
		return text
	}
	at := maxShown
	for at > maxShown-utf8.UTFMax && !utf8.RuneStart(text[at]) {
		at--
	}
	return text[:at] + more
}

// inWords is what a value of one of the Handle System's own types says.
func inWords(v *identifier.Value) (text string, ok bool) {
	switch strings.ToUpper(v.Type) {
	case "HS_ADMIN":
		if a, err := handle.ParseAdmin(v.Data); err == nil {
			var names []string
			for i, name := range rights {
				if a.Perms&(1<<i) != 0 {
					names = append(names, name)
				}
			}
			return fmt.Sprintf("handle=%s; index=%d; [%s]", a.Ref.Handle, a.Ref.Index, strings.Join(names, ", ")), true
		}
	case "HS_VLIST":
		if refs, rest, err := handle.ParseRefs(v.Data); err == nil && len(rest) == 0 {
			var names []string
			for _, r := range refs {
				names = append(names, fmt.Sprintf("%d:%s", r.Index, r.Handle))
			}
			return strings.Join(names, "; "), true
		}
	case "HS_SITE", "HS_SITE.6", "HS_SITE.PREFIX", "HS_NA_DELEGATE":
		if s, err := handle.ParseSite(v.Data); err == nil {
			var b strings.Builder
			fmt.Fprintf(&b, "serial %d", s.Serial)
			for _, server := range s.Servers {
				b.WriteString("; " + server.Addr.Unmap().String())
				for _, i := range server.Interfaces {
					fmt.Fprintf(&b, " %s %d", [...]string{"UDP", "TCP", "HTTP", "HTTPS", "?"}[min(i.Protocol, 4)], i.Port)
				}
			}
			return b.String(), true
		}
	case "HS_PUBKEY":
		if k, err := handle.ParsePublicKey(v.Data); err == nil {
			return fmt.Sprintf("%s, SHA-256 %x", k.Algorithm, sha256.Sum256(v.Data)), true
		}
	}
	return "", false
}

func isBinary(r rune) bool { return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0x7f }

func queryEscape(text string) string { return template.URLQueryEscaper(text) }

//go:embed templates/page.html.tmpl
var pageText string

//go:embed templates/page.css
var styleText string

var (
	pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{"word": word, "path": func(id string) string { return "/" + escapePath(id) }}).Parse(pageText))
	style        = template.HTML("<style>" + styleText + "</style>")
	// Browsers hold the redirects that follow a form's request against form-action too: the field leads to other hosts.
	policy = "default-src 'none'; style-src 'sha256-" + digestOf(styleText) + "'; form-action 'self' http: https:; base-uri 'none'; frame-ancestors 'none'"
)

func digestOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// show writes a page.
func (p *proxied) show(status int, out *page) {
	out.Lang, out.Style = p.lang, style
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, out); err != nil {
		panic("httpserver: make a page: " + err.Error())
	}
	h := p.w.Header()
	h.Set("Content-Type", "text/html;charset=utf-8")
	h.Set("Content-Language", p.lang)
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	p.w.WriteHeader(status)
	_, _ = p.w.Write(b.Bytes())
}

// word is a text of the pages in a language.
func word(lang, key string) (string, error) {
	texts, ok := words[key]
	if !ok {
		return "", fmt.Errorf("no text %q", key)
	}
	if lang == "zh" {
		return texts[chinese], nil
	}
	return texts[english], nil
}

// words are the texts of the pages, in Chinese and English.
var words = map[string][2]string{
	"record-title":          {"标识信息", "Identifier record"},
	"landing-title":         {"标识解析", "Resolve an identifier"},
	"landing-text":          {"输入或扫描任何标识：Handle（VAA）、OID、Ecode、GS1。", "Type or scan any identifier: Handle (VAA), OID, Ecode, GS1."},
	"resolve":               {"解析", "Resolve"},
	"not-found-title":       {"没有这个标识", "No such identifier"},
	"not-found-text":        {"本节点负责这个标识所属的前缀，但没有登记这个标识。请核对编码。", "This node answers for the identifier's namespace, and nothing is registered under it. Check the code."},
	"not-responsible-title": {"不由本节点解析", "Not answered here"},
	"not-responsible-text":  {"这个标识的前缀不属于本节点。请向管理该前缀的节点查询。", "No namespace of this node holds this identifier. Ask the node that answers for its prefix."},
	"revoked-title":         {"标识已注销", "Identifier revoked"},
	"revoked-text":          {"这个标识曾经登记，现已注销。", "This identifier was registered, and has been revoked."},
	"suspended-title":       {"标识已停用", "Identifier suspended"},
	"suspended-text":        {"这个标识所属的前缀已停用。", "The identifier's namespace is suspended."},
	"invalid-title":         {"不是有效的标识", "Not a valid identifier"},
	"invalid-text":          {"无法按任何编码体系识别。", "It cannot be read in any coding scheme."},
	"malformed-title":       {"请求格式错误", "Malformed request"},
	"malformed-text":        {"路径中含有不允许的字符。", "The path has characters that no identifier has."},
	"too-long-title":        {"标识过长", "Too long"},
	"too-long-text":         {"路径超过 8192 个字节。", "The path is longer than 8192 octets."},
	"overloaded-title":      {"服务繁忙", "Overloaded"},
	"overloaded-text":       {"请稍后再试。", "Try again in a moment."},
	"failed-title":          {"服务出错", "Failed"},
	"failed-text":           {"本节点未能给出应答。", "This node could not answer."},
	"no-link-title":         {"没有这种链接", "No link of this type"},
	"no-link-text":          {"这个标识有记录，但没有所要求类型的链接。加 ?linkType=linkset 可查看全部链接。", "There is a record, and no link of the type that is asked for. All links: ?linkType=linkset"},
	"referral-title":        {"由企业节点解析", "Answered by the enterprise's own node"},
	"referral-text":         {"这个标识的数据在企业自己的节点上。", "The identifier's record is kept by the enterprise's own node."},
	"ask":                   {"查询地址", "Ask"},
	"identifier":            {"标识", "Identifier"},
	"scheme":                {"编码体系", "Scheme"},
	"canonical":             {"规范形式", "Canonical form"},
	"broader":               {"应答来自", "Answered by the record of"},
	"index":                 {"索引", "Index"},
	"type":                  {"类型", "Type"},
	"data":                  {"数据", "Data"},
	"time":                  {"时间", "Time"},
	"ttl":                   {"有效期（秒）", "TTL (s)"},
	"empty":                 {"没有公开的数据。", "There are no public values."},
	"reason":                {"原因", "Reason"},
	"since":                 {"注销时间", "Revoked"},
	"successor":             {"后继标识", "Successor"},
	"detail":                {"说明", "Detail"},
	"meant":                 {"您是否要找", "Did you mean"},
	"candidates":            {"可能的读法", "It may be read as"},
	"trace":                 {"查看解析过程", "Show how this was answered"},
}
