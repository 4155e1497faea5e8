package idhub

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
)

func with(text, old, new string) string { return strings.Replace(text, old, new, 1) }

// TestMetaRefusals has what is wrong with requests about metadata, in the words that clients see.
func TestMetaRefusals(t *testing.T) {
	h := newHub(t)
	h.pump()
	const create = "POST /api/v1/open/meta/create"
	form := with(pumpForm, "META_pump", "META_other")
	for _, member := range []string{"classifyCode", "metaName", "metaCode", "industryCategory", "industrySpecific", "industryTrade", "industrySubclass", "metaItemCreateDTOS"} {
		h.bound(create, with(form, `"`+member+`"`, `"other"`), member+": 入参"+member+"不能为空")
	}
	const at = "metaItemCreateDTOS[0]."
	for _, member := range []string{"itemCode", "englishName", "chineseName"} {
		h.bound(create, with(form, `"`+member+`"`, `"other"`), at+member+": 入参"+at+member+"不能为空")
	}
	for _, c := range []struct{ name, old, new, want string }{
		{"long name", `"泵"`, `"` + strings.Repeat("泵", 101) + `"`, "metaName: 长度不能超过 100"},
		{"section", `"C"`, `"制造业"`, "industryCategory: 应为 GB/T 4754 门类代码 A 至 T"},
		{"division", `"34"`, `"3"`, "industrySpecific: 应为 2 位数字"},
		{"group", `"344"`, `"354"`, "industryTrade: 应以上一级代码 34 开头"},
		{"english name in Chinese", `"name"`, `"名称"`, at + "englishName: 只能含字母、数字、_、- 和 .，且以字母或数字开头"},
		{"unique", `"required":1`, `"uniqueField":1`, at + "uniqueField: 本节点不检查属性值的唯一性：请置为 0，以标识本身保证唯一"},
		{"no type", `"dataType":1,`, ``, at + "itemSchemaCreateDTO.dataType: 入参" + at + "itemSchemaCreateDTO.dataType不能为空"},
		{"type 9", `"dataType":1,`, `"dataType":9,`, at + "itemSchemaCreateDTO.dataType: 应为 1 至 8"},
		{"lengths crossed", `"minLength":1`, `"minLength":21`, at + "itemSchemaCreateDTO.maxLength: 应满足 0 ≤ minLength ≤ maxLength ≤ 100000"},
		{"length of a number", `"dataType":1,`, `"dataType":2,`, at + "itemSchemaCreateDTO.maxLength: 数值型的长度固定为 0 至 38，请用 numberRange 限定范围"},
		{"open range", `[0,100]`, `(0,100)`, "metaItemCreateDTOS[1].itemSchemaCreateDTO.numberRange: 只支持闭区间，例如 [1,10]"},
		{"accuracy", `"accuracy":2`, `"accuracy":39`, "metaItemCreateDTOS[1].itemSchemaCreateDTO.accuracy: 应为 0 至 38"},
		{"date format", `YYYY-MM-DD HH:mm:ss`, `HH:mm`, "metaItemCreateDTOS[2].itemSchemaCreateDTO.dateFormat: 应含 YYYY、MM 和 DD，例如 YYYY-MM-DD HH:mm:ss"},
		{"many files", `"maxFileCount":1`, `"maxFileCount":2`, "metaItemCreateDTOS[3].itemSchemaCreateDTO.maxFileCount: 本节点每个属性只保存一个文件：请置为 1"},
		{"reference to nothing", `"dataType":4`, `"dataType":5`, "metaItemCreateDTOS[3].itemReferenceDTO.referenceMetaHandle: 入参metaItemCreateDTOS[3].itemReferenceDTO.referenceMetaHandle不能为空"},
		{"a word for a number", `"required":1`, `"required":"yes"`, "metaItemCreateDTOS.required: 参数类型错误"},
		{"state", `"required":1`, `"itemState":2`, at + "itemState: 只支持 0（启用）和 1（禁用）"},
		{"two things", `"required":1,"itemSchemaCreateDTO":{"dataType":1`, `"itemState":2,"itemSchemaCreateDTO":{"dataType":0`,
			at + "itemState: 只支持 0（启用）和 1（禁用）; " + at + "itemSchemaCreateDTO.dataType: 应为 1 至 8"},
	} {
		if t.Log(c.name); !strings.Contains(form, c.old) {
			t.Fatalf("no %s", c.old)
		}
		h.bound(create, with(form, c.old, c.new), c.want)
	}
	h.refused(h.token, create, form[:len(form)-1], CodeParameter, "请求入参错误：请求体不是合法的 JSON")
	h.refused(h.token, create, form+"{}", CodeParameter, "请求入参错误：请求体不是合法的 JSON")
	h.refused(h.token, create, with(form, "META_other", "META_"), CodeInterface, "接口参数错误:入参metaHandle异常：应为 前缀/META_名称")
	h.refused(h.token, create, with(form, "META_other", "other"), CodeInterface, "接口参数错误:入参metaHandle异常：应为 前缀/META_名称")
	h.refused(h.token, create, pumpForm, CodeInterface, "接口参数错误:入参metaHandle异常：元数据已存在!")
	h.refused(h.token, create, with(form, "88.608.8889", "88.608.9"), CodeNotOurs, "非本企业标识")
	h.refused(h.token, create, with(form, `"weight"`, `"NAME"`), CodeInterface, "接口参数错误:实体NAME：与第 0 个字段重名（序号从 0 起，不区分大小写）")
	h.refused(h.token, create, with(form, `"itemCode":"1"`, `"itemCode":"1","itemIndex":100`), CodeInterface, "接口参数错误:实体name：索引 100 保留作管理用，请换一个，建议从 2000 起")
	h.refused(h.line, create, form, CodeNoManagement, "暂无当前元数据的管理权限")
	h.refused("", create, form, CodeInvalidToken, "无效的token")
	h.refused("x.y.z", create, form, CodeInvalidToken, "无效的token")

	h.must(operate(opCreate, prefix+"/META_taken"), content(`"name":"x"`)) // no metadata has this name
	h.refused(h.token, create, with(form, "META_other", "META_taken"), CodeInterface, "接口参数错误:入参metaHandle异常：已有同名的实例标识!")
	const item = "PUT /api/v1/open/meta/update-item"
	h.bound(item, `{}`, "metaHandle: 入参metaHandle不能为空; metaItemDTOS: 入参metaItemDTOS不能为空")
	change := func(members string) string {
		return `{"metaHandle":"88.608.8889/META_pump","metaItemDTOS":[{"itemCode":"1","englishName":"name","chineseName":"名称",` + members + `}]}`
	}
	h.refused(h.token, item, change(`"itemSchemaCreateDTO":{"dataType":1,"minLength":1,"maxLength":19}`), CodeInterface, "接口参数错误:实体name：最大长度不能小于 20")
	h.refused(h.rival, item, change(`"itemSchemaCreateDTO":{"dataType":1}`), CodeNotOurs, "非本企业标识")
	h.refused(h.token, "GET /api/v1/open/meta/info", "", CodeParameter, "请求入参错误：metaHandle 不能为空")
	h.refused(h.token, "GET /api/v1/open/meta/info?metaHandle=88.608.8889/pump", "", CodeNoMetadata, "元数据不存在")
	h.refused(h.rival, "GET /api/v1/open/meta/info?metaHandle=88.608.8889/META_pump", "", CodeNotOurs, "非本企业标识")
	h.bound("DELETE /api/v1/open/meta/delete", "", "metaHandleList: 入参元数据标识列表metaHandleList不能为空")
	h.bound("PUT /api/v1/open/meta/publish-or-withdraw", `{"metaHandleList":["88.608.8889/META_pump"],"opType":"x"}`, "opType: 应为 publish 或 withdraw")
	h.bound("POST /api/v1/open/meta/baseon-create", `{}`, "baseonHandle: 入参baseonHandle不能为空; baseInfo.metaCode: 入参baseInfo.metaCode不能为空; baseInfo.classifyCode: 入参baseInfo.classifyCode不能为空")
	for query, want := range map[string]string{
		"metaState=2": "metaState 应为 0 或 1", "page=-1": "page 应为 0 至 1073741824 的整数", "size=x": "size 应为 1 至 1000 的整数",
		"startTime=2024": "startTime 的格式应为 yyyy-MM-dd HH:mm:ss",
	} {
		h.refused(h.token, "GET /api/v1/open/meta/page?classifyCode=sp&"+query, "", CodeParameter, "请求入参错误："+want)
	}

	copied := h.must("POST /api/v1/open/meta/baseon-create", `{"baseonHandle":"88.608.8889/META_pump","baseInfo":{"metaCode":"c","classifyCode":"sp"}}`)
	var made struct{ Data handleView }
	if err := json.Unmarshal([]byte(copied), &made); err != nil {
		t.Fatal(err)
	}
	h.refused(h.token, item, with(change(`"itemSchemaCreateDTO":{"dataType":1}`), "88.608.8889/META_pump", made.Data.MetaHandle), CodeNotServed, "元数据副本的实体不能编辑")
	h.must("PUT /api/v1/open/meta/publish-or-withdraw", `{"metaHandleList":["88.608.8889/META_pump"],"opType":"withdraw"}`)
	h.refused(h.token, "DELETE /api/v1/open/meta/delete?metaHandleList=88.608.8889/META_pump", "", CodeNotDeleted, "元数据删除失败:[88.608.8889/META_pump]已有标识使用数据模板 pump")
}

// TestRecordRefusals has what is wrong with operations on records.
func TestRecordRefusals(t *testing.T) {
	h := newHub(t)
	h.pump()
	id := prefix + "/1"
	good := content(`"name":"泵"`)
	f := func(name, body string, code Code, message string) {
		t.Helper()
		t.Log(name)
		h.refused(h.token, operate(opCreate, id), body, code, message)
	}
	f("no type", with(good, `"type"`, `"t"`), CodeParameter, "请求入参错误：type 不能为空")
	f("no content", `{"type":"88.608.8889/META_pump"}`, CodeParameter, "请求入参错误：attributes.content 不能为空")
	f("content null", `{"type":"88.608.8889/META_pump","attributes":{"content":null}}`, CodeParameter, "请求入参错误：attributes.content 不能为空")
	f("content a list", `{"type":"88.608.8889/META_pump","attributes":{"content":[]}}`, CodeParameter, "请求入参错误：attributes.content 应为 JSON 对象")
	f("no metadata", with(good, "META_pump", "META_none"), CodeNoMetadata, "元数据不存在")
	f("no form of metadata", with(good, "META_pump", "pump"), CodeNoMetadata, "元数据不存在")
	f("metadata of another prefix", with(good, prefix, "88.608.6688"), CodeNoMetadata, "元数据不存在")
	f("unknown items", content(`"name":"泵","z":"1","a":"2"`), CodeForeignItem, "实体a、z不属于该元数据")
	f("required", content(`"weight":"1"`), CodeInput, "缺少必填字段 name（索引 2000）")
	f("too long", content(`"name":"`+strings.Repeat("泵", 21)+`"`), CodeInput, "字段 name 有 21 个字符，最多 20 个")
	f("null", content(`"name":null`), CodeInput, "实体name的值不能为 null：属性不能删除，只能修改")
	f("an object", content(`"name":{}`), CodeInput, "实体name的值应为字符串或数值")
	f("range", content(`"name":"泵","weight":"101"`), CodeInput, "字段 weight 的值为 101，不能大于 100")
	f("two things", content(`"name":"","weight":1.234`), CodeInput, "字段 name 有 0 个字符，至少 1 个；字段 weight 有 3 位小数，最多 2 位")
	f("date", content(`"name":"泵","made":"2024-01-02"`), CodeInput, "实体made的日期格式应为 YYYY-MM-DD HH:mm:ss")
	f("file", content(`"name":"泵","paper":"f1"`), CodeInput, "该企业没有文件 f1，请先上传")
	f("not JSON", "{", CodeParameter, "请求入参错误：请求体不是合法的 JSON")
	f("large", content(`"name":"`+strings.Repeat("x", maxContent)+`"`), CodeParameter, "请求入参错误：请求体不能超过 1048576 字节")

	for _, target := range []string{"", prefix, "0.NA/" + prefix, "x", prefix + "/" + strings.Repeat("x", 255)} {
		h.refused(h.token, operate(opCreate, target), good, CodeIdentifierForm, "标识格式异常")
		h.refused(h.token, retrieve(target), "", CodeIdentifierForm, "标识格式异常")
	}
	h.refused(h.token, operate("0.DOIP/Op.Search", id), good, CodeUnknown, "操作类型不存在")
	h.refused(h.token, "GET /api/v1/doip?targetId="+id, "", CodeUnknown, "操作类型不存在")
	h.refused(h.token, with(operate(opCreate, id), "POST", "GET"), "", CodeUnsupported, "不支持的操作类型")
	h.refused(h.token, operate(opUpdate, id), good, CodeNotFound, "标识对象不存在")
	h.refused(h.token, operate(opMerge, id), good, CodeNotFound, "标识对象不存在")
	h.refused(h.token, operate(opDelete, id), "", CodeNotFound, "标识对象不存在")
	h.refused(h.token, retrieve(id), "", CodeNotFound, "标识对象不存在")
	h.refused(h.token, retrieve("99.1/1"), "", CodeNotFound, "标识对象不存在")
	h.refused(h.token, retrieve(prefix+"/META_none"), "", CodeNotFound, "标识对象不存在")

	h.must(operate(opCreate, id), content(`"name":"泵","made":"2024-01-02 03:04:05"`))
	for _, op := range []string{opCreate, opUpdate, opMerge, opDelete} {
		h.refused("", operate(op, id), good, CodeInvalidToken, "无效的token")
		h.refused(h.rival, operate(op, id), good, CodeNotOurs, "非本企业标识")
	}
	h.refused("x.y.z", retrieve(id), "", CodeInvalidToken, "无效的token")
	h.refused(h.token, operate(opUpdate, id), content(`"weight":1`), CodeInput, "缺少必填字段 name（索引 2000）")
	h.refused(h.token, operate(opMerge, id), content(`"name":""`), CodeInput, "字段 name 有 0 个字符，至少 1 个")
	h.must("POST /api/v1/open/meta/create", with(pumpForm, "META_pump", "META_other"))
	h.must("PUT /api/v1/open/meta/publish-or-withdraw", `{"metaHandleList":["88.608.8889/META_other"],"opType":"publish"}`)
	h.refused(h.token, operate(opMerge, id), with(good, "META_pump", "META_other"), CodeParameter, "请求入参错误：type 与标识创建时基于的元数据不一致")

	// Records of withdrawn metadata stay and change, new ones are refused.
	h.must("PUT /api/v1/open/meta/publish-or-withdraw", `{"metaHandleList":["88.608.8889/META_pump"],"opType":"withdraw"}`)
	h.must(operate(opMerge, id), content(`"weight":"1.50"`))
	h.refused(h.token, operate(opCreate, prefix+"/2"), good, CodeUnpublished, "元数据未发布")
	h.refused(h.token, retrieve(prefix+"/META_pump"), "", CodeUnpublished, "元数据未发布")
	want := `{"code":1,"message":"成功","data":{"id":"88.608.8889/1","type":"88.608.8889/META_pump","attributes":{"id":"88.608.8889/1","type":"88.608.8889/META_pump","elements":[` +
		`{"index":2000,"type":"name","name":"名称","dataType":1,"value":"泵"},{"index":2001,"type":"weight","name":"重量","dataType":2,"value":"1.50"},` +
		`{"index":2002,"type":"made","name":"生产时间","dataType":3,"value":"2024-01-02 03:04:05"}]}}}`
	if got := h.do(h.token, retrieve(id), ""); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	parsed, _ := identifier.Handle.Parse(id)
	rec, err := h.reg.Get(t.Context(), parsed, registry.Get{Actor: operator.Actor})
	if err != nil || string(rec.Values[1].Data) != "2024-01-02T03:04:05+08:00" && string(rec.Values[2].Data) != "2024-01-02T03:04:05+08:00" {
		t.Errorf("%+v, %v", rec, err)
	}

	if _, err := h.reg.PrefixAction(t.Context(), identifier.Key{Scheme: identifier.Handle, Name: prefix}, registry.ActionSuspend, "", "", operator); err != nil {
		t.Fatal(err)
	}
	h.refused("", retrieve(id), "", CodeNotAllowed, "前缀 88.608.8889 的状态是 suspended")
}

// TestLogin: a nonce is good once, and a signature of another key is not.
func TestLogin(t *testing.T) {
	h := newHub(t)
	const app, line = prefix + "/App_ceshi", prefix + "/App_line"
	nonce := func() string {
		var a struct{ Data string }
		if err := json.Unmarshal([]byte(h.do("", "GET /api/v1/doip/public/challenge?handle="+app, "")), &a); err != nil || len(a.Data) != 40 {
			t.Fatal(a, err)
		}
		return a.Data
	}
	const verify = "POST /api/v1/doip/public/verify-response"
	good := h.sign(app, nonce())
	if out := h.do("", verify, good); !strings.HasPrefix(out, `{"code":1,"message":"operation was successfully processed","data":{"token":"`) {
		t.Error(out)
	}
	h.refused("", verify, good, CodeUnauthentic, "认证失败")
	h.refused("", verify, with(h.sign(line, nonce()), line, app), CodeUnauthentic, "认证失败")
	h.refused("", verify, h.sign(app, "1816"), CodeUnauthentic, "认证失败")
	h.refused("", verify, `{"handle":"88.608.8889/App_ceshi","signature":"?"}`, CodeUnauthentic, "认证失败")
	h.refused("", verify, `{"handle":"88.608.8889/App_ceshi"}`, CodeUnauthentic, "认证失败")
	h.refused("", verify, `{`, CodeParameter, "请求入参错误：请求体不是合法的 JSON")
	h.refused("", "GET /api/v1/doip/public/challenge?handle="+app+strings.Repeat("x", 255), "", CodeIdentifierForm, "标识格式异常")
}

// TestScopes: a credential that is limited is good for no more here than elsewhere.
func TestScopes(t *testing.T) {
	h := newHub(t)
	h.pump()
	e, err := h.reg.IdentityAccount(t.Context(), "300:"+prefix+"/App_ceshi")
	if err != nil {
		t.Fatal(err)
	}
	_, key, err := h.reg.IssueKey(t.Context(), registry.KeyRequest{Enterprise: e.Enterprise, Role: registry.RoleAdmin, Scopes: []registry.Scope{registry.ScopeTemplatesRead},
		Prefixes: []identifier.Key{{Scheme: identifier.Handle, Name: prefix}}}, operator)
	if err != nil {
		t.Fatal(err)
	}
	if out := h.do(key, "GET /api/v1/open/meta/info?metaHandle=88.608.8889/META_pump", ""); !strings.HasPrefix(out, `{"code":1,`) {
		t.Error(out)
	}
	h.refused(key, "GET /api/v1/open/meta/info?metaHandle=88.608.6688/META_pump", "", CodeNotOurs, "非本企业标识")
	for _, call := range []string{"POST /api/v1/open/meta/create", operate(opCreate, prefix+"/1"), retrieve(prefix + "/1"), "GET /api/v1/open/handle/page?metaHandle=88.608.8889/META_pump",
		"POST /api/v1/open/classes-grant/item/batch-public", "GET /api/v1/open/handle-user-group/list", "POST /api/v1/doip/file-upload"} {
		before := h.contents()
		if out := h.do(key, call, "{}"); !strings.HasPrefix(out, `{"code":103,`) {
			t.Errorf("%s: %s", call, out)
		}
		h.unchanged(before, call, "")
	}
}

// TestPaths: what is not there is told in the envelope too.
func TestPaths(t *testing.T) {
	h := newHub(t)
	for _, c := range []struct {
		method, path string
		status       int
		message      string
	}{
		{"GET", "/api/v1/open/unknown", 404, "接口不存在"},
		{"GET", "/api/v1/doip/public/verify-response", 405, "请求方法不支持"},
		{"PUT", "/api/v1/doip", 405, "请求方法不支持"},
	} {
		w := httptest.NewRecorder()
		h.h.ServeHTTP(w, httptest.NewRequest(c.method, c.path, nil))
		if want := fmt.Sprintf(`{"code":602,"message":"%s"}`, c.message); w.Code != c.status || w.Body.String() != want || w.Header().Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("%s %s: %d %s", c.method, c.path, w.Code, w.Body)
		}
	}
}

// TestFiles: a file is uploaded for an item, named by a record, and read by who may read the value.
func TestFiles(t *testing.T) {
	h := newHub(t)
	h.pump()
	pdf := "%PDF-1.7\n1 0 obj\nendobj\n%%EOF\n"
	upload := func(token, query string, members map[string]string, data string) string {
		t.Helper()
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		for name, said := range members {
			_ = form.WriteField(name, said)
		}
		if data != "" {
			part, err := form.CreateFormFile("file", "合格证.pdf")
			if err != nil {
				t.Fatal(err)
			}
			_, _ = part.Write([]byte(data))
		}
		form.Close()
		return h.send(token, "POST /api/v1/doip/file-upload"+query, form.FormDataContentType(), body.String())
	}
	const query = "?handleName=&metaHandle=88.608.8889/META_pump&fileField=paper"
	f := func(got string, code Code, message string) {
		t.Helper()
		if want := fmt.Sprintf(`{"code":%d,"message":"%s"}`, code, message); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	before := h.contents()
	f(upload(h.rival, query, nil, pdf), CodeNotOurs, "非本企业标识")
	f(upload("", query, nil, pdf), CodeInvalidToken, "无效的token")
	f(upload(h.token, query, nil, ""), CodeParameter, "请求入参错误：file 不能为空")
	f(upload(h.token, "", nil, pdf), CodeParameter, "请求入参错误：metaHandle 不能为空")
	f(upload(h.token, "?metaHandle=88.608.8889/META_pump", nil, pdf), CodeParameter, "请求入参错误：fileField 不能为空")
	f(upload(h.token, "?metaHandle=88.608.8889/META_none&fileField=paper", nil, pdf), CodeNoMetadata, "元数据不存在")
	f(upload(h.token, "?metaHandle=88.608.8889/META_pump&fileField=none", nil, pdf), CodeForeignItem, "实体none不属于该元数据")
	f(upload(h.token, "?metaHandle=88.608.8889/META_pump&fileField=name", nil, pdf), CodeInput, "实体name不是文件型")
	f(upload(h.token, with(query, "handleName=", "handleName=x"), nil, pdf), CodeIdentifierForm, "标识格式异常")
	f(upload(h.token, query, nil, "\x00\x01 no type"), CodeFile, "文件内容不是 PNG、JPEG、BMP、GIF、WebP、PDF、Office 文档或 UTF-8 文本，或者已损坏")
	f(h.do(h.token, "POST /api/v1/doip/file-upload"+query, "{}"), CodeParameter, "请求入参错误：请求体应为 multipart/form-data，文件在 file 中")
	h.unchanged(before, "upload", "")

	var made struct{ Data fileView }
	out := upload(h.line, "", map[string]string{"metaHandle": "88.608.8889/META_pump", "fileField": "paper"}, pdf)
	if err := json.Unmarshal([]byte(out), &made); err != nil || !matches(out, `{"code":1,"message":"成功","data":{"id":"*","filePath":"*"}}`) {
		t.Fatal(out, err)
	}
	id := prefix + "/1"
	h.must(operate(opCreate, id), content(`"name":"泵","paper":"`+made.Data.FilePath+`"`))
	acquire := "GET /api/v1/doip/file-acquire?filePath=" + made.Data.FilePath + "&handle=" + id + "&field=paper"
	r := httptest.NewRequest("GET", strings.TrimPrefix(acquire, "GET "), nil)
	r.Header.Set("Authorization", "Bearer "+h.token)
	w := httptest.NewRecorder()
	h.h.ServeHTTP(w, r)
	if w.Code != http.StatusOK || w.Body.String() != pdf || w.Header().Get("Content-Type") != "application/pdf" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	f(h.do(h.rival, acquire, ""), CodeFile, "获取文件失败")
	f(h.do("", acquire, ""), CodeInvalidToken, "无效的token")
	f(h.do(h.token, with(acquire, "field=paper", "field=name"), ""), CodeFile, "获取文件失败")
	f(h.do(h.token, with(acquire, "field=paper", "field=none"), ""), CodeForeignItem, "实体none不属于该元数据")
	f(h.do(h.token, with(acquire, made.Data.FilePath, "f1"), ""), CodeFile, "获取文件失败")
	f(h.do(h.token, with(acquire, "/1&", "/2&"), ""), CodeNotFound, "标识对象不存在")
	f(h.do(h.token, "GET /api/v1/doip/file-acquire", ""), CodeParameter, "请求入参错误：filePath 不能为空")
}
