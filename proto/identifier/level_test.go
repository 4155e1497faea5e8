package identifier

import "testing"

func TestLevel(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		id, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := id.Level(); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
	f("gs1:(01)06901234567892(10)L1(21)A1", "item")
	f(`gs1:(01)06901234567892(21)A\(10)`, "item")
	f("gs1:(01)06901234567892(235)A1", "item")
	f("gs1:(01)06901234567892(10)L1", "batch")
	f("gs1:(01)06901234567892(22)V", "variant")
	f("gs1:6901234567892", "product")
	f("gs1:(8003)06901234567892X", "item")
	f("gs1:(8003)06901234567892", "product")
	f("gs1:106952012345678908", "")
	f("oid:1.2.156", "arc")
	f("88.101.5/x", "")
}
