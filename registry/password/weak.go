package password

import (
	"strings"
	"sync"
	"unicode/utf8"
)

// Lengths of a password, in characters.
const (
	MinLength = 8
	MaxLength = 128
)

// Length reports whether a password is neither too short nor too long.
func Length(password string) bool {
	n := utf8.RuneCountInString(password)
	return utf8.ValidString(password) && n >= MinLength && n <= MaxLength
}

// common are the commonest passwords of eight characters or more, in lower case, that lists of stolen
// ones begin with, and what is written on forms in China.
var common = []string{
	"12345678", "123456789", "1234567890", "0123456789", "0987654321", "987654321", "87654321", "11111111", "00000000", "88888888", "66666666",
	"99999999", "12341234", "11223344", "1122334455", "147258369", "123123123", "112233445566", "password", "password1", "password123", "passw0rd",
	"p@ssw0rd", "p@ssword", "qwertyui", "qwertyuiop", "qwerty123", "1qaz2wsx", "1q2w3e4r", "1q2w3e4r5t", "qazwsxedc", "zaq12wsx", "asdfghjk",
	"asdfghjkl", "zxcvbnm1", "iloveyou", "sunshine", "princess", "football", "baseball", "superman", "trustno1", "letmein1", "welcome1", "admin123",
	"admin1234", "admin12345", "admin888", "administrator", "administrator1", "root1234", "test1234", "a1234567", "a12345678", "a123456789",
	"aa123456", "aa12345678", "abc12345", "abc123456", "abcd1234", "abcdefgh", "woaini1314", "woaini520", "5201314520", "1314520520", "woaini123",
	"changeme", "changeit", "secret123", "aaaaaaaa", "asd123456", "qq123456", "wang1234", "zhang123", "1234qwer", "qwer1234", "abc@1234", "admin@123",
	"huawei@123", "p@ssw0rd123",
}

var commonForms = sync.OnceValue(func() map[string]bool {
	forms := make(map[string]bool, 2*len(common))
	for _, p := range common {
		forms[Form(p)] = true
		forms[Form(strings.ToUpper(p[:1])+p[1:])] = true
	}
	return forms
})

// Common reports whether form is that of one of the commonest passwords.
func Common(form string) bool { return commonForms()[strings.ToLower(form)] }
