package identifier

import "time"

// Record is all that is kept of one identifier.
type Record struct {
	Scheme    Scheme
	ID        string // the spelling in which it was registered
	State     State
	Template  string // data template (数据模板) it was made by, or ""
	Reason    string // why it was revoked; "deleted" for a Handle or SNMS delete
	Successor string // identifier to ask instead of a revoked one, or ""
	Created   time.Time
	Updated   time.Time
	Values    []Value // in the order in which they were given

	// Version counts the record's changes from 1. The store keeps it; it is not part of the
	// binary encoding.
	Version uint64
}

// State is where a record stands in its life.
type State uint8

const (
	Active  State = 1
	Revoked State = 2 // a tombstone: it says that there was a record, why it ended, and what follows
)

// String is the state's name on every surface.
func (s State) String() string {
	switch s {
	case Active:
		return "active"
	case Revoked:
		return "revoked"
	}
	return "unknown"
}

// Value is one typed element of a record: exactly the value of the Handle System (RFC 3651,
// section 3.1), so that Handle clients are served without conversion.
type Value struct {
	Index     uint32 // 1 to 2^31-1, unique in the record
	Type      string // "URL", "HS_SITE", …; compared without regard to ASCII case
	Data      []byte
	TTLType   TTLType
	TTL       int32 // seconds, or seconds since 1970 if TTLType is Absolute; negative counts as 0
	Perms     Perms
	Timestamp uint32 // last change, seconds since 1970 (four octets on the wire)
	Refs      []Ref
}

// Ref points at a value of a Handle.
type Ref struct {
	Handle string
	Index  uint32
}

// TTLType says how a value's TTL is meant.
type TTLType uint8

const (
	Relative TTLType = 0 // seconds from the time of the answer
	Absolute TTLType = 1 // a moment, in seconds since 1970
)

// DefaultTTL is the time in seconds for which an answer may be kept if nothing else is said.
const DefaultTTL = 86400

// Perms are the four permission bits of a value (RFC 3651, section 3.1).
type Perms uint8

const (
	PublicWrite Perms = 1
	PublicRead  Perms = 2
	AdminWrite  Perms = 4
	AdminRead   Perms = 8

	// DefaultPerms lets everyone read and the administrators write.
	DefaultPerms = AdminRead | AdminWrite | PublicRead
)

// Public reports whether everyone may read the value.
func (v *Value) Public() bool { return v.Perms&PublicRead != 0 }

// MatchType reports whether the value's type is asked for by t: equal without regard to ASCII
// case, or, if t ends in ".", t without the dot or any sub-type of it ("URL." asks for "URL" and
// "URL.CN"), as the Handle reference server matches.
func (v *Value) MatchType(t string) bool {
	if EqualFoldASCII(v.Type, t) {
		return true
	}
	n := len(t)
	if n == 0 || t[n-1] != '.' {
		return false
	}
	return EqualFoldASCII(v.Type, t[:n-1]) || len(v.Type) > n && EqualFoldASCII(v.Type[:n], t)
}

// Parse is the record's identifier: read by its scheme, or by detection if it has none.
func (r *Record) Parse() (ID, error) {
	if r.Scheme != 0 {
		return r.Scheme.Parse(r.ID)
	}
	return Parse(r.ID)
}
