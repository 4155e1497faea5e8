package registry_test

import (
	"strings"
	"testing"

	. "github.com/idnode/idnode/registry"
)

// TestNumber: ids and their numbers stand for each other, and numbers are what JavaScript and Java can hold.
func TestNumber(t *testing.T) {
	n := newNode(t, openPebble(t))
	for range 50 {
		e, err := n.CreateEnterprise(t.Context(), Enterprise{Name: "x"}, Write{Actor: n.op})
		if err != nil {
			t.Fatal(err)
		}
		number := Number(e.ID)
		if number == 0 || number >= 1<<53 || EnterpriseByNumber(number) != e.ID {
			t.Errorf("%s has the number %d, which is %s", e.ID, number, EnterpriseByNumber(number))
		}
	}
	for _, id := range []string{"", "e", "self", "e1", "eaaaaaaaaaaaa!", strings.Repeat("e", 40)} {
		if number := Number(id); number != 0 {
			t.Errorf("%q has the number %d", id, number)
		}
	}
	if EnterpriseByNumber(0) != Self {
		t.Error("0 is not the node's own enterprise")
	}
}

// TestUsernames: names of any script, but nothing that looks like another.
func TestUsernames(t *testing.T) {
	n := newNode(t, openPebble(t)).withPasswords(nil, nil)
	for name, good := range map[string]bool{
		"张三": true, "李": false, "ddd": true, "ab": false, "Zoë": true, "Zoe\u0308": false, "a b c": false, "a/b": false, "张三\u200b": false, "名" + strings.Repeat("x", 49): true,
		strings.Repeat("名", 51): false, "\xff\xfe\xfd": false,
	} {
		_, err := n.EnterApplicant(t.Context(), AccountRequest{Username: name, Password: "correct horse 9"}, Write{Actor: n.op})
		if (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := n.EnterApplicant(t.Context(), AccountRequest{Username: "other", Password: "correct horse 9"}, Write{Actor: n.a}); code(err) != CodeForbidden {
		t.Errorf("by a writer: %v", err)
	}
}
