package registry_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/idnode/idnode/proto/identifier"
	. "github.com/idnode/idnode/registry"
)

func TestHome(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		ctx := t.Context()
		by := Identity{Ref: identifier.Ref{Handle: "88.100/srvadmin", Index: 300}}
		step := func(home bool, prefix, want string, homed ...string) {
			t.Helper()
			do := n.UnhomePrefix
			if home {
				do = n.HomePrefix
			}
			if _, err := do(ctx, prefix, by); code(err) != want {
				t.Fatalf("home %v of %s: %v; want %q", home, prefix, err, want)
			}
			got, err := n.Homed(ctx)
			if err != nil {
				t.Fatal(err)
			}
			homed = append([]string{"0.NA/0.NA/88.100"}, homed...)
			if slices.Sort(homed); !slices.Equal(homed, got) {
				t.Fatalf("homed: %v", cmp.Diff(homed, got))
			}
		}
		const own, a, b, c = "0.NA/88.100", "0.NA/88.100.1", "0.NA/88.100.2", "0.NA/88.100.55"
		step(true, "88.100.55", "", own, a, b, c)
		step(true, "88.100.55", "", own, a, b, c) // again: nothing changes
		if ns := n.namespaces.Get(identifier.Key{Scheme: identifier.Handle, Name: "88.100.55"}); ns.Version != 1 || ns.Enterprise != Self {
			t.Errorf("homed: %+v", ns)
		}
		must(t)(n.native("create", "88.100.55/x", create(value(1, "x"))))
		step(false, "88.100.55", "", own, a, b)
		step(false, "88.100.55", "", own, a, b)
		if _, err := n.native("create", "88.100.55/y", create(value(1, "x"))); code(err) != CodeNamespaceSuspended {
			t.Errorf("create under an un-homed prefix: %v", err)
		}
		step(true, "88.100.55", "", own, a, b, c)
		must(t)(n.native("delete", "88.100.55/x", remove))
		step(false, "88.101", CodeNotYourNamespace, own, a, b, c)
		step(true, "88.101", CodeNotYourNamespace, own, a, b, c)
		step(false, "88.100.77", CodeNotYourNamespace, own, a, b, c)
		step(true, "88.100.1.5", CodeInvalidPrefix, own, a, b, c)
		step(false, "88.100", CodeInvalidState, own, a, b, c)
		step(true, "88.100", "", own, a, b, c)
		step(false, "88.100", "", a, b, c) // now that it is allocated
		step(true, "88.100", "", own, a, b, c)

		// A delegated one is homed, and with the service known it is delegated again.
		delegated := identifier.Delegated
		key := identifier.Key{Scheme: identifier.Handle, Name: "88.100.2"}
		if _, err := n.UpdatePrefix(ctx, key, PrefixPatch{Mode: &delegated, Service: &identifier.Service{IP: n.addr("192.0.2.1"), TCP: 2641}}, Write{Actor: n.op}); err != nil {
			t.Fatal(err)
		}
		step(false, "88.100.2", "", own, a, c)
		step(true, "88.100.2", "", own, a, b, c)
		step(false, "88.100.2", "", own, a, c)
		if ns := n.namespaces.Get(key); ns.Mode != identifier.Delegated || ns.State != identifier.NamespaceActive {
			t.Errorf("un-homed: %+v", ns)
		}
		// What an operator suspended does not come back this way.
		if _, err := n.PrefixAction(ctx, identifier.Key{Scheme: identifier.Handle, Name: "88.100.1"}, ActionSuspend, "abuse", "", Write{Actor: n.op}); err != nil {
			t.Fatal(err)
		}
		step(true, "88.100.1", CodeNamespaceSuspended, own, c)
	})
}

func TestListHandles(t *testing.T) {
	eachStore(t, func(t *testing.T, n *node) {
		const count = 2100 // more than are read at a time
		want := make([]string, 0, count)
		src := make([]*identifier.Record, 0, count)
		for i := range count {
			want = append(want, fmt.Sprintf("88.100.1/L%04d", i))
			src = append(src, record(want[i], "x"))
		}
		if sum, failures := runImport(t, n, ImportOptions{Mode: ImportCreate, Actor: n.a}, rows(src...)); sum.Stored != count {
			t.Fatal(sum, failures)
		}
		must(t)(n.Create(t.Context(), record("88.100.2/other", "x"), Write{Actor: n.b}))
		must(t)(n.native("delete", want[1000], remove))
		want = slices.Delete(want, 1000, 1001)
		var got []string
		err := n.ListHandles(t.Context(), "88.100.1", func(handle string) error {
			got = append(got, handle)
			return nil
		})
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		enough := errors.New("enough")
		if err := n.ListHandles(t.Context(), "88.100.1", func(string) error { return enough }); err != enough {
			t.Errorf("the error of yield: %v", err)
		}
		for prefix, want := range map[string]string{"88.100.9": "", "88.777": CodeNotYourNamespace, "x/y": CodeInvalidPrefix} {
			err := n.ListHandles(t.Context(), prefix, func(handle string) error {
				t.Errorf("%s lists %s", prefix, handle)
				return nil
			})
			if code(err) != want {
				t.Errorf("%s: %v; want %q", prefix, err, want)
			}
		}
	})
}
