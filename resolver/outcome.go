package resolver

// Status is the outcome of a resolution: what the asker is told. Each front end maps it to its own
// codes; [Statuses] lists them all, for the tests that walk those mappings.
type Status uint8

const (
	Found          Status = iota + 1 // a record with values for the asker
	NoValues                         // a record without a value of the asked type or index that the asker may read
	NotFound                         // unknown identifier in a namespace of ours
	Revoked                          // a tombstone
	Referral                         // the namespace is answered elsewhere, see Answer.Service
	Suspended                        // the namespace is suspended or withdrawn
	NotResponsible                   // not our namespace
	Invalid                          // not an identifier
	Overloaded                       // no capacity to answer now
	Failed                           // we are broken
)

// Statuses lists all outcomes.
func Statuses() []Status {
	return []Status{Found, NoValues, NotFound, Revoked, Referral, Suspended, NotResponsible, Invalid, Overloaded, Failed}
}

var statusNames = [...]string{
	Found: "found", NoValues: "no_values", NotFound: "not_found", Revoked: "revoked", Referral: "referral",
	Suspended: "suspended", NotResponsible: "not_responsible", Invalid: "invalid", Overloaded: "overloaded", Failed: "failed",
}

// String is the outcome's name in metrics and reasons.
func (s Status) String() string {
	if int(s) < len(statusNames) && statusNames[s] != "" {
		return statusNames[s]
	}
	return "unknown"
}

// Tier is where an answer came from.
type Tier uint8

const (
	TierNone     Tier = iota // no record was looked for, or the query failed
	TierLRU                  // this process's cache, negatives included
	TierStore                // the store
	TierComputed             // made from the namespace: prefix records, referrals, patterns and templates
	TierRedis                // the cache that nodes share
	TierUpstream             // another node
)

var tierNames = [...]string{"none", "l1", "store", "computed", "l2", "upstream"}

// String is the tier's name in metrics and answers.
func (t Tier) String() string { return tierNames[t] }
