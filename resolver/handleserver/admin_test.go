package handleserver

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/proto/handle/handletest"
	"github.com/idnode/idnode/proto/identifier"
)

// memory is an [Admin] over the captured records.
type memory struct {
	mu      sync.Mutex
	records map[string]*identifier.Record
	changes []Change
}

func newMemory(t testing.TB) *memory {
	t.Helper()
	m := &memory{records: make(map[string]*identifier.Record)}
	for _, r := range handletest.Records(t) {
		m.records[identifier.FoldASCII(r.ID)] = r
	}
	return m
}

func name(id identifier.ID) string {
	if text := identifier.FoldASCII(id.String()); strings.Contains(text, "/") {
		return text
	}
	return "0.na/" + identifier.FoldASCII(id.String())
}

func (m *memory) Record(_ context.Context, id identifier.ID) (*identifier.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.records[name(id)], nil
}

func (m *memory) Change(_ context.Context, c Change) error {
	m.mu.Lock()
	cur := m.records[name(c.ID)]
	m.mu.Unlock()
	next, err := c.Decide(cur)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changes = append(m.changes, c)
	delete(m.records, name(c.ID))
	if next != nil {
		m.records[name(c.ID)] = &identifier.Record{Scheme: identifier.Handle, ID: c.ID.String(), Values: next}
	}
	return nil
}

func (m *memory) ListHandles(_ context.Context, prefix string, yield func(string) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, r := range m.records {
		if strings.HasPrefix(key, identifier.FoldASCII(prefix)+"/") {
			if err := yield(r.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *memory) Home(context.Context, string, identifier.Ref, netip.Addr) error   { return nil }
func (m *memory) Unhome(context.Context, string, identifier.Ref, netip.Addr) error { return nil }
func (m *memory) Homed(context.Context) ([]string, error)                          { return nil, nil }

func ref(text string) identifier.Ref {
	index, handle, _ := strings.Cut(text, ":")
	r := identifier.Ref{Handle: handle}
	for _, c := range index {
		r.Index = r.Index*10 + uint32(c-'0')
	}
	return r
}

func hsAdmin(index uint32, perms handle.AdminPerms, who string) identifier.Value {
	return identifier.Value{Index: index, Type: typeAdmin, Perms: identifier.DefaultPerms, Data: handle.AppendAdmin(nil, handle.Admin{Perms: perms, Ref: ref(who)})}
}

// TestMay: rights add up over values, go through groups, and groups that hold one another end.
func TestMay(t *testing.T) {
	o := options(t)
	m := newMemory(t)
	o.Admin, o.ServerAdmins = m, []identifier.Ref{ref("300:88.990/srvadmin")}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	group := func(name string, index uint32, members ...string) {
		var refs []identifier.Ref
		for _, text := range members {
			refs = append(refs, ref(text))
		}
		m.records[name] = &identifier.Record{ID: name, Values: []identifier.Value{{Index: index, Type: "hs_vlist", Data: handle.AppendRefs(nil, refs)}}}
	}
	group("88.990/g1", 200, "200:88.990/G2", "300:88.990/inner")
	group("88.990/g2", 200, "200:88.990/g1", "0:88.990/whole", "0:88.990/missing")
	rec := &identifier.Record{Values: []identifier.Value{
		hsAdmin(100, handle.MayAddValue, "300:88.990/a"),
		hsAdmin(101, handle.MayRemoveValue, "0:88.990/A"),
		hsAdmin(102, handle.MayAddValue|handle.MayModifyValue, "200:88.990/g1"),
		{Index: 103, Type: typeAdmin, Data: []byte{1}},
	}}
	const both = handle.MayAddValue | handle.MayRemoveValue
	for _, c := range []struct {
		who  string
		need handle.AdminPerms
		want bool
	}{
		{"300:88.990/a", both, true},
		{"300:88.990/A", both, true},
		{"301:88.990/a", both, false},
		{"301:88.990/a", handle.MayRemoveValue, true},
		{"300:88.990/a", handle.MayModifyValue, false},
		{"300:88.990/inner", handle.MayModifyValue, true},
		{"301:88.990/inner", handle.MayModifyValue, false},
		{"7:88.990/whole", handle.MayModifyValue | handle.MayAddValue, true},
		{"7:88.990/nobody", handle.MayAddValue, false},
		{"300:88.990/srvadmin", handle.MayAll, true},
		{"301:88.990/srvadmin", handle.MayAddValue, false},
	} {
		if got, err := s.may(t.Context(), ref(c.who), rec, c.need); got != c.want || err != nil {
			t.Errorf("%s, %04x: got %v, %v", c.who, c.need, got, err)
		}
	}
	if got, _ := s.may(t.Context(), ref("300:88.990/a"), nil, 0); got {
		t.Error("rights on a record that is not there")
	}
}

// TestPlan: which values a record gets, and which rights that takes.
func TestPlan(t *testing.T) {
	value := func(index uint32, typ, data string, perms identifier.Perms) identifier.Value {
		return identifier.Value{Index: index, Type: typ, Data: []byte(data), Perms: perms, TTL: 86400, Timestamp: 5}
	}
	cur := &identifier.Record{Values: []identifier.Value{
		value(1, "URL", "u", identifier.DefaultPerms), value(2, "OPEN", "o", identifier.DefaultPerms|identifier.PublicWrite),
		value(3, "FIXED", "f", identifier.PublicRead), hsAdmin(100, handle.MayAll, "300:88.990/a"),
	}}
	for _, c := range []struct {
		name    string
		o       operation
		absent  bool
		indexes []uint32 // of the values afterwards
		need    handle.AdminPerms
		code    handle.Rcode
		open    bool
	}{
		{name: "create", o: operation{op: handle.OpCreateHandle, values: cur.Values[:1]}, absent: true, indexes: []uint32{1}},
		{name: "create over", o: operation{op: handle.OpCreateHandle}, code: handle.RcodeHandleExists},
		{name: "index 0", o: operation{op: handle.OpCreateHandle, values: []identifier.Value{value(0, "A", "", 14)}}, absent: true, code: handle.RcodeInvalidValue},
		{name: "index 2^31", o: operation{op: handle.OpAddValue, values: []identifier.Value{value(1<<31, "A", "", 14)}}, code: handle.RcodeInvalidValue},
		{name: "twice", o: operation{op: handle.OpAddValue, values: []identifier.Value{value(9, "A", "", 14), value(9, "B", "", 14)}}, code: handle.RcodeValueExists},
		{name: "nothing", o: operation{op: handle.OpAddValue}, code: handle.RcodeInvalidValue},
		{name: "overwrite with the same", o: operation{op: handle.OpCreateHandle, overwrite: true, values: cur.Values}, indexes: []uint32{1, 2, 3, 100}, need: handle.MayModifyValue},
		{name: "overwrite", o: operation{op: handle.OpCreateHandle, overwrite: true, values: []identifier.Value{value(1, "URL", "v", 14), value(5, "NEW", "", 14), cur.Values[2]}},
			indexes: []uint32{1, 5, 3}, need: handle.MayModifyValue | handle.MayAddValue | handle.MayRemoveValue | handle.MayRemoveAdmin},
		{name: "overwrite what is fixed", o: operation{op: handle.OpCreateHandle, overwrite: true, values: []identifier.Value{value(3, "FIXED", "g", 14)}}, code: handle.RcodePermissionDenied},
		{name: "add", o: operation{op: handle.OpAddValue, values: []identifier.Value{value(50, "A", "", 14), hsAdmin(101, 1, "1:88.990/b")}},
			indexes: []uint32{1, 2, 3, 50, 100, 101}, need: handle.MayAddValue | handle.MayAddAdmin},
		{name: "add in use", o: operation{op: handle.OpAddValue, values: []identifier.Value{value(1, "A", "", 14)}}, code: handle.RcodeValueExists},
		{name: "add over", o: operation{op: handle.OpAddValue, overwrite: true, values: []identifier.Value{value(1, "A", "", 14)}}, indexes: []uint32{1, 2, 3, 100}, need: handle.MayModifyValue},
		{name: "add to nothing", o: operation{op: handle.OpAddValue, values: []identifier.Value{value(1, "A", "", 14)}}, absent: true, code: handle.RcodeHandleNotFound},
		{name: "modify", o: operation{op: handle.OpModifyValue, values: []identifier.Value{value(1, "A", "", 14), value(100, "A", "", 14)}},
			indexes: []uint32{1, 2, 3, 100}, need: handle.MayModifyValue | handle.MayModifyAdmin},
		{name: "modify what is open", o: operation{op: handle.OpModifyValue, values: []identifier.Value{value(2, "A", "", 15)}}, indexes: []uint32{1, 2, 3, 100}, open: true},
		{name: "make an open value an administrator", o: operation{op: handle.OpModifyValue, values: []identifier.Value{hsAdmin(2, handle.MayAll, "1:88.990/b")}},
			indexes: []uint32{1, 2, 3, 100}, need: handle.MayModifyAdmin},
		{name: "modify what is fixed", o: operation{op: handle.OpModifyValue, values: []identifier.Value{value(3, "A", "", 14)}}, code: handle.RcodePermissionDenied},
		{name: "modify what is not there", o: operation{op: handle.OpModifyValue, values: []identifier.Value{value(7, "A", "", 14)}}, code: handle.RcodeValuesNotFound},
		{name: "modify nothing", o: operation{op: handle.OpModifyValue, values: []identifier.Value{value(7, "A", "", 14)}}, absent: true, code: handle.RcodeHandleNotFound},
		{name: "remove", o: operation{op: handle.OpRemoveValue, indexes: []uint32{1, 100}}, indexes: []uint32{2, 3}, need: handle.MayRemoveValue | handle.MayRemoveAdmin},
		{name: "remove none", o: operation{op: handle.OpRemoveValue}, code: handle.RcodeValuesNotFound},
		{name: "remove twice", o: operation{op: handle.OpRemoveValue, indexes: []uint32{1, 1}}, code: handle.RcodeValuesNotFound},
		{name: "remove what is fixed", o: operation{op: handle.OpRemoveValue, indexes: []uint32{3}}, code: handle.RcodePermissionDenied},
		{name: "delete", o: operation{op: handle.OpDeleteHandle}, need: handle.MayDeleteHandle},
		{name: "delete nothing", o: operation{op: handle.OpDeleteHandle}, absent: true, code: handle.RcodeHandleNotFound},
	} {
		rec := cur
		if c.absent {
			rec = nil
		}
		next, need, r := c.o.plan(rec)
		if r != nil || c.code != 0 {
			if r == nil || r.code != c.code {
				t.Errorf("%s: got %v, want code %d", c.name, r, c.code)
			}
			continue
		}
		var indexes []uint32
		for _, v := range next {
			indexes = append(indexes, v.Index)
		}
		if need != c.need || !slices.Equal(indexes, c.indexes) || c.o.open(rec) != c.open {
			t.Errorf("%s: got %v, rights %04x, open %v; want %v, %04x, %v", c.name, indexes, need, c.o.open(rec), c.indexes, c.need, c.open)
		}
	}
}
