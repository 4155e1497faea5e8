package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/idnode/idnode/proto/archive"
	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/storage"
)

// decodeThing reads a line of JSON and the version in it.
func decodeThing(text []byte, v any) (uint64, error) {
	var versioned struct {
		Version uint64 `json:"version"`
	}
	if err := json.Unmarshal(text, &versioned); err != nil {
		return 0, err
	}
	return max(versioned.Version, 1), json.Unmarshal(text, v)
}

// as is the id that an enterprise of the archive has here.
func (l *loader) as(enterprise string) string {
	if l.o.Enterprise != "" {
		return l.o.Enterprise
	}
	return enterprise
}

func (l *loader) enterprise(text []byte) (loadLine, error) {
	e := new(Enterprise)
	version, err := decodeThing(text, e)
	if err != nil {
		return loadLine{}, err
	}
	if e.ID == "" {
		return loadLine{}, errors.New("it has no id")
	}
	e.ID = l.as(e.ID)
	l.whole, l.sum.Enterprise = true, e.ID
	value, err := json.Marshal(e)
	if err != nil {
		return loadLine{}, err
	}
	line := loadLine{id: e.ID, key: storage.EnterpriseKey(e.ID)}
	line.put = func(ctx context.Context, b *storage.Batch, item storage.Item) (loaded, error) {
		if e.ID == Self && item.Value != nil {
			return loadSelf(b, &line, value, version, item)
		}
		got, err := putThing(b, &line, value, version, item, func(item storage.Item) ([]byte, error) {
			here, err := decodeEnterprise(item)
			if err != nil {
				return nil, err
			}
			return json.Marshal(here)
		})
		if err == nil && got == loadedStored && e.State != EnterpriseRejected && e.State != EnterpriseWithdrawn {
			err = l.r.holdCertificate(ctx, b, e.ID, "", certificateOf(e.Form()), "")
		}
		return got, err
	}
	return line, nil
}

// loadSelf takes the form of another node's own enterprise, if here nobody has filled it in yet.
func loadSelf(b *storage.Batch, line *loadLine, value []byte, version uint64, item storage.Item) (loaded, error) {
	if version > 1 && item.Version == 1 {
		b.PutAs(line.key, value, 1, version)
		b.Log(storage.Change{Op: storage.OpUpdate, Key: line.key, Version: version})
		return loadedStored, nil
	}
	return loadedSkipped, nil
}

func (l *loader) namespace(ctx context.Context, text []byte) (loadLine, error) {
	ns := new(identifier.Namespace)
	version, err := decodeThing(text, ns)
	if err != nil {
		return loadLine{}, err
	}
	name, err := ns.Scheme.ParseNamespace(ns.Prefix)
	if err != nil || name != ns.Prefix {
		return loadLine{}, refuse(CodeInvalidPrefix, "/prefix", "%s is no prefix in its canonical form", ns.Prefix)
	}
	k := ns.Key()
	line := loadLine{id: qualified(k), key: storage.NamespaceKey(k)}
	if !l.r.ownsPrefix(k) {
		return line, refuse(CodeInvalidPrefix, "/prefix", "%s is not under a prefix of this node", name)
	}
	here := l.r.namespaces.Get(k)
	if !l.whole {
		return l.movedNamespace(ctx, line, ns, here)
	}
	ns.Enterprise = l.as(ns.Enterprise)
	if here != nil && here.Enterprise == ns.Enterprise {
		l.own[k] = here
	}
	value, err := storage.EncodeNamespace(ns)
	if err != nil {
		return line, err
	}
	line.put = func(ctx context.Context, b *storage.Batch, item storage.Item) (loaded, error) {
		if item.Value == nil {
			if _, err := l.r.choosePrefix(ctx, PrefixRequest{Scheme: k.Scheme, Prefix: k.Name, Enterprise: ns.Enterprise}); err != nil {
				return 0, err
			}
		}
		got, err := putThing(b, &line, value, version, item, canonicalNamespace)
		if err == nil {
			l.own[k] = ns
			l.forgetQuotas(k)
		}
		return got, err
	}
	return line, nil
}

func (l *loader) forgetQuotas(k identifier.Key) {
	l.r.quotas.forget(k)
	if k.Scheme != identifier.Handle {
		l.r.quotas.forgetAll(k.Scheme) // it may take over identifiers of a namespace above
	}
}

func canonicalNamespace(item storage.Item) ([]byte, error) {
	ns, err := storage.DecodeNamespace(item)
	if err != nil {
		return nil, err
	}
	return storage.EncodeNamespace(ns)
}

// movedNamespace reads the namespace of the archive of a prefix: it is allocated here, hosted, unless it
// is there already, whoever holds it. Patterns come along where there are none.
func (l *loader) movedNamespace(ctx context.Context, line loadLine, ns, here *identifier.Namespace) (loadLine, error) {
	k := ns.Key()
	if here != nil {
		switch {
		case here.CaseSensitive != ns.CaseSensitive:
			return line, refuse(CodeInvalidPrefix, "/caseSensitive", "prefix %s treats letter case in another way here", ns.Prefix)
		case l.o.Enterprise != "" && here.Enterprise != l.o.Enterprise:
			return line, refuse(CodeNotYourNamespace, "/prefix", "prefix %s is of enterprise %s here", ns.Prefix, here.Enterprise)
		}
		l.own[k], l.sum.Enterprise = here, here.Enterprise
	} else {
		holder := l.as(Self)
		if e := l.r.checkActive(ctx, holder, "enterpriseId"); e != nil {
			return line, e
		}
		l.sum.Enterprise = holder
		fresh := identifier.Namespace{Scheme: k.Scheme, Prefix: k.Name, Enterprise: holder, State: identifier.NamespaceActive, Mode: identifier.Hosted,
			CaseSensitive: ns.CaseSensitive, Patterns: ns.Patterns, Created: since(ns.Created, l.r.now()), Updated: l.r.now()}
		if err := fresh.Compile(); err != nil {
			return line, err
		}
		here = &fresh
	}
	line.put = func(ctx context.Context, b *storage.Batch, item storage.Item) (loaded, error) {
		if item.Value == nil {
			if _, err := l.r.choosePrefix(ctx, PrefixRequest{Scheme: k.Scheme, Prefix: k.Name, Enterprise: here.Enterprise}); err != nil {
				return 0, err
			}
			l.own[k] = here
			fresh := *here
			l.forgetQuotas(k)
			return loadedStored, putNamespace(b, &fresh, storage.OpCreate)
		}
		now, err := storage.DecodeNamespace(item)
		if err != nil || len(ns.Patterns) == 0 || len(now.Patterns) > 0 || now.Mode != identifier.Hosted {
			return loadedSkipped, err
		}
		now.Patterns, now.Updated = ns.Patterns, l.r.now()
		return loadedStored, putNamespace(b, now, storage.OpUpdate)
	}
	return line, nil
}

func (l *loader) template(text []byte) (loadLine, error) {
	var t archivedTemplate
	if err := json.Unmarshal(text, &t); err != nil {
		return loadLine{}, err
	}
	k := t.Key()
	line := loadLine{id: qualified(k) + " " + t.Name, key: storage.TemplateKey(k, t.Name)}
	if t.Name == "" || l.own[k] == nil {
		return line, refuse(CodeNotYourNamespace, "/prefix", "%s is in none of the prefixes that the archive brings", line.id)
	}
	if t.Past {
		line.key = storage.TemplateRevisionKey(k, t.Name, t.Revision)
		value, err := json.Marshal(t.Content)
		if err != nil || t.Content == nil || t.Revision == 0 {
			return line, errors.Join(errors.New("a past revision has a number and a content"), err)
		}
		line.put = func(_ context.Context, b *storage.Batch, item storage.Item) (loaded, error) {
			switch {
			case item.Value == nil:
				b.Set(line.key, value)
				return loadedStored, nil
			case string(item.Value) != string(value):
				return 0, differs(line.id, uint64(t.Revision), uint64(t.Revision))
			}
			return loadedSkipped, nil
		}
		return line, nil
	}
	value, err := json.Marshal(&t.Template)
	if err != nil {
		return line, err
	}
	version := max(t.Version, 1)
	line.put = func(_ context.Context, b *storage.Batch, item storage.Item) (loaded, error) {
		if item.Value != nil && l.o.Update && !l.whole && item.Version < version {
			b.PutAs(line.key, value, item.Version, version)
			b.Log(storage.Change{Op: storage.OpUpdate, Key: line.key, Version: version})
			return loadedStored, nil
		}
		l.r.templates.Delete(string(line.key))
		return putThing(b, &line, value, version, item, func(item storage.Item) ([]byte, error) {
			here, err := decodeTemplate(item)
			if err != nil {
				return nil, err
			}
			return json.Marshal(here)
		})
	}
	return line, nil
}

func (l *loader) app(text []byte) (loadLine, error) {
	app := new(App)
	version, err := decodeThing(text, app)
	if err != nil {
		return loadLine{}, err
	}
	app.Enterprise = l.as(app.Enterprise)
	value, err := json.Marshal(app)
	line := loadLine{id: app.ID, key: storage.AppKey(app.ID)}
	line.put = func(_ context.Context, b *storage.Batch, item storage.Item) (loaded, error) {
		return putThing(b, &line, value, version, item, func(item storage.Item) ([]byte, error) {
			here, err := decodeApp(item)
			if err != nil {
				return nil, err
			}
			return json.Marshal(here)
		})
	}
	return line, l.inArchive(app.ID, err)
}

func (l *loader) application(text []byte) (loadLine, error) {
	a := new(Application)
	version, err := decodeThing(text, a)
	if err != nil {
		return loadLine{}, err
	}
	a.Enterprise = l.as(a.Enterprise)
	value, err := json.Marshal(a)
	line := loadLine{id: a.ID, key: storage.ApplicationKey(a.ID)}
	line.put = func(_ context.Context, b *storage.Batch, item storage.Item) (loaded, error) {
		return putThing(b, &line, value, version, item, func(item storage.Item) ([]byte, error) {
			here, err := decodeApplication(item)
			if err != nil {
				return nil, err
			}
			return json.Marshal(here)
		})
	}
	return line, l.inArchive(a.ID, err)
}

// inArchive refuses things that stand behind no enterprise, or have no id.
func (l *loader) inArchive(id string, err error) error {
	switch {
	case err != nil:
		return err
	case !l.whole:
		return errors.New("the archive has no enterprise")
	case id == "":
		return errors.New("it has no id")
	}
	return nil
}

// account reads an account. It comes without a password and is disabled: whoever manages it sets one and
// enables it.
func (l *loader) account(text []byte) (loadLine, error) {
	a := new(Account)
	if err := json.Unmarshal(text, a); err != nil {
		return loadLine{}, err
	}
	a.Enterprise = l.as(a.Enterprise)
	a = a.portable()
	line := loadLine{id: a.Username, key: storage.AccountKey(FoldUsername(a.Username))}
	if _, err := a.Actor(); err != nil {
		return line, err
	}
	line.put = func(ctx context.Context, b *storage.Batch, item storage.Item) (loaded, error) {
		if item.Value != nil {
			here, err := decodeAccount(item)
			if err != nil {
				return 0, err
			}
			if same, err := sameAccount(here.portable(), a); err != nil || same {
				return loadedSkipped, err
			}
			return 0, refuse(CodeAlreadyExists, "", "another account is called %s here", a.Username)
		}
		fresh := *a
		fresh.Disabled, fresh.Version = true, 0
		fresh.endTokens(l.r.now())
		taken, err := l.r.claimNames(ctx, b, nil, &fresh)
		if err != nil {
			return 0, err
		}
		if refusal := refuseAll(CodeAlreadyExists, taken); refusal != nil {
			return 0, refusal
		}
		return loadedStored, putAccount(b, &fresh, storage.OpCreate)
	}
	return line, l.inArchive(a.Username, nil)
}

// sameAccount compares what an archive has of accounts. The time of the last change is not part of it:
// setting a password is one.
func sameAccount(a, b *Account) (bool, error) {
	x, y := *a, *b
	x.Updated = y.Updated
	one, err := json.Marshal(&x)
	if err != nil {
		return false, err
	}
	other, err := json.Marshal(&y)
	return string(one) == string(other), err
}

// fileMember takes what is known of a file, or its octets, which follow it.
func (l *loader) fileMember(ctx context.Context, name string, body []byte) error {
	id, known := strings.CutSuffix(strings.TrimPrefix(name, archive.Files+"/"), ".json")
	if known {
		l.file = new(File)
		if err := json.Unmarshal(body, l.file); err != nil || l.file.ID != id {
			return fmt.Errorf("%w: %s is not what is known of a file", archive.ErrDamaged, name)
		}
		return nil
	}
	f := l.file
	digest := sha256.Sum256(body)
	if f == nil || f.ID != id || f.Size != len(body) || f.SHA256 != hex.EncodeToString(digest[:]) {
		return fmt.Errorf("%w: %s is not the file that was announced", archive.ErrDamaged, name)
	}
	l.file = nil
	f.Enterprise = l.as(f.Enterprise)
	value, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("encode file: %w", err)
	}
	line := loadLine{line: 1, id: id, key: storage.FileKey(id)}
	if len(body) > l.r.limits.FileOctets {
		line.refusal = refuse(CodeTooLarge, "", "the file is longer than %d octets", l.r.limits.FileOctets)
	} else if err := l.inArchive(id, nil); err != nil {
		line.refusal = refuse(CodeInvalidRequest, "", "the line cannot be read: %s", err)
	}
	line.put = func(ctx context.Context, b *storage.Batch, item storage.Item) (loaded, error) {
		if item.Value != nil {
			if string(item.Value) != string(value) {
				return 0, differs(id, 1, 1)
			}
			return loadedSkipped, nil
		}
		if err := l.r.putFile(ctx, b, f, value, body); err != nil {
			return 0, err
		}
		return loadedStored, nil
	}
	return l.store(ctx, archive.Files, name, []loadLine{line})
}
