package identifier

import "testing"

func TestMatchType(t *testing.T) {
	for _, test := range []struct {
		have, asked string
		want        bool
	}{
		{"URL", "url", true}, {"URL", "URL.", true}, {"URL.CN", "url.", true}, {"URL.CN", "URL", false}, {"URLS", "URL.", false},
		{"URL", "", false}, {"", "", true}, {"URL", "HS_SITE", false}, {"@", "`", false},
	} {
		v := Value{Type: test.have}
		if got := v.MatchType(test.asked); got != test.want {
			t.Errorf("%q asked for by %q: %v", test.have, test.asked, got)
		}
	}
}

func TestFoldASCII(t *testing.T) {
	for s, want := range map[string]string{"": "", "abc/1": "abc/1", "aBC[@Z": "abc[@z", "ÄÉ产K": "ÄÉ产k"} {
		if got := FoldASCII(s); got != want || !EqualFoldASCII(s, got) {
			t.Errorf("%q folds to %q", s, got)
		}
	}
	for _, pair := range [][2]string{{"a", "ab"}, {"[", "{"}, {"K", "\u212a"}, {"é", "É"}} { // the second K is the Kelvin sign
		if EqualFoldASCII(pair[0], pair[1]) {
			t.Errorf("%q and %q are equal", pair[0], pair[1])
		}
	}
}

func TestPublic(t *testing.T) {
	if v := (Value{Perms: DefaultPerms}); !v.Public() || DefaultPerms != 14 {
		t.Error("the default permissions keep the public from reading")
	}
	if v := (Value{Perms: AdminRead | AdminWrite | PublicWrite}); v.Public() {
		t.Error("the public may read what it may write")
	}
	if Active.String() != "active" || Revoked.String() != "revoked" || State(0).String() != "unknown" {
		t.Error("names of states changed")
	}
}
