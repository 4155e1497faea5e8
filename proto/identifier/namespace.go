package identifier

import (
	"encoding/json"
	"net/netip"
	"time"
)

// Namespace is a part of a scheme's identifiers that is allocated to an enterprise: a Handle
// prefix, an OID arc, leading digits of an Ecode, a GS1 company prefix.
type Namespace struct {
	Scheme        Scheme         `json:"scheme"`
	Prefix        string         `json:"prefix"` // canonical name, see Scheme.ParseNamespace
	Enterprise    string         `json:"enterprise"`
	State         NamespaceState `json:"state"`
	Mode          Mode           `json:"mode"`
	CaseSensitive bool           `json:"caseSensitive,omitempty"` // Handle suffixes are taken as written
	Service       *Service       `json:"service,omitempty"`       // whom to ask; set when delegated
	Quota         *Quota         `json:"quota,omitempty"`         // nil: none
	Patterns      []Pattern      `json:"patterns,omitempty"`      // for identifiers without a record, the first that applies; only if hosted
	Reason        string         `json:"reason,omitempty"`        // why it is not active
	Ordered       *Ordered       `json:"ordered,omitempty"`       // the node above has ordered the state; it lasts until that orders otherwise
	Frozen        *Freeze        `json:"frozen,omitempty"`        // nothing is written while its records move
	Handover      *Handover      `json:"handover,omitempty"`      // its records have moved
	Created       time.Time      `json:"created"`
	Updated       time.Time      `json:"updated"`

	Version uint64 `json:"-"` // the store's; not part of the encoding
}

// Ordered says who has ordered that a namespace is not active, and by which order.
type Ordered struct {
	By    string    `json:"by"`              // name of the target that is reported to
	Order uint64    `json:"order,omitempty"` // its number there; 0 where orders have none
	Since time.Time `json:"since"`
}

// Freeze says that the records of a namespace are answered for and not changed, as they are on their
// way to another node.
type Freeze struct {
	Since   time.Time `json:"since"`
	Reason  string    `json:"reason,omitempty"`
	Service *Service  `json:"service,omitempty"` // the other node, if it was named
}

// Handover says that a namespace was hosted before it was delegated, and keeps what that cannot have.
type Handover struct {
	Since    time.Time `json:"since"`
	Reason   string    `json:"reason,omitempty"`
	Digest   string    `json:"digest,omitempty"` // of the records at that moment, if it was given
	Patterns []Pattern `json:"patterns,omitempty"`
}

// UnmarshalJSON decodes n and compiles its patterns.
func (n *Namespace) UnmarshalJSON(data []byte) error {
	type plain Namespace
	if err := json.Unmarshal(data, (*plain)(n)); err != nil {
		return err
	}
	return n.Compile()
}

// Quota bounds the use of a namespace. 0 is no bound.
type Quota struct {
	// Records is the most identifiers that may ever be registered, revoked ones included.
	Records uint64 `json:"records,omitempty"`
	// RequestsPerDay is the most writes of identifiers a day (Beijing time); each row of a batch or an
	// import is one.
	RequestsPerDay uint64 `json:"requestsPerDay,omitempty"`
}

// Serves reports whether records under n are answered from our own store.
func (n *Namespace) Serves() bool { return n.State == NamespaceActive && n.Mode == Hosted }

// Key is the namespace's place in tables of namespaces.
func (n *Namespace) Key() Key { return Key{n.Scheme, n.Prefix} }

// NamespaceState is where a namespace stands in its life.
type NamespaceState string

const (
	NamespaceActive    NamespaceState = "active"
	NamespaceSuspended NamespaceState = "suspended" // answers say so; writes are refused
	NamespaceWithdrawn NamespaceState = "withdrawn" // as suspended, for good
)

// Mode says who answers for a namespace.
type Mode string

const (
	Hosted    Mode = "hosted"    // 托管: we hold the records
	Delegated Mode = "delegated" // the enterprise's own node does; we refer to it
)

// Service is where a delegated namespace is answered. A port of 0 means that the service does not
// speak that protocol.
type Service struct {
	IP   netip.Addr `json:"ip"`
	UDP  uint16     `json:"udp,omitempty"`  // native Handle over UDP
	TCP  uint16     `json:"tcp,omitempty"`  // native Handle over TCP
	HTTP uint16     `json:"http,omitempty"` // Handle over HTTP
	DNS  uint16     `json:"dns,omitempty"`
}
