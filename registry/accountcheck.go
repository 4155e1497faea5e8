package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/idnode/idnode/registry/password"
	"github.com/idnode/idnode/storage"
)

// Lengths of a user name, in characters (SNMS OpenAPI v5, /identity/token: at most 50).
const (
	minUsername = 3
	maxUsername = 50
)

// maxAddress is the longest mail address or telephone number (SNMS OpenAPI v5, /identity/registry).
const maxAddress = 255

// What accounts are found by beside their names.
const (
	indexEmail  = "email"
	indexMobile = "mobile"
	indexOIDC   = "oidc"
)

// accountIndex is the key that is taken by the account which has a mail address, mobile or OIDC name.
func accountIndex(by, value string) []byte {
	switch by {
	case indexEmail:
		value = strings.ToLower(value)
	case indexMobile:
		value = foldMobile(value)
	}
	return storage.IndexKey(storage.IndexAccount, []string{by}, []byte(value))
}

// foldMobile is a telephone number without what is written for reading, and without China's code.
func foldMobile(text string) string {
	digits := strings.NewReplacer(" ", "", "-", "", "(", "", ")", "").Replace(text)
	for _, code := range []string{"+86", "0086"} {
		if rest, ok := strings.CutPrefix(digits, code); ok {
			return rest
		}
	}
	return digits
}

// keyIDLength is the length of the id of an API key: one letter and 64 bits in base32.
const keyIDLength = 14

// IsKeyID reports whether text is of the form of the id of an API key. User names are not.
func IsKeyID(text string) bool {
	return len(text) == keyIDLength && text[0] == 'k' && !strings.ContainsFunc(text[1:], func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '2' || c > '7')
	})
}

// checkUsername takes letters and digits of any script: the samples of SNMS have 张三. Names of Han characters may be of two.
func checkUsername(name string) []Violation {
	legal := func(c rune) bool { return unicode.IsLetter(c) || unicode.IsDigit(c) || strings.ContainsRune("._-@", c) }
	least := minUsername
	if strings.ContainsFunc(name, func(c rune) bool { return unicode.Is(unicode.Han, c) }) {
		least = 2
	}
	switch n := utf8.RuneCountInString(name); {
	case n < least || n > maxUsername || !norm.NFC.IsNormalString(name) || strings.ContainsFunc(name, func(c rune) bool { return !legal(c) }):
		return []Violation{violation("/username", "a user name has %d to %d letters, digits and . _ - @", minUsername, maxUsername)}
	case IsKeyID(FoldUsername(name)):
		return []Violation{violation("/username", "the user name looks like the id of an API key; choose another")}
	}
	return nil
}

// checkPassword checks a new password, or the form of one, and returns its form. One of them is given.
func checkPassword(username, plain, form string) (string, []Violation) {
	switch {
	case plain != "" && form != "":
		return "", []Violation{violation("/passwordHash", "give the password or its hash, not both")}
	case plain != "":
		if !password.Length(plain) {
			return "", []Violation{violation("/password", "a password has %d to %d characters", password.MinLength, password.MaxLength)}
		}
		if username != "" && strings.EqualFold(plain, username) {
			return "", []Violation{violation("/password", "the password is the user name; choose another")}
		}
		form = password.Form(plain)
		if password.Common(form) {
			return "", []Violation{violation("/password", "the password is one of the commonest; choose another")}
		}
		return form, nil
	case !password.IsForm(form):
		return "", []Violation{violation("/passwordHash", "the SHA-256 of the password is expected, in 64 hexadecimal digits")}
	}
	form = strings.ToLower(form)
	if password.Common(form) || form == password.Form(username) || form == password.Form(FoldUsername(username)) {
		return "", []Violation{violation("/passwordHash", "the password is the user name or one of the commonest; choose another")}
	}
	return form, nil
}

// checkAccount checks all that an account says of itself but its name and password.
func (r *Registrar) checkAccount(ctx context.Context, a *Account) ([]Violation, error) {
	var all []Violation
	if len(a.Roles) == 0 {
		all = append(all, violation("/roles", "at least one role is required: operator, reviewer, auditor, admin, writer or reader"))
	}
	for i, role := range a.Roles {
		field := fmt.Sprintf("/roles/%d", i)
		switch {
		case !role.Valid():
			all = append(all, violation(field, "a role is operator, reviewer, auditor, admin, writer or reader"))
		case role.ofNode() && a.Enterprise != Self:
			all = append(all, violation(field, "accounts of role %s belong to enterprise %s", role, Self))
		}
	}
	for _, f := range []struct{ field, text string }{{"/name", a.Name}, {"/oidc", a.OIDC}} {
		if e := r.checkText(CodeInvalidAccount, f.field, f.text); e != nil {
			all = append(all, Violation{Field: e.Field, Detail: e.Detail, format: e.format, args: e.args})
		}
	}
	local, domain, at := strings.Cut(a.Email, "@")
	if a.Email != "" && (!at || local == "" || domain == "" || len(a.Email) > maxAddress || strings.ContainsAny(domain, "@") || strings.ContainsFunc(a.Email, func(c rune) bool { return c <= ' ' || c == 0x7F })) {
		all = append(all, violation("/email", "a mail address such as name@example.com is expected, of at most %d characters", maxAddress))
	}
	number := strings.TrimPrefix(foldMobile(a.Mobile), "+")
	if a.Mobile != "" && (len(number) < 5 || len(number) > 20 || len(a.Mobile) > maxAddress || strings.ContainsFunc(number, func(c rune) bool { return c < '0' || c > '9' })) {
		all = append(all, violation("/mobile", "a telephone number such as 13800138000 is expected"))
	}
	if a.Enterprise == "" {
		return append(all, violation("/enterprise", "an enterprise is required")), nil
	}
	if _, err := r.readEnterprise(ctx, a.Enterprise); errors.Is(err, storage.ErrNotFound) {
		all = append(all, violation("/enterprise", "no enterprise %s", a.Enterprise))
	} else if err != nil {
		return nil, err
	}
	return all, nil
}

// accountNames are the values by which an account is found, that no other account may have.
func (a *Account) accountNames() []accountName {
	return slices.DeleteFunc([]accountName{{indexEmail, a.Email}, {indexMobile, a.Mobile}, {indexOIDC, a.OIDC}},
		func(n accountName) bool { return n.value == "" })
}

type accountName struct{ by, value string }

// claimNames adds to b what changes in the index when old becomes next; either may be nil. Names that
// another account has are violations. The keys are put at version 0: of two accounts that claim a
// name at the same time one is refused by the store.
func (r *Registrar) claimNames(ctx context.Context, b *storage.Batch, old, next *Account) ([]Violation, error) {
	had := make(map[string]bool)
	if old != nil {
		for _, n := range old.accountNames() {
			had[string(accountIndex(n.by, n.value))] = true
		}
	}
	var all []Violation
	if next != nil {
		for _, n := range next.accountNames() {
			key := accountIndex(n.by, n.value)
			if had[string(key)] {
				delete(had, string(key))
				continue
			}
			_, err := r.store.Get(ctx, key)
			switch {
			case errors.Is(err, storage.ErrNotFound):
				b.Put(key, []byte(FoldUsername(next.Username)), 0)
			case err != nil:
				return nil, fmt.Errorf("read index of accounts: %w", err)
			default:
				all = append(all, violation("/"+n.by, "%s is another account's", n.value))
			}
		}
	}
	for key := range had {
		b.Delete([]byte(key), 1)
	}
	return all, nil
}
