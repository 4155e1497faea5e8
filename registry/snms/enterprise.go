package snms

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/idnode/idnode/registry"
)

// maxApplication bounds an application of an enterprise in octets.
const maxApplication = 1 << 20

// enterprises serves the paths of section 4.6. The path without a version is that of an older client (section 4.1).
func (s *server) enterprises() {
	s.handle("POST /snms/api/v3/ent/apply", registry.ScopeEnterpriseWrite, maxApplication, s.applyWithUser)
	s.handle("POST /snms/api/ent/apply", registry.ScopeEnterpriseWrite, maxApplication, s.applyWithUser)
	s.handle("POST /snms/api/v3/ent/upgrade-apply", registry.ScopeEnterpriseWrite, maxApplication, s.applyForUser)
	s.handle("GET /snms/api/v3/ent/page", registry.ScopeEnterpriseRead, maxNames, s.listEnterprises)
	s.handle("GET /snms/api/v3/ent/detail", registry.ScopeEnterpriseRead, maxNames, s.showEnterprise)
}

// applyWithUser enters an enterprise and its user.
func (s *server) applyWithUser(r *request) (any, error) {
	var f struct {
		SysUser *userForm `json:"sysUser"`
		entForm
	}
	if err := r.read(&f); err != nil {
		return nil, err
	}
	if f.SysUser == nil {
		return nil, missing("sysUser")
	}
	account, err := f.SysUser.read("sysUser.", 50)
	if err != nil {
		return nil, err
	}
	return s.enter(r, &f.entForm, account)
}

// applyForUser enters the enterprise of a user who is there.
func (s *server) applyForUser(r *request) (any, error) {
	var f struct {
		Username *text `json:"username"`
		UserName *text `json:"userName"`
		entForm
	}
	if err := r.read(&f); err != nil {
		return nil, err
	}
	name := f.Username
	if name == nil {
		name = f.UserName
	}
	username, err := bounded("username", name, 4*maxUserName)
	if err != nil {
		return nil, err
	}
	return s.enter(r, &f.entForm, registry.AccountRequest{Username: username})
}

// enter enters an enterprise: it is pending until the people of the node approve it and its prefix. The same again within 24 h is done.
func (s *server) enter(r *request, f *entForm, account registry.AccountRequest) (any, error) {
	q, err := f.application()
	if err != nil {
		return nil, err
	}
	w := registry.Write{Actor: r.actor, Operation: "POST /snms/api/v3/ent/apply"}
	_, err = again(r.Context(), &w, []any{q, account},
		func(ctx context.Context) (*registry.Enterprise, error) {
			return s.Registrar.ApplyAs(ctx, *q, account, w)
		},
		func(ctx context.Context, e *registry.Enterprise) (bool, error) {
			now, err := s.Registrar.Enterprise(ctx, e.ID, registry.NodeActor())
			if err != nil {
				return false, notFound(err)
			}
			return now.State != registry.EnterpriseRejected && now.State != registry.EnterpriseWithdrawn, nil
		})
	return true, wordedForm(err)
}

// seen are the enterprises that a may see, the newest first, without the node's own.
func (s *server) seen(ctx context.Context, a registry.Actor) ([]*registry.Enterprise, error) {
	var all []*registry.Enterprise
	for cursor := ""; ; {
		list, next, err := s.Registrar.ListEnterprises(ctx, a, registry.Paging{Limit: maxPageSize, Cursor: cursor})
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
		if cursor = next; next == "" {
			break
		}
	}
	all = slices.DeleteFunc(all, func(e *registry.Enterprise) bool { return e.ID == registry.Self })
	slices.SortStableFunc(all, func(a, b *registry.Enterprise) int { return b.Created.Compare(a.Created) })
	return all, nil
}

// enterpriseNames are the names of the enterprises that a may see, by id.
func (s *server) enterpriseNames(ctx context.Context, a registry.Actor) (map[string]string, error) {
	all, err := s.seen(ctx, a)
	if err != nil {
		return nil, err
	}
	names := make(map[string]string, len(all))
	for _, e := range all {
		names[e.ID] = e.Name
	}
	return names, nil
}

// entRow is an enterprise in a page.
type entRow struct {
	ID           uint64   `json:"id"`
	CreateDate   string   `json:"createDate"`
	UpdateDate   string   `json:"updateDate"`
	OrgName      string   `json:"orgName"`
	OrgNature    string   `json:"orgNature"`
	OrgCrtType   string   `json:"orgCrtType"`
	OrgCrtCode   string   `json:"orgCrtCode"`
	OrgDesc      string   `json:"orgDesc"`
	Website      string   `json:"website"`
	EntGeneralID uint64   `json:"entGeneralId"` // here the same as id
	OpenIDs      []string `json:"openIds"`      // there are none here
}

func (s *server) listEnterprises(r *request) (any, error) {
	from, to, err := s.span(r)
	if err != nil {
		return nil, err
	}
	all, err := s.seen(r.Context(), r.actor)
	if err != nil {
		return nil, err
	}
	name := strings.TrimSpace(r.URL.Query().Get("orgName"))
	rows := []entRow{}
	for _, e := range all {
		if !within(e.Created, from, to) || !strings.Contains(e.Name, name) {
			continue
		}
		basic := basicOf(e)
		rows = append(rows, entRow{ID: registry.Number(e.ID), CreateDate: s.date(e.Created), UpdateDate: s.date(e.Updated), OrgName: e.Name, OrgNature: string(basic.OrgNature),
			OrgCrtType: string(basic.OrgCrtType), OrgCrtCode: string(basic.OrgCrtCode), OrgDesc: e.Description, Website: webOut(e.Website), EntGeneralID: registry.Number(e.ID), OpenIDs: []string{}})
	}
	return pageOf(r, rows)
}

// showEnterprise shows the form of an enterprise as it was handed in; of others' the data are empty.
func (s *server) showEnterprise(r *request) (any, error) {
	id := strings.TrimSpace(r.URL.Query().Get("id"))
	if id == "" {
		return nil, missing("id")
	}
	if n, err := strconv.ParseUint(id, 10, 64); err == nil {
		id = registry.EnterpriseByNumber(n)
	}
	e, err := s.Registrar.Enterprise(r.Context(), id, r.actor)
	if err != nil {
		switch registry.AsError(err).Code {
		case registry.CodeForbidden, registry.CodeNotFound:
			return nil, nil
		}
		return nil, err
	}
	prefix, err := s.prefixOf(r.Context(), e)
	if err != nil {
		return nil, err
	}
	return formOf(e, prefix), nil
}

// prefixOf is the prefix that an enterprise asked for, or else the oldest that it has.
func (s *server) prefixOf(ctx context.Context, e *registry.Enterprise) (string, error) {
	if e.Application != "" {
		a, err := s.Registrar.Application(ctx, e.Application, registry.NodeActor())
		if err == nil && a.Prefix != "" {
			return a.Prefix, nil
		}
		if err = notFound(err); err != nil {
			return "", err
		}
	}
	all, err := s.holdings(ctx, registry.NodeActor())
	if err != nil {
		return "", err
	}
	prefix := ""
	for i := range all { // the newest first
		if all[i].enterprise == e.ID {
			prefix = all[i].prefix
		}
	}
	return prefix, nil
}
