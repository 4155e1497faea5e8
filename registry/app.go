package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"time"

	"github.com/idnode/idnode/storage"
)

// AppForm is what is told of an application that uses identifiers: tables T5 and T10 of the national
// data dictionary. Its tags are as those of [EnterpriseForm].
type AppForm struct {
	Name            string           `json:"name" zh:"应用名称" en:"Name" need:"true"`
	Type            string           `json:"type" zh:"应用类型" en:"Type" choice:"app" need:"true" doc:"A code from 1 to 5, or its name: app, mini_program, web, pc, other"`
	Introduction    string           `json:"introduction,omitempty" zh:"应用介绍" en:"Introduction" max:"1024"`
	Users           int64            `json:"users,omitempty" zh:"用户数量" en:"Number of users"`
	RecursiveServer *RecursiveServer `json:"recursiveServer,omitempty" zh:"使用的递归节点" en:"Recursive server used"`
	Developer       string           `json:"developer,omitempty" zh:"开发单位" en:"Developer"`
}

// RecursiveServer is whom an application asks.
type RecursiveServer struct {
	IP   string `json:"ip" zh:"IP 地址" en:"IP address" format:"ip" need:"true"`
	Port uint16 `json:"port" zh:"端口" en:"Port"`
}

// App is an application that uses identifiers, of an enterprise or, with [Self], of the node.
type App struct {
	ID         string `json:"id"`
	Enterprise string `json:"enterprise"`
	AppForm
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`

	Version uint64 `json:"-"` // the store's
}

// CreateApp enters an application. Operators enter those of every enterprise, an admin those of its own
// while it is active. Refusals: CodeForbidden, CodeNotFound and CodeEnterpriseSuspended (the enterprise),
// CodeInvalidApplication, and those of the idempotency key.
func (r *Registrar) CreateApp(ctx context.Context, enterprise string, form AppForm, w Write) (*App, error) {
	if enterprise == "" {
		enterprise = w.Actor.Enterprise
	}
	fingerprint := func(h hash.Hash) { hashJSON(h, "app.create", []any{enterprise, form}) }
	return once(ctx, r, w, fingerprint, func(b *storage.Batch, now time.Time) (*App, error) {
		if err := r.checkAppWriter(ctx, enterprise, w.Actor); err != nil {
			return nil, err
		}
		if e := refuseAll(CodeInvalidApplication, checkAppForm(&form, now)); e != nil {
			return nil, e
		}
		app := &App{ID: newID("b"), Enterprise: enterprise, AppForm: form, Created: now, Updated: now}
		return app, r.putApp(b, app, storage.OpCreate, now, w.Actor, AuditEntry{Op: "app.create"})
	})
}

// checkAppWriter refuses whom the applications of the enterprise are none of their business.
func (r *Registrar) checkAppWriter(ctx context.Context, enterprise string, a Actor) error {
	if !a.IsOperator() && !(a.Has(RoleAdmin) && a.Enterprise == enterprise) {
		return refuse(CodeForbidden, "", "role %s does not change applications of enterprise %s", a.Role, enterprise)
	}
	e := r.checkActive(ctx, enterprise, "/enterprise")
	if e == nil || e.Code == CodeEnterpriseSuspended && a.IsOperator() {
		return nil
	}
	return e
}

// checkAppForm brings a form into its normal shape and returns all that is wrong with it.
func checkAppForm(f *AppForm, now time.Time) []Violation {
	all := checkMembers(f, "", now)
	if f.Users < 0 {
		all = append(all, violation("/users", "a number from 0 is expected"))
	}
	if f.RecursiveServer != nil && f.RecursiveServer.Port == 0 {
		all = append(all, violation("/recursiveServer/port", "a port from 1 to 65535 is expected"))
	}
	return all
}

// putApp adds app to b in place of its present version, with its change and audit entry.
func (r *Registrar) putApp(b *storage.Batch, app *App, op storage.Op, now time.Time, a Actor, entry AuditEntry) error {
	value, err := json.Marshal(app)
	if err != nil {
		return fmt.Errorf("encode application: %w", err)
	}
	key := storage.AppKey(app.ID)
	b.Put(key, value, app.Version)
	app.Version++
	b.Log(storage.Change{Op: op, Key: key, Version: app.Version})
	entry.ID, entry.Version = app.ID, app.Version
	return r.audit(b, now, a, entry)
}

// App returns an application. People of the node see all, an enterprise its own. Refusals: CodeNotFound.
func (r *Registrar) App(ctx context.Context, id string, a Actor) (*App, error) {
	app, err := r.readApp(ctx, id, a)
	if err != nil {
		return nil, AsError(err)
	}
	return app, nil
}

// readApp returns an application that a may see, else a refusal.
func (r *Registrar) readApp(ctx context.Context, id string, a Actor) (*App, error) {
	item, err := r.store.Get(ctx, storage.AppKey(id))
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return nil, fmt.Errorf("read application %s: %w", id, err)
	}
	if err == nil {
		app, err := decodeApp(item)
		if err != nil || a.ofNode() || a.Enterprise != "" && a.Enterprise == app.Enterprise {
			return app, err
		}
	}
	return nil, refuse(CodeNotFound, "id", "no application %s", id)
}

func decodeApp(item storage.Item) (*App, error) {
	app := &App{Version: item.Version}
	if err := json.Unmarshal(item.Value, app); err != nil {
		return nil, fmt.Errorf("decode application: %w", err)
	}
	return app, nil
}

// ListApps returns a page of applications, and the cursor of the next; enterprise, unless "", narrows the list.
func (r *Registrar) ListApps(ctx context.Context, a Actor, enterprise string, p Paging) ([]*App, string, error) {
	if !a.ofNode() {
		if enterprise != "" && enterprise != a.Enterprise {
			return nil, "", refuse(CodeForbidden, "enterprise", "enterprise %s is not yours", enterprise)
		}
		enterprise = a.Enterprise
	}
	return page(ctx, r, storage.TableRange(storage.TableApp), p, func(_ []byte, item storage.Item) (*App, error) {
		app, err := decodeApp(item)
		if err != nil || enterprise != "" && app.Enterprise != enterprise {
			return nil, err
		}
		return app, nil
	})
}

// PatchApp merges patch (RFC 7396) into an application's form. Refusals: those of CreateApp, CodeNotFound,
// CodeVersionMismatch, CodeInvalidRequest.
func (r *Registrar) PatchApp(ctx context.Context, id string, patch []byte, w Write) (*App, error) {
	fingerprint := func(h hash.Hash) { hashJSON(h, "app.update", []any{id, json.RawMessage(patch)}) }
	return once(ctx, r, w, fingerprint, func(b *storage.Batch, now time.Time) (*App, error) {
		app, err := r.appToWrite(ctx, id, w)
		if err != nil {
			return nil, err
		}
		form, err := mergeInto(app.AppForm, patch)
		if err != nil {
			return nil, err
		}
		if e := refuseAll(CodeInvalidApplication, checkAppForm(&form, now)); e != nil {
			return nil, e
		}
		app.AppForm, app.Updated = form, now
		return app, r.putApp(b, app, storage.OpUpdate, now, w.Actor, AuditEntry{Op: "app.update"})
	})
}

// appToWrite is the application of that id if w may change it in its present version.
func (r *Registrar) appToWrite(ctx context.Context, id string, w Write) (*App, error) {
	app, err := r.readApp(ctx, id, w.Actor)
	if err != nil {
		return nil, err
	}
	if err := r.checkAppWriter(ctx, app.Enterprise, w.Actor); err != nil {
		return nil, err
	}
	if w.IfMatch != 0 && w.IfMatch != app.Version {
		return nil, versionMismatch(app.Version, w.IfMatch)
	}
	return app, nil
}

// DeleteApp removes an application. Refusals: CodeNotFound, CodeForbidden, CodeVersionMismatch.
func (r *Registrar) DeleteApp(ctx context.Context, id string, w Write) error {
	fingerprint := func(h hash.Hash) { hashJSON(h, "app.delete", id) }
	_, err := once(ctx, r, w, fingerprint, func(b *storage.Batch, now time.Time) (*App, error) {
		app, err := r.appToWrite(ctx, id, w)
		if err != nil {
			return nil, err
		}
		key := storage.AppKey(id)
		b.Delete(key, app.Version)
		b.Log(storage.Change{Op: storage.OpRevoke, Key: key, Version: app.Version + 1})
		return app, r.audit(b, now, w.Actor, AuditEntry{Op: "app.delete", ID: id})
	})
	return err
}
