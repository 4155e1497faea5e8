package handleserver

import (
	"context"
	"strings"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/identifier"
)

// Types of values that decide who may do what (spec/handle-protocol.md, section 9).
const (
	typeAdmin     = "HS_ADMIN"
	typeList      = "HS_VLIST"
	typePublicKey = "HS_PUBKEY"
	typeSecretKey = "HS_SECKEY"
)

// Bounds of the search through groups of administrators.
const (
	maxGroupDepth = 10
	maxGroups     = 100 // lists that are read for one question
)

// may reports whether who has all of need by the HS_ADMIN values of rec, or runs this server. The rights of
// several HS_ADMIN values add up.
func (s *Server) may(ctx context.Context, who identifier.Ref, rec *identifier.Record, need handle.AdminPerms) (bool, error) {
	if s.runsServer(who) {
		return true, nil
	}
	if rec == nil {
		return false, nil
	}
	g := groups{s: s, who: who, seen: make(map[identifier.Ref]struct{})}
	var have handle.AdminPerms
	for i := range rec.Values {
		v := &rec.Values[i]
		if !isAdmin(v) {
			continue
		}
		admin, err := handle.ParseAdmin(v.Data)
		if err != nil || admin.Perms&need == 0 || have&admin.Perms&need == admin.Perms&need {
			continue
		}
		in, err := g.holds(ctx, admin.Ref, 0)
		if err != nil {
			return false, err
		}
		if in {
			have |= admin.Perms
		}
	}
	return have&need == need, nil
}

// mayCreate reports whether who may create the handle id: that is the right of its prefix, or of the
// prefix above if id is the record of a prefix itself.
func (s *Server) mayCreate(ctx context.Context, who identifier.Ref, id identifier.ID) (bool, error) {
	if s.runsServer(who) {
		return true, nil
	}
	prefix, need := id.Prefix(), handle.MayAddHandle
	if id.IsPrefixRecord() {
		need = handle.MayAddPrefix
		prefix = id.Suffix()
		if i := strings.LastIndexByte(prefix, '.'); i >= 0 {
			prefix = prefix[:i]
		} else {
			prefix = "0.NA"
		}
	}
	above, err := identifier.Handle.Parse("0.NA/" + prefix)
	if err != nil {
		return false, nil
	}
	rec, err := s.o.Admin.Record(ctx, above)
	if err != nil {
		return false, err
	}
	return s.may(ctx, who, rec, need)
}

// runsServer reports whether who is one of the configured administrators of the server.
func (s *Server) runsServer(who identifier.Ref) bool {
	for _, a := range s.o.ServerAdmins {
		if identifier.EqualFoldASCII(a.Handle, who.Handle) && (a.Index == who.Index || a.Index == 0) {
			return true
		}
	}
	return false
}

// groups looks for an identity in groups of administrators.
type groups struct {
	s    *Server
	who  identifier.Ref
	seen map[identifier.Ref]struct{} // lists that have been looked into
}

// holds reports whether the reference is to who, or to a list (HS_VLIST) that holds who.
func (g *groups) holds(ctx context.Context, ref identifier.Ref, depth int) (bool, error) {
	if identifier.EqualFoldASCII(ref.Handle, g.who.Handle) && (ref.Index == 0 || ref.Index == g.who.Index) {
		return true, nil
	}
	ref.Handle = identifier.FoldASCII(ref.Handle)
	if _, again := g.seen[ref]; again || depth == maxGroupDepth || len(g.seen) == maxGroups {
		return false, nil
	}
	g.seen[ref] = struct{}{}
	id, err := identifier.Handle.Parse(ref.Handle)
	if err != nil {
		return false, nil
	}
	rec, err := g.s.o.Admin.Record(ctx, id)
	if err != nil || rec == nil {
		return false, err
	}
	for i := range rec.Values {
		v := &rec.Values[i]
		if ref.Index != 0 && v.Index != ref.Index || !strings.EqualFold(v.Type, typeList) {
			continue
		}
		members, _, err := handle.ParseRefs(v.Data)
		if err != nil {
			continue
		}
		for _, m := range members {
			if in, err := g.holds(ctx, m, depth+1); in || err != nil {
				return in, err
			}
		}
	}
	return false, nil
}
