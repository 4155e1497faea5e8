package snms

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
	"github.com/idnode/idnode/storage/memstore"
)

// form is a passable application with the members of the documents; files names the scans.
const formSample = `{
 "entBasicInfo": {"orgName":"北京泰尔英福网络科技有限责任公司","orgNature":"1","orgAddr":"苏家坨中关村科技园翠湖云中心21号楼","orgAddrProvince":"110000","orgAddrCity":"110100","orgAddrCounty":"110108",
  "orgCrtType":"1","orgCrtCode":"91110108MA0000000A","orgCrtImgRid":%[1]d,"orgDesc":"简介","industryCategory":"I","industrySpecific":"65","website":"www.teleinfo.cn","regAuthority":"","regCapital":1200,
  "establishDate":"2012-01-06","periodValidity":"2032-01-05","contactName":"张三","contactCrtType":1,"contactCrtNo":"11010519491231002X","contactCrtBackImgRid":%[2]d,"contactCrtFrontImgRid":%[3]d,
  "contactEmail":"zhangsan@admin.com","contactPhone":"13965757203","legalName":"王五","legalCrtType":"1","legalCrtNo":"11010519491231002X","legalCrtBackImgRid":%[4]d,"legalCrtFrontImgRid":%[5]d,
  "legalEmail":"wangwu@admin.com","legalFax":"","legalPhone":"13965757203","entPrefix":"88.101.1304"},
 "entRegisterManageInfo": {"entInfoSyses":[
   {"sysType":1,"deployMode":1,"deployAddrProvince":"110000","deployAddrCity":"110100","deployAddrCounty":"110108","deployAddr":"21号楼","ipPort":"[127.0.0.1]:8080;[2031::1]:81","name":""},
   {"sysType":2,"deployMode":2,"deployAddrProvince":"","deployAddrCity":"","deployAddrCounty":"","deployAddr":"","ipPort":"","name":"阿里云"},
   {"sysType":3,"deployMode":2,"deployAddrProvince":"","deployAddrCity":"","deployAddrCounty":"","deployAddr":"","ipPort":"","name":"阿里云"},
   {"sysType":4,"deployMode":2,"deployAddrProvince":"","deployAddrCity":"","deployAddrCounty":"","deployAddr":"","ipPort":"","name":"阿里云"}],
  "servSysBuildType":1,"servSysBuildName":"","servSysBuildContractFileRid":0,"servSysOperType":2,"servSysOperName":"阿里云","servSysOperContractFileRid":%[6]d},
 "entHostingAndIdentifyServeInfo": {"extWebName":"泰尔;英福","extDomain":"teleinfo.cn","extIpAddr":"192.0.2.1;2001:db8::1","dataHostingOrg":"数据托管","dataHostingContractFileRid":0,"servHostingOrg":"","servHostingContractFileRid":0,
  "entInfoSerIndustries":[{"industryCategory":"A","industrySpecific":"01","industryTrade":"011","industrySubclass":"0111"}],"entInfoLicenses":[{"licenceNo":"B1-2020","licenceType":4}]}
}`

const sysUser = `"sysUser":{"email":"teleinfo@admin.com","mobile":"13165157233","password":"8d969eef6ecad3c29a3a629280e686cf0c3f5d5a86aff3ca12020c923adc6c92","remarks":"","userName":"teleinfo"}`

// admin is the token of an operator of the node.
func (m *market) admin() string {
	m.t.Helper()
	if _, err := m.reg.CreateAccount(m.t.Context(), registry.AccountRequest{Username: "admin", Password: secretWord, Enterprise: registry.Self, Roles: []registry.Role{registry.RoleOperator}}, operator); err != nil {
		m.t.Fatal(err)
	}
	return m.login("admin")
}

// upload uploads a file and gives the answer.
func (m *market) upload(token, field, name string, content []byte) string {
	m.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	part, err := w.CreateFormFile(field, name)
	if err != nil {
		m.t.Fatal(err)
	}
	part.Write(content)
	w.Close()
	r := httptest.NewRequest(http.MethodPost, "/snms/api/file/upload", &body)
	r.Header.Set("Content-Type", w.FormDataContentType())
	r.Header.Set("Authorization", "Bearer "+token)
	out := httptest.NewRecorder()
	m.h.ServeHTTP(out, r)
	return out.Body.String()
}

// scan is a PDF that is unlike others.
func scan(n int) []byte { return fmt.Appendf(nil, "%%PDF-1.4\n%% %d\n%%%%EOF\n", n) }

// scans uploads n files and gives their numbers.
func (m *market) scans(token string, n int) (ids []any) {
	m.t.Helper()
	for i := range n {
		var a struct {
			Status int
			Data   struct {
				ID   int64
				Path string
			}
		}
		out := m.upload(token, "file", fmt.Sprintf("scan %d.PDF", i), scan(i))
		if err := json.Unmarshal([]byte(out), &a); err != nil || a.Status != 1 || a.Data.ID <= 0 || a.Data.ID > 1<<53 || !strings.HasSuffix(a.Data.Path, ".pdf") {
			m.t.Fatalf("upload: %s", out)
		}
		ids = append(ids, a.Data.ID)
	}
	return ids
}

func (m *market) want(token, call, body, want string) {
	m.t.Helper()
	if got := m.do(token, call, body); got != want {
		m.t.Errorf("%s %.200s:\n got %s\nwant %s", call, body, got, want)
	}
}

const done = `{"message":"success","status":1,"data":true}`

// TestEnterprise goes from a user to a hosted prefix, and what was handed in comes back as it was.
func TestEnterprise(t *testing.T) {
	m := newMarket(t, memstore.New(), nil)
	admin := m.admin()
	form := fmt.Sprintf(formSample, m.scans(admin, 6)...)
	apply := "{" + sysUser + "," + form[1:]
	m.want(admin, "POST /snms/api/v3/ent/apply", apply, done)
	m.want(admin, "POST /snms/api/v3/ent/apply", apply, done) // the answer was lost
	m.want(m.token, "POST /snms/api/v3/ent/apply", apply, `{"message":"角色 admin 不能代他人申请","status":-3,"data":null}`)

	var list struct {
		Data struct {
			TotalElements, TotalPages, NumberOfElements int
			First, Last                                 bool
			Content                                     []entRow
		}
	}
	read := func(token, call string, into any) string {
		t.Helper()
		out := m.do(token, call, "")
		if err := json.Unmarshal([]byte(out), into); err != nil {
			t.Fatalf("%s: %s", call, out)
		}
		return out
	}
	read(admin, "GET /snms/api/v3/ent/page?orgName=泰尔", &list)
	if len(list.Data.Content) != 1 || list.Data.TotalElements != 1 || !list.Data.First || !list.Data.Last {
		t.Fatalf("page: %+v", list)
	}
	row := list.Data.Content[0]
	want := entRow{ID: row.ID, CreateDate: "2026-11-23 20:00:00", UpdateDate: "2026-11-23 20:00:00", OrgName: "北京泰尔英福网络科技有限责任公司", OrgNature: "1", OrgCrtType: "1",
		OrgCrtCode: "91110108MA0000000A", OrgDesc: "简介", Website: "www.teleinfo.cn", EntGeneralID: row.ID, OpenIDs: []string{}}
	if diff := cmp.Diff(want, row); diff != "" || row.ID == 0 || row.ID > 1<<53 {
		t.Errorf("row: %s", diff)
	}
	var detail struct{ Data any }
	out := read(admin, "GET /snms/api/v3/ent/detail?id="+strconv.FormatUint(row.ID, 10), &detail)
	var given any
	if err := json.Unmarshal([]byte(form), &given); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(given, detail.Data); diff != "" {
		t.Errorf("detail: %s\n%s", diff, out)
	}
	m.want(m.token, "GET /snms/api/v3/ent/detail?id="+strconv.FormatUint(row.ID, 10), "", `{"message":"success","status":1,"data":null}`)
	m.want(m.token, "GET /snms/api/prefix/query?prefix=88.101.1304", "", `{"message":"success","status":1,"data":null}`)

	const node = "the node"
	query := func(status int) string {
		return fmt.Sprintf(`{"message":"success","status":1,"data":{"prefix":"88.101.1304","createDate":"2026-11-23 20:00:00","ghrName":%q,"status":%d,"entNameCn":"北京泰尔英福网络科技有限责任公司","entSite":"www.teleinfo.cn",`+
			`"entWebSite":"www.teleinfo.cn","entIndustry":"I","entAddrCn":"苏家坨中关村科技园翠湖云中心21号楼","entDesc":"简介"}}`, node, status)
	}
	m.want(admin, "GET /snms/api/prefix/query?prefix=88.101.1304", "", query(4))
	const hosting = `{"proxyServerId":1,"entPrefixConfig":{"entPrefix":"88.101.1304"}}`
	m.want(admin, "POST /snms/api/ent/config", hosting, `{"message":"前缀 88.101.1304 尚未审核通过","status":-2,"data":null}`)

	// The people of the node approve.
	ctx := t.Context()
	id := registry.EnterpriseByNumber(row.ID)
	if _, err := m.reg.Step(ctx, id, registry.EnterpriseStep{Action: registry.ActionApprove}, operator); err != nil {
		t.Fatal(err)
	}
	e, err := m.reg.Enterprise(ctx, id, operator.Actor)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.reg.DecideApplication(ctx, e.Application, registry.ActionApprove, "", operator); err != nil {
		t.Fatal(err)
	}
	m.want(admin, "GET /snms/api/prefix/query?prefix=88.101.1304", "", query(1))
	const own = `{"entPrefixConfig":{"entPrefix":"88.101.1304","hdlType":"HS_SITE","ipType":6,"ip":"2031:0000:1F1F:0000:0000:0100:11A0:ADDF","tcpPort":"2643","udpPort":"","httpPort":""}}`
	m.want(admin, "POST /snms/api/ent/config", own, done)
	k := identifier.Key{Scheme: identifier.Handle, Name: "88.101.1304"}
	if ns, err := m.reg.Prefix(ctx, k, operator.Actor); err != nil || ns.Mode != identifier.Delegated || ns.Service.TCP != 2643 || ns.Service.IP.String() != "2031:0:1f1f::100:11a0:addf" {
		t.Errorf("own node: %+v, %v", ns, err)
	}
	m.want(admin, "POST /snms/api/ent/config", hosting, done)
	var prefixes struct {
		Data struct{ Content []map[string]any }
	}
	read(admin, "GET /snms/api/prefix/page?entPrefix=88.101.1304", &prefixes)
	delete(prefixes.Data.Content[0], "id")
	if diff := cmp.Diff([]map[string]any{{"entprefix": "88.101.1304", "entPrefix": "88.101.1304", "entId": float64(row.ID), "state": 1.0, "entName": "北京泰尔英福网络科技有限责任公司", "proxyState": 4.0,
		"createDate": "2026-11-23 20:00:00", "updateDate": "2026-11-23 20:00:00"}}, prefixes.Data.Content); diff != "" {
		t.Errorf("prefix page: %s", diff)
	}

	// The user logs in with the password whose hash was sent, and registers.
	var login struct{ Data struct{ Token string } }
	if err := json.Unmarshal([]byte(m.do("", "POST /identity/token", `{"username":"teleinfo","password":"123456"}`)), &login); err != nil || login.Data.Token == "" {
		t.Fatalf("login: %+v, %v", login, err)
	}
	user := login.Data.Token
	m.want(user, "POST /snms/api/v5/template", `{"prefix":"88.101.1304","version":"1.0","industryCategory":"A","industrySpecific":"01","industryTrade":"011","industrySubclass":"0111","type":1,
		"items":[{"name":"e1","idType":"ip","idIndex":"2000","metadata":{"type":"string","minLength":1,"maxLength":10}}]}`, done)
	m.want(user, "POST /identityv2/data", `{"handle":"88.101.1304/1","templateVersion":"1.0","value":[{"index":2000,"type":"ip","data":{"format":"string","value":"x"}}]}`, done)
	if out := read(user, "GET /snms/api/v3/ent/page", &list); len(list.Data.Content) != 1 || list.Data.Content[0].ID != row.ID {
		t.Errorf("the user sees %s", out)
	}
	if out := read(user, "GET /snms/api/prefix/page", &prefixes); len(prefixes.Data.Content) != 1 {
		t.Errorf("the user sees %s", out)
	}
}

// TestApplicant: somebody is entered first and applies later, for no one else.
func TestApplicant(t *testing.T) {
	m := newMarket(t, memstore.New(), nil)
	admin := m.admin()
	const user = `{"email":"ddd@admin.com","mobile":"13945056533","password":"8d969eef6ecad3c29a3a629280e686cf0c3f5d5a86aff3ca12020c923adc6c92","remarks":"","userName":"ddd"}`
	m.want(admin, "POST /identity/registry", user, done)
	m.want(admin, "POST /identity/registry", user, done)
	m.want(admin, "POST /identity/registry", strings.NewReplacer("ddd@", "eee@", "6533", "6534").Replace(user), `{"message":"userName: 用户名 ddd 已被占用","status":-2,"data":null}`)
	m.want(admin, "POST /identity/registry", strings.NewReplacer(`"ddd"`, `"张三"`, "ddd@", "zs@", "6533", "6534").Replace(user), done)
	m.want(m.token, "POST /identity/registry", strings.NewReplacer(`"ddd"`, `"fff"`, "ddd@", "fff@", "6533", "6535").Replace(user), `{"message":"角色 admin 不能登记申请人","status":-3,"data":null}`)
	for member, without := range map[string]string{"userName": `"userName":"ddd"`, "password": `"password":"8d969eef6ecad3c29a3a629280e686cf0c3f5d5a86aff3ca12020c923adc6c92"`, "email": `"email":"ddd@admin.com"`, "mobile": `"mobile":"13945056533"`} {
		m.want(admin, "POST /identity/registry", strings.Replace(user, without, `"x":1`, 1), `{"message":"缺少必要的请求参数: `+member+`","status":-2,"data":null}`)
	}
	m.want(admin, "POST /identity/registry", strings.Replace(user, "8d969eef", "123", 1), `{"message":"password 应为密码的 SHA-256 十六进制值","status":-2,"data":null}`)

	var login struct{ Data struct{ Token string } }
	if err := json.Unmarshal([]byte(m.do("", "POST /identity/token", `{"username":"ddd","password":"123456"}`)), &login); err != nil || login.Data.Token == "" {
		t.Fatalf("login: %v", err)
	}
	ddd := login.Data.Token
	// An applicant sees and does nothing else.
	m.want(ddd, "GET /snms/api/v3/ent/page", "", `{"message":"success","status":1,"data":{"first":true,"last":true,"totalPages":0,"totalElements":0,"number":1,"size":10,"sort":null,"numberOfElements":0,"content":[]}}`)
	m.want(ddd, "GET /snms/api/prefix/page", "", `{"message":"success","status":1,"data":{"first":true,"last":true,"totalPages":0,"totalElements":0,"number":1,"size":10,"sort":null,"numberOfElements":0,"content":[]}}`)
	for _, call := range []string{"POST /identityv2/data", "POST /snms/api/ent/config", "POST /snms/api/v5/template"} {
		body := map[string]string{
			"POST /identityv2/data":      `{"handle":"88.1021.150/1","templateVersion":"1.0","value":[]}`,
			"POST /snms/api/ent/config":  `{"proxyServerId":1,"entPrefixConfig":{"entPrefix":"88.1021.150"}}`,
			"POST /snms/api/v5/template": `{"prefix":"88.1021.150","version":"1.0","industryCategory":"A","industrySpecific":"01","industryTrade":"011","industrySubclass":"0111","type":1,"items":[{"name":"e1","idType":"ip","idIndex":"2000","metadata":{"type":"string","minLength":1,"maxLength":10}}]}`,
		}[call]
		if out := m.do(ddd, call, body); !strings.Contains(out, `"status":-3`) && !strings.Contains(out, "模板不存在") {
			t.Errorf("%s by an applicant: %s", call, out)
		}
	}

	files := m.scans(ddd, 6)
	form := fmt.Sprintf(formSample, files...)
	m.want(ddd, "POST /snms/api/v3/ent/upgrade-apply", `{"username":"张三",`+form[1:], `{"message":"角色 reader 不能代他人申请","status":-3,"data":null}`)
	m.want(ddd, "POST /snms/api/v3/ent/upgrade-apply", `{"username":"ddd",`+form[1:], done)
	m.want(ddd, "POST /snms/api/v3/ent/upgrade-apply", `{"username":"ddd",`+form[1:], done)
	if out := m.do(ddd, "GET /snms/api/v3/ent/page", ""); !strings.Contains(out, `"orgCrtCode":"91110108MA0000000A"`) {
		t.Errorf("the applicant sees %s", out)
	}
	// The files are taken, and so are the certificate and the user.
	other := strings.NewReplacer("91110108MA0000000A", "91110108MA0000001D", "88.101.1304", "88.101.1305").Replace(form)
	if out := m.do(admin, "POST /snms/api/v3/ent/upgrade-apply", `{"username":"张三",`+other[1:]); !strings.Contains(out, "orgCrtImgRid: ") || !strings.Contains(out, `"status":-2`) {
		t.Errorf("files of others: %s", out)
	}
	more := fmt.Sprintf(formSample, m.scans(admin, 6)...)
	if out := m.do(admin, "POST /snms/api/v3/ent/upgrade-apply", `{"username":"张三",`+strings.Replace(more, "88.101.1304", "88.101.1305", 1)[1:]); !strings.Contains(out, "orgCrtCode: ") {
		t.Errorf("a certificate twice: %s", out)
	}
	m.want(admin, "POST /snms/api/v3/ent/upgrade-apply", `{"username":"ddd",`+other[1:], `{"message":"userName: 账号 ddd 已属于某个企业","status":-2,"data":null}`)
	m.want(admin, "POST /snms/api/v3/ent/upgrade-apply", `{"username":"nobody",`+other[1:], `{"message":"userName: 没有账号 nobody","status":-2,"data":null}`)
}

// TestFormRefused: each member that is missing is named, and nothing is left of what is refused.
func TestFormRefused(t *testing.T) {
	m := newMarket(t, memstore.New(), nil)
	admin := m.admin()
	form := fmt.Sprintf(formSample, m.scans(admin, 6)...)
	apply := "{" + sysUser + "," + form[1:]
	var whole map[string]any
	if err := json.Unmarshal([]byte(apply), &whole); err != nil {
		t.Fatal(err)
	}
	with := func(change func(f map[string]any)) string {
		var f map[string]any
		if err := json.Unmarshal([]byte(apply), &f); err != nil {
			t.Fatal(err)
		}
		change(f)
		raw, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	basic := func(f map[string]any) map[string]any { return f["entBasicInfo"].(map[string]any) }
	for _, name := range strings.Fields("orgName orgNature orgAddr orgAddrProvince orgAddrCity orgCrtType orgCrtCode orgCrtImgRid industryCategory industrySpecific contactName contactCrtType " +
		"contactCrtNo contactEmail contactPhone legalName legalCrtType legalCrtNo legalCrtBackImgRid legalCrtFrontImgRid entPrefix") {
		m.want(admin, "POST /snms/api/v3/ent/apply", with(func(f map[string]any) { delete(basic(f), name) }), `{"message":"缺少必要的请求参数: entBasicInfo.`+name+`","status":-2,"data":null}`)
	}
	for _, name := range []string{"sysUser", "entBasicInfo", "entRegisterManageInfo"} {
		m.want(admin, "POST /snms/api/v3/ent/apply", with(func(f map[string]any) { delete(f, name) }), `{"message":"缺少必要的请求参数: `+name+`","status":-2,"data":null}`)
	}
	for name, c := range map[string]struct {
		change func(f map[string]any)
		want   string
	}{
		"long":    {func(f map[string]any) { basic(f)["orgName"] = strings.Repeat("长", 256) }, "entBasicInfo.orgName 长度不能超过 255"},
		"region":  {func(f map[string]any) { basic(f)["orgAddrCity"] = "310100" }, "entBasicInfo.orgAddr 的省、市、区代码不一致"},
		"no code": {func(f map[string]any) { basic(f)["orgAddrCity"] = "北京" }, "entBasicInfo.orgAddrCity 应为六位行政区划代码"},
		"prefix":  {func(f map[string]any) { basic(f)["entPrefix"] = "88.999.1" }, "entPrefix: "},
		"e-mail":  {func(f map[string]any) { basic(f)["contactEmail"] = "zhangsan" }, "contactEmail: "},
		"code":    {func(f map[string]any) { basic(f)["orgCrtCode"] = "91110108MA00000000" }, "orgCrtCode: "},
		"file":    {func(f map[string]any) { basic(f)["orgCrtImgRid"] = 7 }, "orgCrtImgRid: "},
		"number":  {func(f map[string]any) { basic(f)["orgCrtImgRid"] = "x" }, "请求参数类型错误: entBasicInfo.orgCrtImgRid"},
		"system": {func(f map[string]any) {
			f["entRegisterManageInfo"].(map[string]any)["entInfoSyses"] = f["entRegisterManageInfo"].(map[string]any)["entInfoSyses"].([]any)[:3]
		}, "entRegisterManageInfo.entInfoSyses 缺少 sysType 4 的系统"},
		"password": {func(f map[string]any) { f["sysUser"].(map[string]any)["password"] = "123456" }, "sysUser.password 应为密码的 SHA-256 十六进制值"},
	} {
		if out := m.do(admin, "POST /snms/api/v3/ent/apply", with(c.change)); !strings.Contains(out, `"message":"`+c.want) || !strings.Contains(out, `"status":-2`) {
			t.Errorf("%s: %s, want %s", name, out, c.want)
		}
	}
	m.want(admin, "GET /snms/api/v3/ent/page?orgName=泰尔", "", `{"message":"success","status":1,"data":{"first":true,"last":true,"totalPages":0,"totalElements":0,"number":1,"size":10,"sort":null,"numberOfElements":0,"content":[]}}`)
	m.want(admin, "POST /snms/api/v3/ent/apply", apply, done) // the files are there as before
}

func TestConfigRefused(t *testing.T) {
	m := newMarket(t, memstore.New(), nil)
	admin := m.admin()
	const own = `{"entPrefixConfig":{"entPrefix":"88.1021.150","hdlType":"HS_SITE","ipType":"4","ip":"192.0.2.1","tcpPort":"2641"}}`
	f := func(token, body, want string) {
		t.Helper()
		m.want(token, "POST /snms/api/ent/config", body, want)
	}
	fail := func(message string) string { return `{"message":"` + message + `","status":-2,"data":null}` }
	f(admin, `{}`, fail("缺少必要的请求参数: entPrefixConfig"))
	f(admin, `{"entPrefixConfig":{}}`, fail("缺少必要的请求参数: entPrefix"))
	f(admin, `{"entPrefixConfig":{"entPrefix":"88.1021.150"}}`, fail("缺少必要的请求参数: proxyServerId"))
	f(admin, strings.Replace(own, `"HS_SITE"`, `"URL"`, 1), fail("hdlType 应为 HS_SITE"))
	f(admin, strings.Replace(own, `"4"`, `"6"`, 1), fail("ip 与 ipType 不一致"))
	f(admin, strings.Replace(own, `"4"`, `5`, 1), fail("ipType 应为 4 或 6"))
	f(admin, strings.Replace(own, `192.0.2.1`, `host`, 1), fail("ip 应为 IP 地址"))
	f(admin, strings.Replace(own, `"2641"`, `""`, 1), fail("httpPort、tcpPort、udpPort 至少填写一个"))
	f(admin, strings.Replace(own, `"2641"`, `"70000"`, 1), fail("tcpPort 应为 1 到 65535 的端口"))
	if out := m.do(m.token, "POST /snms/api/ent/config", strings.Replace(own, "88.1021.150", "88.1021.9", 1)); !strings.Contains(out, `"status":-3`) {
		t.Errorf("another's prefix: %s", out)
	}
	if out := m.do("", "POST /snms/api/ent/config", own); !strings.Contains(out, `"status":-1`) {
		t.Errorf("nobody: %s", out)
	}
}

func TestPages(t *testing.T) {
	m := newMarket(t, memstore.New(), nil)
	admin := m.admin()
	for i := range 13 {
		m.now = m.now.Add(time.Hour)
		if _, err := m.reg.CreateEnterprise(t.Context(), registry.Enterprise{Name: fmt.Sprintf("企业%02d", i)}, operator); err != nil {
			t.Fatal(err)
		}
	}
	f := func(query, want string) {
		t.Helper()
		var a struct {
			Message string
			Data    *struct {
				First, Last                                               bool
				TotalPages, TotalElements, Number, Size, NumberOfElements int
				Content                                                   []struct{ OrgName string }
			}
		}
		out := m.do(admin, "GET /snms/api/v3/ent/page?"+query, "")
		if err := json.Unmarshal([]byte(out), &a); err != nil {
			t.Fatal(err)
		}
		got := a.Message
		if d := a.Data; d != nil {
			got = fmt.Sprint(d.First, d.Last, d.TotalPages, d.TotalElements, d.Number, d.Size, d.NumberOfElements)
			for _, e := range d.Content {
				got += " " + e.OrgName
			}
		}
		if got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	f("orgName=企业&pageSize=5", "true false 3 13 1 5 5 企业12 企业11 企业10 企业09 企业08")
	f("orgName=企业&pageSize=5&currentPage=3", "false true 3 13 3 5 3 企业02 企业01 企业00")
	f("orgName=企业&pageSize=5&currentPage=4", "false true 3 13 4 5 0")
	f("orgName=企业0&pageSize=2&currentPage=0", "true false 5 10 1 2 2 企业09 企业08")
	f("orgName=企业&startDate=2026-11-23%2021:00:00&endDate=2026-11-23%2022:00:00&currentPage=&pageSize=", "true true 1 2 1 10 2 企业01 企业00")
	f("orgName=企业&startDate=2026-11-24&endDate=2026-11-24&pageSize=3", "true false 4 10 1 3 3 企业12 企业11 企业10")
	f("currentPage=x", "currentPage 应为 1 到 2147483647 的整数")
	f("pageSize=1001", "pageSize 应为 1 到 1000 的整数")
	f("startDate=yesterday", "startDate 应为 yyyy-MM-dd HH:mm:ss 或 yyyy-MM-dd")
}

func TestUpload(t *testing.T) {
	m := newMarket(t, memstore.New(), nil)
	admin := m.admin()
	f := func(out, want string) {
		t.Helper()
		if out != want {
			t.Errorf("got %s, want %s", out, want)
		}
	}
	f(m.upload(admin, "other", "a.pdf", scan(1)), `{"message":"缺少必要的请求参数: file","status":-2,"data":null}`)
	f(m.upload(admin, "file", "a.exe", []byte("MZ")), `{"message":"文件内容不是 PNG、JPEG、BMP 或 PDF，或者已损坏","status":-2,"data":null}`)
	f(m.upload(admin, "file", "a.pdf", nil), `{"message":"文件为空","status":-2,"data":null}`)
	big := append(append([]byte("%PDF-1.4\n"), bytes.Repeat([]byte("x"), 5<<20)...), "\n%%EOF\n"...)
	f(m.upload(admin, "file", "a.pdf", big), `{"message":"文件超过 5242880 字节","status":-2,"data":null}`)
	f(m.upload("x", "file", "a.pdf", scan(1)), `{"message":"没有登录，需要验证","status":-1,"data":null}`)
	f(m.do(admin, "POST /snms/api/file/upload", "{}"), `{"message":"请以 multipart/form-data 上传文件，字段名为 file","status":-2,"data":null}`)
	// Of an enterprise's own user the file is the enterprise's at once.
	m.scans(m.token, 1)
	// What is never named does not pile up.
	for range 3 {
		m.scans(admin, 20)
	}
	files, _, err := m.reg.ListFiles(t.Context(), operator.Actor, registry.Self, registry.Paging{Limit: 1000})
	if err != nil || len(files) > 51 {
		t.Errorf("%d files wait, %v", len(files), err)
	}
	m.now = m.now.AddDate(0, 0, 8)
	admin = m.login("admin")
	m.scans(admin, 1)
	if files, _, err := m.reg.ListFiles(t.Context(), operator.Actor, registry.Self, registry.Paging{Limit: 1000}); err != nil || len(files) != 1 {
		t.Errorf("%d files wait after a week, %v", len(files), err)
	}
}
