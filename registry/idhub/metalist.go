package idhub

import (
	"hash/fnv"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
)

// Bounds of lists.
const (
	defaultSize = 10
	maxSize     = 1000
	readSize    = 1000    // of a page that is read from the registry
	maxRecords  = 100_000 // of one metadata: beyond, /v1/identifiers has cursors
)

// pageView is a page of a list.
type pageView struct {
	PageSize   int `json:"pageSize"`
	PageNumber int `json:"pageNumber"` // from 1
	TotalCount int `json:"totalCount"`
	TotalPage  int `json:"totalPage"`
	Content    any `json:"content"`
}

// paging is what lists are asked for: a page, from 0, and what was made when.
type paging struct {
	page, size int
	start, end time.Time // zero: no bound
}

func (s *server) paging(q url.Values) (paging, error) {
	p := paging{size: defaultSize}
	for _, n := range []struct {
		name        string
		to          *int
		least, most int
	}{{"page", &p.page, 0, 1 << 30}, {"size", &p.size, 1, maxSize}} {
		said := q.Get(n.name)
		if said == "" {
			continue
		}
		v, err := strconv.Atoi(said)
		if err != nil || v < n.least || v > n.most {
			return p, wrongParameter(n.name + " 应为 " + strconv.Itoa(n.least) + " 至 " + strconv.Itoa(n.most) + " 的整数")
		}
		*n.to = v
	}
	for name, to := range map[string]*time.Time{"startTime": &p.start, "endTime": &p.end} {
		said := q.Get(name)
		if said == "" {
			continue
		}
		at, err := time.ParseInLocation(timeForm, said, s.Location)
		if err != nil {
			return p, wrongParameter(name + " 的格式应为 yyyy-MM-dd HH:mm:ss")
		}
		*to = at
	}
	if !p.end.IsZero() {
		p.end = p.end.Add(time.Second) // it is told to the second
	}
	return p, nil
}

// holds reports whether what was made then is asked for.
func (p *paging) holds(made time.Time) bool {
	return !made.Before(p.start) && (p.end.IsZero() || made.Before(p.end))
}

// view is the page of total items of which content are on it.
func (p *paging) view(total int, content any) *pageView {
	return &pageView{p.size, p.page + 1, total, (total + p.size - 1) / p.size, content}
}

// has reports whether the item of that number, from 0, is on the page.
func (p *paging) has(n int) bool { return n/p.size == p.page }

// own calls yield with the templates of the caller's enterprise in Handle namespaces.
func (s *server) own(r *request, yield func(*registry.Template)) error {
	mine := make(map[identifier.Key]bool)
	cursor := ""
	for {
		spaces, next, err := s.Registrar.ListPrefixes(r.Context(), registry.PrefixList{Actor: r.actor, Scheme: identifier.Handle, Enterprise: r.actor.Enterprise,
			Paging: registry.Paging{Limit: readSize, Cursor: cursor}})
		if err != nil {
			return err
		}
		for _, ns := range spaces {
			mine[ns.Key()] = true
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	for {
		all, next, err := s.Registrar.ListTemplates(r.Context(), registry.TemplateList{Actor: r.actor, Paging: registry.Paging{Limit: readSize, Cursor: cursor}})
		if err != nil {
			return err
		}
		for _, t := range all {
			if mine[t.Key()] {
				yield(t)
			}
		}
		if cursor = next; cursor == "" {
			return nil
		}
	}
}

// metaItem is metadata in lists.
type metaItem struct {
	MetaHandle   string `json:"metaHandle"`
	MetaCode     string `json:"metaCode"`
	MetaName     string `json:"metaName"`
	MetaState    int    `json:"metaState"`
	IsQuote      int    `json:"isQuote"`
	CreatedTime  string `json:"createdTime"`
	ClassifyName string `json:"classifyName"`
}

// metaPage lists the metadata of a class.
func (s *server) metaPage(r *request) (any, error) {
	q := r.URL.Query()
	classify, handle, state := q.Get("classifyCode"), q.Get("metaHandle"), q.Get("metaState")
	p, err := s.paging(q)
	switch {
	case err != nil:
		return nil, err
	case classify == "":
		return nil, wrongParameter("classifyCode 不能为空")
	case state != "" && state != "0" && state != "1":
		return nil, wrongParameter("metaState 应为 0 或 1")
	}
	total, content := 0, []metaItem{}
	err = s.own(r, func(t *registry.Template) {
		c := contentOf(t)
		if classifyOf(c) != classify || handle != "" && metaHandle(t) != handle || state != "" && strconv.Itoa(stateOf(t)) != state || !p.holds(t.Created) {
			return
		}
		if p.has(total) {
			content = append(content, metaItem{metaHandle(t), c.Notes[noteCode], nameOf(t, c), stateOf(t), flagOf(c.Notes[noteBase] != ""), s.moment(t.Created), classifyName(classify)})
		}
		total++
	})
	if err != nil {
		return nil, err
	}
	return p.view(total, content), nil
}

// classView is a class of metadata. All are at the first level.
type classView struct {
	ID           uint32      `json:"id"`
	ParentID     uint32      `json:"parentId"`
	Sort         int         `json:"sort"`
	Children     []classView `json:"children"`
	ClassifyName string      `json:"classifyName"`
	ClassifyCode string      `json:"classifyCode"`
	Ancestors    string      `json:"ancestors"`
	Level        int         `json:"level"`
}

// classes lists the classes that metadata of the enterprise names, after that of what names none.
func (s *server) classes(r *request) (any, error) {
	var named []string
	err := s.own(r, func(t *registry.Template) {
		if code := classifyOf(contentOf(t)); code != unclassified && !slices.Contains(named, code) {
			named = append(named, code)
		}
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(named)
	out := make([]classView, 0, len(named)+1)
	for i, code := range append([]string{unclassified}, named...) {
		out = append(out, classView{ID: classID(code), Sort: i, Children: []classView{}, ClassifyName: classifyName(code), ClassifyCode: code, Ancestors: "0", Level: 1})
	}
	return out, nil
}

// classID is a number for a class, as the original has one: it is made of the code, so that it stays the same, and
// nothing is found by it.
func classID(code string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(code)) // does not fail
	return max(h.Sum32()&0x7fffffff, 1)
}

// handleItem is an identifier in lists. Who of the enterprise registered it the registry keeps in its audit log: the
// enterprise is told.
type handleItem struct {
	HandleName string `json:"handleName"`
	UpdateTime string `json:"updateTime"`
	CreateTime string `json:"createTime"`
	CreatedBy  string `json:"createdBy"`
}

// handlePage lists the identifiers that follow metadata.
func (s *server) handlePage(r *request) (any, error) {
	q := r.URL.Query()
	handle := strings.Trim(q.Get("metaHandle"), `"`) // a sample has it in quotes
	p, err := s.paging(q)
	switch {
	case err != nil:
		return nil, err
	case handle == "":
		return nil, wrongParameter("metaHandle 不能为空")
	}
	t, err := s.foundMeta(r, handle, deny(CodeNoMetadata, messageNoMetadata))
	if err != nil {
		return nil, err
	}
	company, err := s.company(r, t)
	if err != nil {
		return nil, err
	}
	total, content := 0, []handleItem{}
	name := q.Get("handleName")
	err = s.followers(r, t, func(records []*identifier.Record) error {
		for _, rec := range records {
			if name != "" && !identifier.EqualFoldASCII(rec.ID, name) || !p.holds(rec.Created) {
				continue
			}
			if p.has(total) {
				content = append(content, handleItem{rec.ID, s.moment(rec.Updated), s.moment(rec.Created), company})
			}
			total++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return p.view(total, content), nil
}

// company is the name of the enterprise that t is of.
func (s *server) company(r *request, t *registry.Template) (string, error) {
	id, err := s.parseHandle(metaHandle(t))
	if err != nil {
		return "", err
	}
	ns := s.Registrar.HolderOf(id)
	if ns == nil {
		return "", nil // withdrawn meanwhile
	}
	e, err := s.Registrar.Enterprise(r.Context(), ns.Enterprise, r.actor)
	if err != nil {
		return "", err
	}
	return e.Name, nil
}

// followers calls yield with the active identifiers that follow t, some at a time. It refuses what is too much for
// one call before all are read.
func (s *server) followers(r *request, t *registry.Template, yield func([]*identifier.Record) error) error {
	if t.Content == nil {
		return nil // never published: none does
	}
	read, cursor := 0, ""
	for {
		page, err := s.Registrar.Search(r.Context(), registry.Search{Actor: r.actor, Template: t.Name, Scheme: t.Scheme, Prefix: t.Prefix,
			Paging: registry.Paging{Limit: readSize, Cursor: cursor}})
		if err != nil {
			return err
		}
		if read += len(page.Records); read > maxRecords {
			return deny(CodeNotServed, "该元数据下的标识超过 "+strconv.Itoa(maxRecords)+" 个，请用 GET /v1/identifiers?template= 逐页查询")
		}
		var records []*identifier.Record
		for _, rec := range page.Records {
			mine, err := s.follows(r, rec, t)
			if err != nil {
				return err
			}
			if mine {
				records = append(records, rec)
			}
		}
		if err := yield(records); err != nil {
			return err
		}
		if cursor = page.Next; cursor == "" {
			return nil
		}
	}
}

// follows reports whether rec, found by the name of its template, is active and follows t: a namespace further down
// may have a template of that name too.
func (s *server) follows(r *request, rec *identifier.Record, t *registry.Template) (bool, error) {
	if rec.State != identifier.Active || rec.Template != t.Name {
		return false, nil
	}
	if prefix, _, _ := strings.Cut(rec.ID, "/"); identifier.EqualFoldASCII(prefix, t.Prefix) {
		return true, nil
	}
	id, err := rec.Scheme.Parse(rec.ID)
	if err != nil {
		return false, nil
	}
	other, err := s.Registrar.TemplateOf(r.Context(), id, rec)
	return other != nil && other.Prefix == t.Prefix, err
}
