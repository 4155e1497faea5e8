package identifier

import "strings"

// didGrammar is decentralised identifiers (W3C DID Core 1.0, section 3.1), which other nodes answer
// for. The methods of the national system are checked by their own rules, others by the general
// syntax. Nothing folds. The canonical form leaves "did:" out, so that the qualified one is the
// identifier itself.
//
//	did:cn:88.100.1                               a prefix (CN DID method)
//	did:vaa:gxAcE6upFw6DNbG3rfngM3VxCNB           the default contract of VAA: base58
//	did:vaa:IDcontract1:86.100.1234/abcdfe.123    another contract and a code of its own
//	did:bid:ef214PmkhKndUcArDQPgD5J4fFVwqJFPt     BID 2.0, the code of a side chain may precede
type didGrammar struct{}

const notServed = "identifiers of this scheme are recognised but not served by this node"

// The forms of a DID.
const (
	formDIDCN    = "did:cn"
	formDIDVAA   = "did:vaa"
	formDIDBID   = "did:bid"
	formDIDOther = "DID of another method"
)

func (didGrammar) Name() string { return "did" }

func (didGrammar) Parse(text string) (ID, error) {
	name := strings.TrimPrefix(text, "did:")
	form, reason := checkDID(name)
	if reason == "" && len(name) > MaxLength-len("did:") {
		reason = tooLong
	}
	if reason != "" {
		return ID{}, syntaxError(DID, text, reason)
	}
	return ID{scheme: DID, text: "did:" + name, name: name, form: form}, nil
}

// checkDID checks what follows "did:".
func checkDID(name string) (form, reason string) {
	method, specific, ok := strings.Cut(name, ":")
	switch {
	case EqualFoldASCII(method, "did"):
		return "", `"did:" is written in lower case`
	case method == "" || strings.ContainsFunc(method, func(r rune) bool { return !('a' <= r && r <= 'z' || '0' <= r && r <= '9') }):
		return "", "method is not lower-case letters and digits"
	case !ok || specific == "":
		return "", "nothing follows the method"
	}
	switch method {
	case "cn":
		return formDIDCN, checkDIDCN(specific)
	case "vaa":
		return formDIDVAA, checkDIDVAA(specific)
	case "bid":
		return formDIDBID, checkDIDBID(specific)
	}
	return formDIDOther, checkDIDSyntax(specific)
}

// checkDIDCN checks a prefix: two digits, three to five of industry, up to 128 of the enterprise.
func checkDIDCN(specific string) string {
	parts := strings.Split(specific, ".")
	switch {
	case len(parts) != 3:
		return "did:cn is not followed by three parts"
	case len(parts[0]) != 2 || !isDigits(parts[0]):
		return "top part of did:cn is not two digits"
	case len(parts[1]) < 3 || len(parts[1]) > 5 || !isDigits(parts[1]):
		return "industry part of did:cn is not three to five digits"
	case len(parts[2]) > 128 || !isDigits(parts[2]):
		return "enterprise part of did:cn is not 1 to 128 digits"
	}
	return ""
}

// checkDIDVAA checks the base58 name of the default contract, or a contract and its code.
func checkDIDVAA(specific string) string {
	contract, code, ok := strings.Cut(specific, ":")
	switch {
	case ok && !isLettersAndDigits(contract):
		return "contract of did:vaa is not letters and digits"
	case ok && (code == "" || !isGraphic(code)):
		return "code after the contract of did:vaa is empty or has a blank"
	case ok:
		return ""
	case !isBase58(specific):
		return "did:vaa has a character that base58 excludes"
	case len(specific) < 27 || len(specific) > 31:
		return "did:vaa is not 27 to 31 characters of base58"
	}
	return ""
}

// checkDIDBID checks a BID (BID protocol specification 2.0, section 3.1): the code of a side chain,
// four letters or digits, and a name of 22 to 42, whose first two tell how key and text are made:
// e (Ed25519), z (SM2), s (secp256k1); f (base58), s (base64), t (bech32). One of them may be missing.
func checkDIDBID(specific string) string {
	chain, suffix, ok := strings.Cut(specific, ":")
	if !ok && len(specific) != 4 {
		chain, suffix = "", specific
	}
	switch {
	case chain != "" && (len(chain) != 4 || !isLettersAndDigits(chain)), ok && chain == "":
		return "side chain of did:bid is not four letters or digits"
	case chain != "" && suffix == "":
		return ""
	case !isLettersAndDigits(suffix):
		return "did:bid has other than letters and digits"
	case len(suffix) < 22 || len(suffix) > 42:
		return "did:bid is not 22 to 42 characters"
	case !strings.Contains("ezs", suffix[:1]):
		return "did:bid does not begin with the mark of a key: e, z or s"
	case !strings.Contains("fst", suffix[1:2]):
		return "did:bid does not have the mark of its encoding second: f, s or t"
	case suffix[1] == 'f' && !isBase58(suffix):
		return "did:bid has a character that base58 excludes"
	}
	return ""
}

// isBase58 reports whether text is of the Bitcoin alphabet: letters and digits without 0, O, I, l.
func isBase58(text string) bool {
	return isLettersAndDigits(text) && !strings.ContainsAny(text, "0OIl")
}

// checkDIDSyntax checks the identifier of any method: letters, digits, ".", "-", "_", percent-encoded octets
// and colons, the last of which something follows.
func checkDIDSyntax(specific string) string {
	for i := 0; i < len(specific); i++ {
		switch c := specific[i]; {
		case isAlphanumeric(rune(c)), c == '.', c == '-', c == '_', c == ':':
		case c == '%':
			if len(specific) < i+3 || !isHex(specific[i+1:i+3]) {
				return "percent sign is not followed by two hexadecimal digits"
			}
		case c == '/' || c == '?' || c == '#':
			return "it is a DID URL: a path, query or fragment follows the identifier"
		default:
			return "has a character that a DID excludes"
		}
	}
	if specific[len(specific)-1] == ':' {
		return "ends with a colon"
	}
	return ""
}

// Detect takes "did:" for certain, in any letter case, so that the asker learns that it is lower.
func (didGrammar) Detect(text string) (Likelihood, string) {
	if len(text) > 4 && EqualFoldASCII(text[:4], "did:") {
		return Certain, "begins with did:"
	}
	return No, ""
}

func (didGrammar) Validate(id ID) error { return syntaxError(DID, id.text, notServed) }

func (didGrammar) Broader(ID) []ID { return nil }

func (didGrammar) NextNamespace(ID, string) string { return "" }

func (didGrammar) ParseNamespace(text string) (string, error) {
	return "", syntaxError(DID, text, notServed)
}

func (didGrammar) Contains(string, string) bool { return false }
