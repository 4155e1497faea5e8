package archive

import (
	"fmt"
	"strings"
	"time"
)

const (
	// Format names archives of this form.
	Format = "idnode-archive"
	// Version is that of the form. A reader refuses what is newer than it knows.
	Version = 1

	// ManifestName is the last member.
	ManifestName = "manifest.json"

	// PartOctets is about the size of the parts of a list.
	PartOctets = 8 << 20
	// MaxPart bounds a member that is read into memory, in octets: a part and its last line.
	MaxPart = PartOctets + 16<<20
)

// Scope is what an archive is of.
type Scope string

const (
	ScopeEnterprise Scope = "enterprise" // all that an enterprise owns
	ScopeNode       Scope = "node"       // all enterprises
	ScopePrefix     Scope = "prefix"     // one namespace: its templates, records and their history
)

// Manifest says what an archive is of, and what it holds.
type Manifest struct {
	Format     string    `json:"format"`
	Version    int       `json:"version"`
	Scope      Scope     `json:"scope"`
	Node       []string  `json:"node"` // prefixes of the node that made it, "handle:88.1021"
	Enterprise string    `json:"enterprise,omitempty"`
	Prefix     string    `json:"prefix,omitempty"` // "handle:88.1021.200"
	Time       time.Time `json:"time"`             // of the state that it shows
	// Seq is a place in the change log of the node: the archive holds all that was changed up to it.
	Seq uint64 `json:"seq,string"`
	// After, unless 0, says that of records only those are here that were changed after this place.
	After uint64       `json:"after,string,omitempty"`
	Files []MemberInfo `json:"files"`
}

// MemberInfo is a member as the manifest tells it.
type MemberInfo struct {
	Name   string `json:"name"`
	Lines  int64  `json:"lines,omitempty"` // of NDJSON
	Octets int64  `json:"octets"`
	SHA256 string `json:"sha256"` // hexadecimal digits
}

// Kinds of members, see [KindOf].
const (
	Enterprises  = "enterprises"
	Files        = "files"
	Namespaces   = "namespaces"
	Templates    = "templates"
	Records      = "records"
	History      = "history"
	Accounts     = "accounts"
	Keys         = "keys"
	Apps         = "apps"
	Applications = "applications"
	Audit        = "audit"
)

// KindOf is what the member of that name holds, "" if it is none of this form.
func KindOf(name string) string {
	switch {
	case name == ManifestName:
		return ManifestName
	case name == "enterprise.json":
		return Enterprises
	case strings.HasPrefix(name, Files+"/"):
		return Files
	}
	kind, ok := strings.CutSuffix(name, ".ndjson")
	kind, _, _ = strings.Cut(kind, ".")
	switch kind {
	case Enterprises, Namespaces, Templates, Records, History, Accounts, Keys, Apps, Applications, Audit:
		if ok {
			return kind
		}
	}
	return ""
}

// partName is the name of the n-th part of a list, from 1.
func partName(kind string, n int) string {
	if n == 1 {
		return kind + ".ndjson"
	}
	return fmt.Sprintf("%s.%06d.ndjson", kind, n)
}

// Lines is how many lines the lists of a kind have together.
func (m *Manifest) Lines(kind string) int64 {
	var n int64
	for _, f := range m.Files {
		if KindOf(f.Name) == kind {
			n += f.Lines
		}
	}
	return n
}
