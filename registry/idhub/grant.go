package idhub

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/proto/template"
	"github.com/idnode/idnode/registry"
)

// Scopes and types of grants (section 6).
const (
	scopePublic  = 1
	scopeRevoked = 2 // batch-public
	scopeNamed   = 2 // authorization
	authRead     = 1
	authEdit     = 2
)

// maxRegranted is how many identifiers a grant is taken over to: their values say who may read them.
const maxRegranted = 10_000

// grants serves what the registry knows of grants: who may read a field of all records of a template. Readers are
// enterprises: a grant to an identity is one to its enterprise.
func (s *server) grants() {
	scopes := []registry.Scope{registry.ScopeTemplatesWrite, registry.ScopeIdentifiersWrite}
	s.handle("POST /api/v1/open/classes-grant/item/batch-public", maxNames, doneOne, s.batchPublic, scopes...)
	s.handle("POST /api/v1/open/classes-grant/authorization", maxNames, doneOne, s.authorize, scopes...)
	s.handle("GET /api/v1/open/handle-user-group/list", maxNames, doneTen, s.identities, registry.ScopeAccountsWrite)
}

// batchPublic makes items readable by everybody, or by the enterprise alone.
func (s *server) batchPublic(r *request) (any, error) {
	var in struct {
		MetaHandle text     `json:"metaHandle"`
		Scope      *number  `json:"scope"`
		Items      []string `json:"items"`
	}
	if err := r.read(&in); err != nil {
		return nil, err
	}
	var wrong bind
	wrong.needed("metaHandle", in.MetaHandle, maxHandle)
	if in.Scope == nil || *in.Scope != scopePublic && *in.Scope != scopeRevoked {
		wrong.add("scope", "授权范围不符合（1公开2撤销公开）")
	}
	if len(in.Items) == 0 {
		wrong.missing("items")
	}
	if err := wrong.refuse(); err != nil {
		return nil, err
	}
	access := template.ReadPublic
	if *in.Scope == scopeRevoked {
		access = template.ReadPrivate
	}
	return nil, s.grant(r, string(in.MetaHandle), func(c *template.Content) error {
		return eachItem(c, in.Items, func(f *template.Field) {
			if access == template.ReadPublic || f.Read != template.ReadEnterprises { // who was named stays named
				f.Read, f.Readers = access, nil
			}
		})
	})
}

// eachItem changes the fields of those names.
func eachItem(c *template.Content, names []string, change func(f *template.Field)) error {
	var foreign []string
	for _, name := range names {
		f := itemNamed(c, name)
		if f == nil {
			foreign = append(foreign, name)
			continue
		}
		change(f)
	}
	if len(foreign) > 0 {
		return foreignItems(foreign)
	}
	return nil
}

// accessForm is a grant of one item.
type accessForm struct {
	Item              text     `json:"item"`
	AuthType          *number  `json:"authType"`
	Scope             *number  `json:"scope"`
	HandleUsers       []string `json:"handleUsers"`
	RemoveHandleUsers []string `json:"removeHandleUsers"`
}

// authorize names who may read items. Rights to edit are not granted: who writes for an enterprise writes all of
// its records.
func (s *server) authorize(r *request) (any, error) {
	var in struct {
		MetaHandle text         `json:"metaHandle"`
		AccessList []accessForm `json:"accessList"`
	}
	if err := r.read(&in); err != nil {
		return nil, err
	}
	var wrong bind
	wrong.needed("metaHandle", in.MetaHandle, maxHandle)
	if len(in.AccessList) == 0 {
		wrong.missing("accessList")
	}
	for i, a := range in.AccessList {
		at := fmt.Sprintf("accessList[%d].", i)
		wrong.needed(at+"item", a.Item, 50)
		if a.AuthType == nil || *a.AuthType != authRead && *a.AuthType != authEdit {
			wrong.add(at+"authType", "授权类型不合符（1查看2编辑）")
		}
		if a.Scope == nil || *a.Scope != scopePublic && *a.Scope != scopeNamed {
			wrong.add(at+"scope", "授权范围不符合（1公开2指定范围）")
		}
	}
	if err := wrong.refuse(); err != nil {
		return nil, err
	}
	// Who is named is looked up before anything changes.
	readers := make([]map[string]bool, len(in.AccessList)) // enterprise → whether it may read
	for i, a := range in.AccessList {
		if *a.AuthType == authEdit {
			if *a.Scope == scopePublic {
				return nil, deny(CodeFile, "实体"+string(a.Item)+"授权类型与范围不匹配")
			}
			return nil, deny(CodeNotServed, "不支持编辑授权：本企业中具有 admin 或 writer 角色的身份均可编辑，请用 /v1/identities 管理身份")
		}
		readers[i] = make(map[string]bool)
		for _, list := range []struct {
			users []string
			add   bool
		}{{a.RemoveHandleUsers, false}, {a.HandleUsers, true}} {
			for _, user := range list.users {
				enterprise, err := s.enterpriseOf(r, string(a.Item), user)
				if err != nil {
					return nil, err
				}
				readers[i][enterprise] = list.add
			}
		}
	}
	return nil, s.grant(r, string(in.MetaHandle), func(c *template.Content) error {
		for i, a := range in.AccessList {
			err := eachItem(c, []string{string(a.Item)}, func(f *template.Field) {
				if *a.Scope == scopePublic {
					f.Read, f.Readers = template.ReadPublic, nil
					return
				}
				all := slices.DeleteFunc(slices.Clone(f.Readers), func(e string) bool { may, named := readers[i][e]; return named && !may })
				for enterprise, may := range readers[i] {
					if may && enterprise != r.actor.Enterprise && !slices.Contains(all, enterprise) {
						all = append(all, enterprise)
					}
				}
				slices.Sort(all)
				f.Read, f.Readers = template.ReadEnterprises, all
				if len(all) == 0 { // its own enterprise may always
					f.Read, f.Readers = template.ReadPrivate, nil
				}
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// enterpriseOf is the enterprise of an application identity.
func (s *server) enterpriseOf(r *request, item, user string) (string, error) {
	identity, err := identityOf(user)
	if err == nil {
		if a, err := s.Registrar.IdentityAccount(r.Context(), identity); err == nil {
			return a.Enterprise, nil
		}
	}
	return "", deny(CodeNoIdentity, item+"实体授权的标识用户"+user+"不是应用身份")
}

// grant changes who may read items of published metadata, and takes it over to the values of the identifiers that
// follow it. Repeated after a failure it goes on where it was.
func (s *server) grant(r *request, handle string, change func(*template.Content) error) error {
	absent := deny(CodeNoMetadata, messageNoMetadata)
	t, err := s.foundMeta(r, handle, absent)
	if err != nil {
		return err
	}
	if t.State != registry.TemplatePublished {
		return deny(CodeUnpublished, messageDraft)
	}
	count := 0
	err = s.followers(r, t, func(records []*identifier.Record) error {
		if count += len(records); count > maxRegranted {
			return deny(CodeNotServed, fmt.Sprintf("该元数据下的标识超过 %d 个，不支持同类授权：请新建元数据并在注册标识前授权", maxRegranted))
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := s.changeMeta(r, handle, change); err != nil {
		return err
	}
	if t, err = s.foundMeta(r, handle, absent); err != nil {
		return err
	}
	return s.followers(r, t, func(records []*identifier.Record) error { return s.regrant(r, t, records) })
}

// regrant sets the permissions of values as t says.
func (s *server) regrant(r *request, t *registry.Template, records []*identifier.Record) error {
	public := make(map[uint32]bool)
	for i := range t.Content.Fields {
		if f := &t.Content.Fields[i]; f.Read != "" {
			public[f.Index] = f.Read == template.ReadPublic
		}
	}
	var rows []registry.Operation
	for _, rec := range records {
		var p registry.Patch
		for i := range rec.Values {
			v := &rec.Values[i]
			may, said := public[v.Index]
			if !said || may == v.Public() {
				continue
			}
			next := identifier.Value{Index: v.Index, Perms: v.Perms &^ identifier.PublicRead}
			if may {
				next.Perms |= identifier.PublicRead
			}
			p.Values = append(p.Values, registry.PatchValue{Value: next, Fields: registry.FieldPerms})
		}
		if len(p.Values) == 0 {
			continue
		}
		id, err := rec.Scheme.Parse(rec.ID)
		if err != nil {
			return err
		}
		rows = append(rows, registry.Operation{Kind: registry.OpMerge, ID: id, Patch: p})
	}
	for chunk := range slices.Chunk(rows, s.Registrar.Limits().BatchRows) {
		results, err := s.Registrar.Batch(r.Context(), chunk, registry.Write{Actor: r.actor})
		if err != nil {
			return err
		}
		for _, result := range results {
			// One that went meanwhile, or comes to another template, needs nothing.
			if e := result.Err; e != nil && e.Code != registry.CodeRevoked && e.Code != registry.CodeNotFound {
				return e
			}
		}
	}
	return nil
}

// userView is an application identity in answers.
type userView struct {
	Name          string `json:"name"`
	UserHandle    string `json:"userHandle"`
	BelongCompany string `json:"belongCompany"`
}

// identities lists the application identities of the enterprise. There are no groups.
func (s *server) identities(r *request) (any, error) {
	out := []userView{}
	company, cursor := "", ""
	for {
		all, next, err := s.Registrar.ListAccounts(r.Context(), registry.AccountList{Actor: r.actor, Kind: registry.ApplicationAccount, Enterprise: r.actor.Enterprise,
			Paging: registry.Paging{Limit: readSize, Cursor: cursor}})
		if err != nil {
			return nil, err
		}
		for _, a := range all {
			if company == "" {
				e, err := s.Registrar.Enterprise(r.Context(), a.Enterprise, r.actor)
				if err != nil {
					return nil, err
				}
				company = e.Name
			}
			handle := userHandle(a.Username)
			out = append(out, userView{cmp.Or(a.Name, handle), handle, company})
		}
		if cursor = next; cursor == "" {
			return out, nil
		}
	}
}
