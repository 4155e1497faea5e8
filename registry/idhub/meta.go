package idhub

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/template"
	"github.com/idnode/idnode/registry"
)

// revisions is how often a change is made again because others changed the metadata too.
const revisions = 20

// maxHandles is how many identifiers of metadata a call takes.
const maxHandles = 100

// metadata serves /api/v1/open/meta (section 6; snms-api.md, section 5.2).
func (s *server) metadata() {
	const read, change = registry.ScopeTemplatesRead, registry.ScopeTemplatesWrite
	s.handle("POST /api/v1/open/meta/create", maxContent, doneOne, s.createMeta, change)
	s.handle("GET /api/v1/open/meta/info", maxNames, doneOne, s.metaInfo, read)
	s.handle("PUT /api/v1/open/meta/update-basic-info", maxNames, doneTen, s.updateBasics, change)
	s.handle("PUT /api/v1/open/meta/update-item", maxContent, doneTen, s.updateItems, change)
	s.handle("DELETE /api/v1/open/meta/delete", maxNames, doneTen, s.deleteMeta, change)
	s.handle("PUT /api/v1/open/meta/publish-or-withdraw", maxNames, doneTen, s.publishMeta, change)
	s.handle("POST /api/v1/open/meta/baseon-create", maxNames, doneOne, s.copyMeta, change)
	s.handle("GET /api/v1/open/meta/classify-query", maxNames, doneOne, s.classes, read)
	s.handle("GET /api/v1/open/meta/page", maxNames, doneOne, s.metaPage, read)
	s.handle("GET /api/v1/open/handle/page", maxNames, doneOne, s.handlePage, registry.ScopeIdentifiersRead)
}

// absentMeta is how a change of metadata that is not there is refused.
var absentMeta = deny(CodeInterface, messageHandle+"要修改的元数据不存在!")

type handleView struct {
	MetaHandle string `json:"metaHandle"`
}

// createMeta enters metadata, which is not published.
func (s *server) createMeta(r *request) (any, error) {
	var f metaForm
	if err := r.read(&f); err != nil {
		return nil, err
	}
	var wrong bind
	c := new(template.Content)
	f.head(c, &wrong)
	if len(f.Items) == 0 {
		wrong.missing("metaItemCreateDTOS")
	}
	items(c, "metaItemCreateDTOS", f.Items, &wrong)
	if err := wrong.refuse(); err != nil {
		return nil, err
	}
	return s.enterMeta(r, f.handle(), string(f.MetaCode), c)
}

// enterMeta enters metadata under a handle, or under one that is made of its code.
func (s *server) enterMeta(r *request, handle, code string, c *template.Content) (any, error) {
	if handle == "" {
		prefix, err := s.ownPrefix(r)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256([]byte(prefix + "\x00" + code))
		handle = prefix + "/" + metaMark + hex.EncodeToString(sum[:])[:15]
	}
	k, name, ok := parseMeta(handle)
	if !ok {
		return nil, deny(CodeInterface, messageHandle+"应为 前缀/META_名称")
	}
	id, err := s.parseHandle(k.Name + "/" + metaMark + name)
	if err != nil {
		return nil, err
	}
	if rec, err := s.Registrar.Get(r.Context(), id, registry.Get{Actor: r.actor}); err == nil && rec.State == identifier.Active {
		return nil, deny(CodeInterface, messageHandle+"已有同名的实例标识!")
	}
	t, err := s.Registrar.CreateTemplate(r.Context(), k, name, c, registry.Write{Actor: r.actor})
	if err != nil {
		if registry.AsError(err).Code == registry.CodeAlreadyExists {
			err = deny(CodeInterface, messageHandle+"元数据已存在!")
		}
		return nil, s.wordedMeta(err, c)
	}
	return handleView{metaHandle(t)}, nil
}

// ownPrefix is the prefix of the caller: that of its identity, or the only one of its enterprise.
func (s *server) ownPrefix(r *request) (string, error) {
	if _, id, ok := registry.ParseIdentity(r.actor.Account); ok {
		return id.Prefix(), nil
	}
	spaces, next, err := s.Registrar.ListPrefixes(r.Context(), registry.PrefixList{Actor: r.actor, Scheme: identifier.Handle, Enterprise: r.actor.Enterprise})
	if err != nil {
		return "", err
	}
	if len(spaces) != 1 || next != "" {
		var wrong bind
		wrong.add("metaHandle", "企业有多个前缀，入参metaHandle不能为空")
		return "", wrong.refuse()
	}
	return spaces[0].Prefix, nil
}

// wordedMeta is what the registrar refused of metadata with the content c: of each reason the item is named.
func (s *server) wordedMeta(err error, c *template.Content) error {
	if err == nil {
		return nil
	}
	e := registry.AsError(err)
	switch {
	case e.Code == registry.CodeForbidden:
		return deny(CodeNoManagement, messageManagement)
	case len(e.Violations) == 0:
		return err
	}
	code, _ := told(e)
	reasons := make([]string, len(e.Violations))
	for i := range e.Violations {
		v := &e.Violations[i]
		reasons[i] = v.In(registry.Chinese)
		var at int
		if _, after, ok := strings.Cut(v.Field, "/fields/"); ok {
			if n, _ := fmt.Sscanf(after, "%d", &at); n == 1 && at >= 0 && at < len(c.Fields) {
				reasons[i] = "实体" + englishName(&c.Fields[at]) + "：" + reasons[i]
			}
		}
	}
	return deny(code, beginnings[code]+strings.Join(reasons, "；"))
}

// metaInfo shows metadata to who manages it.
func (s *server) metaInfo(r *request) (any, error) {
	handle := r.URL.Query().Get("metaHandle")
	if handle == "" {
		return nil, wrongParameter("metaHandle 不能为空")
	}
	t, err := s.foundMeta(r, handle, deny(CodeNoMetadata, messageNoMetadata))
	if err != nil {
		return nil, err
	}
	return s.metaView(t), nil
}

// resolveMeta shows metadata as it is resolved: to its enterprise only, as the registry knows no grants of templates.
func (s *server) resolveMeta(r *request, k identifier.Key, name string) (any, error) {
	t, err := s.Registrar.Template(r.Context(), k, name, 0, r.actor)
	switch {
	case err != nil && registry.AsError(err).Code == registry.CodeNotYourNamespace:
		return nil, deny(CodeUnreadable, messageUnreadable)
	case err != nil:
		return nil, err
	case t.State != registry.TemplatePublished:
		return nil, deny(CodeUnpublished, messageDraft)
	}
	return s.resolvedView(t), nil
}

// updateBasics changes what is not of one item.
func (s *server) updateBasics(r *request) (any, error) {
	var f metaForm
	if err := r.read(&f); err != nil {
		return nil, err
	}
	var wrong bind
	wrong.needed("metaHandle", text(f.handle()), maxHandle)
	f.head(new(template.Content), &wrong)
	if err := wrong.refuse(); err != nil {
		return nil, err
	}
	return nil, s.changeMeta(r, f.handle(), func(c *template.Content) error {
		f.head(c, &wrong)
		return nil
	})
}

// updateItems changes and adds items; it removes none. Those of a copy are not changed.
func (s *server) updateItems(r *request) (any, error) {
	var f metaForm
	if err := r.read(&f); err != nil {
		return nil, err
	}
	var wrong bind
	wrong.needed("metaHandle", text(f.handle()), maxHandle)
	if len(f.Changed) == 0 {
		wrong.missing("metaItemDTOS")
	}
	for i := range f.Changed {
		f.Changed[i].check(fmt.Sprintf("metaItemDTOS[%d].", i), &wrong)
	}
	if err := wrong.refuse(); err != nil {
		return nil, err
	}
	return nil, s.changeMeta(r, f.handle(), func(c *template.Content) error {
		if c.Notes[noteBase] != "" {
			return deny(CodeNotServed, "元数据副本的实体不能编辑")
		}
		items(c, "metaItemDTOS", f.Changed, &wrong)
		return nil
	})
}

// changeMeta changes metadata: at once if it is published, else what is to be published. change gets a copy of the
// content, of which it may change what is not shared: fields and notes are replaced, not modified.
func (s *server) changeMeta(r *request, handle string, change func(*template.Content) error) error {
	for range revisions {
		t, err := s.foundMeta(r, handle, absentMeta)
		if err != nil {
			return err
		}
		c := *contentOf(t)
		c.Fields = slices.Clone(c.Fields)
		if err := change(&c); err != nil {
			return err
		}
		if err = s.putMeta(r, t, &c); err == nil || registry.AsError(err).Code != registry.CodeVersionMismatch {
			return s.wordedMeta(err, &c)
		}
	}
	return registry.Refuse(registry.CodeConflict, "", "others changed it at the same time, %d times; try again", revisions)
}

// putMeta makes c the content of t, which is as the caller read it.
func (s *server) putMeta(r *request, t *registry.Template, c *template.Content) error {
	put := s.Registrar.EditTemplate
	if t.State == registry.TemplatePublished {
		put = s.Registrar.ReviseTemplate
	}
	_, err := put(r.Context(), t.Key(), t.Name, c, registry.Write{Actor: r.actor, IfMatch: t.Version})
	return err
}

// deleteMeta deletes metadata that is not published and that no identifier follows. What can be told in advance is
// told before anything is deleted.
func (s *server) deleteMeta(r *request) (any, error) {
	var handles []string
	for _, named := range r.URL.Query()["metaHandleList"] {
		for handle := range strings.SplitSeq(named, ",") {
			if handle = strings.TrimSpace(handle); handle != "" && !slices.Contains(handles, handle) {
				handles = append(handles, handle)
			}
		}
	}
	if err := checkHandles(handles); err != nil {
		return nil, err
	}
	refused := func(handle, reason string) error {
		return deny(CodeNotDeleted, fmt.Sprintf("元数据删除失败:[%s]%s", handle, reason))
	}
	all := make([]*registry.Template, len(handles))
	for i, handle := range handles {
		t, err := s.foundMeta(r, handle, refused(handle, messageNoMetadata))
		if e, ok := err.(*refusal); ok && e.code == CodeNotOurs {
			err = refused(handle, "元数据不是自己创建，不能删除")
		}
		if err != nil {
			return nil, err
		}
		if t.State == registry.TemplatePublished {
			return nil, refused(handle, "元数据已发布，需撤回发布后删除")
		}
		all[i] = t
	}
	for i, t := range all {
		err := s.Registrar.DeleteTemplate(r.Context(), t.Key(), t.Name, registry.Write{Actor: r.actor})
		if err == nil {
			continue
		}
		if e := registry.AsError(err); !faults[e.Code] {
			err = refused(handles[i], e.In(registry.Chinese))
		}
		return nil, err
	}
	return nil, nil
}

func checkHandles(handles []string) error {
	var wrong bind
	switch {
	case len(handles) == 0:
		wrong.add("metaHandleList", "入参元数据标识列表metaHandleList不能为空")
	case len(handles) > maxHandles:
		wrong.add("metaHandleList", fmt.Sprintf("最多 %d 个", maxHandles))
	}
	return wrong.refuse()
}

// publishedView is what came of one of the metadata of a call.
type publishedView struct {
	MetaHandle string `json:"metaHandle"`
	State      string `json:"state"` // success or failed
	Reason     string `json:"reason"`
}

// publishMeta publishes or withdraws metadata, each on its own.
func (s *server) publishMeta(r *request) (any, error) {
	var in struct {
		MetaHandleList []string `json:"metaHandleList"`
		OpType         string   `json:"opType"`
	}
	if err := r.read(&in); err != nil {
		return nil, err
	}
	if err := checkHandles(in.MetaHandleList); err != nil {
		return nil, err
	}
	action, ok := map[string]registry.Action{"publish": registry.ActionPublish, "withdraw": registry.ActionWithdraw}[in.OpType]
	if !ok {
		var wrong bind
		wrong.add("opType", "应为 publish 或 withdraw")
		return nil, wrong.refuse()
	}
	out := make([]publishedView, len(in.MetaHandleList))
	for i, handle := range in.MetaHandleList {
		out[i] = publishedView{handle, "success", ""}
		t, err := s.foundMeta(r, handle, deny(CodeNoMetadata, "元数据标识"+handle+"不存在"))
		if err == nil {
			_, err = s.Registrar.TemplateAction(r.Context(), t.Key(), t.Name, action, "", registry.Write{Actor: r.actor})
			err = s.wordedMeta(err, cmp.Or(draftOf(t), new(template.Content)))
		}
		if err != nil {
			reason, ok := reasonOf(err)
			if !ok {
				return nil, err
			}
			out[i].State, out[i].Reason = "failed", reason
		}
	}
	return out, nil
}

func draftOf(t *registry.Template) *template.Content {
	if t == nil {
		return nil
	}
	return t.Draft
}

// reasonOf is the message of a refusal; false for trouble of ours.
func reasonOf(err error) (string, bool) {
	if e, ok := err.(*refusal); ok {
		return e.message, true
	}
	e := registry.AsError(err)
	_, message := told(e)
	return message, !faults[e.Code]
}

// copyMeta enters a copy of metadata that the caller may see: of its enterprise. Its items are not changed any more.
func (s *server) copyMeta(r *request) (any, error) {
	var in struct {
		BaseonHandle text `json:"baseonHandle"`
		BaseInfo     struct {
			MetaCode     text `json:"metaCode"`
			ClassifyCode text `json:"classifyCode"`
		} `json:"baseInfo"`
	}
	if err := r.read(&in); err != nil {
		return nil, err
	}
	var wrong bind
	wrong.needed("baseonHandle", in.BaseonHandle, maxHandle)
	wrong.needed("baseInfo.metaCode", in.BaseInfo.MetaCode, 50)
	wrong.needed("baseInfo.classifyCode", in.BaseInfo.ClassifyCode, 100)
	if err := wrong.refuse(); err != nil {
		return nil, err
	}
	t, err := s.foundMeta(r, string(in.BaseonHandle), deny(CodeNoMetadata, messageNoMetadata))
	if e, ok := err.(*refusal); ok && e.code == CodeNotOurs {
		return nil, deny(CodeNoRead, messageUnreadable)
	}
	if err != nil {
		return nil, err
	}
	if t.State != registry.TemplatePublished {
		return nil, deny(CodeUnpublished, messageDraft)
	}
	c := *t.Content
	c.Notes = noted(c.Notes, noteCode, string(in.BaseInfo.MetaCode))
	c.Notes = noted(c.Notes, noteClassify, string(in.BaseInfo.ClassifyCode))
	c.Notes = noted(c.Notes, noteBase, metaHandle(t))
	return s.enterMeta(r, "", string(in.BaseInfo.MetaCode), &c)
}
