package auditchain

import (
	"fmt"
	"slices"
)

// What may be wrong with a log.
const (
	Changed   = "changed"   // the entry, its key or its place is not what was chained
	Removed   = "removed"   // the log has no entry of this number
	Disorder  = "disorder"  // the entry stands behind one of a greater or the same number
	NoValue   = "no_value"  // the chain has the number, and the log nothing for its key
	Foreign   = "foreign"   // hash(0) is not that of the log's identity, or the log is another one
	Truncated = "truncated" // the log ends before the number, of which there was a head
	Unlike    = "unlike"    // the log has another hash at the number than the head that was kept
	Trimmed   = "trimmed"   // the head is of a number that was removed for its age, or left out: the log cannot prove it
	Malformed = "malformed" // a line of the export is not in its form
	Cut       = "cut"       // the export has no last line
	Aborted   = "aborted"   // the node could not bring the export to its end
)

// Problem is what is wrong with a log, and at which number first.
type Problem struct {
	Kind string // one of the above
	N    uint64
	Line int    // of Malformed, Cut and Aborted: where in the export, from 1
	Text string // of Malformed and Aborted: what is wrong
}

func (p *Problem) Error() string {
	switch p.Kind {
	case Changed:
		return fmt.Sprintf("entry %d is not what was chained: it, or an entry before it, was changed, inserted or moved", p.N)
	case Removed:
		return fmt.Sprintf("entry %d was removed", p.N)
	case Disorder:
		return fmt.Sprintf("entry %d is not in its place", p.N)
	case NoValue:
		return fmt.Sprintf("entry %d is in the chain, but the entry itself was removed", p.N)
	case Foreign:
		return "the log begins with a hash that is not its own, or is another log than that of the head"
	case Truncated:
		return fmt.Sprintf("the log ends before entry %d: its end was removed", p.N)
	case Unlike:
		return fmt.Sprintf("entry %d has another hash than the head that was kept: the log was made anew", p.N)
	case Trimmed:
		return fmt.Sprintf("the log begins after entry %d, and so cannot prove the head", p.N)
	case Cut:
		return fmt.Sprintf("the export ends at line %d without its last line: it was cut short", p.Line)
	case Aborted:
		return fmt.Sprintf("the node ended the export at line %d: %s", p.Line, p.Text)
	}
	return fmt.Sprintf("line %d is not that of an export: %s", p.Line, p.Text)
}

// Verifier goes through a log from an anchor on. Its errors are *Problem; after one it is not used again.
type Verifier struct {
	at    Anchor
	heads []Head // to come, in order
}

// NewVerifier begins at the anchor, and holds the log to the heads.
func NewVerifier(from Anchor, heads ...Head) (*Verifier, error) {
	v := &Verifier{at: from, heads: slices.Clone(heads)}
	slices.SortStableFunc(v.heads, func(a, b Head) int {
		if a.N < b.N {
			return -1
		}
		return int(min(a.N-b.N, 1))
	})
	if from.N == 0 && from.Hash != Start(from.Store) {
		return nil, &Problem{Kind: Foreign}
	}
	for _, h := range v.heads {
		if h.Store != (StoreID{}) && h.Store != from.Store {
			return nil, &Problem{Kind: Foreign, N: h.N}
		}
		if h.N < from.N {
			return nil, &Problem{Kind: Trimmed, N: h.N}
		}
	}
	return v, v.meet()
}

// At is how far the log has been verified.
func (v *Verifier) At() Anchor { return v.at }

// Add takes the next entry. Kinds: Removed, Disorder, NoValue, Changed, Unlike.
func (v *Verifier) Add(e Entry) error {
	switch {
	case e.N > v.at.N+1:
		return &Problem{Kind: Removed, N: v.at.N + 1}
	case e.N <= v.at.N:
		return &Problem{Kind: Disorder, N: e.N}
	case e.Value == nil:
		return &Problem{Kind: NoValue, N: e.N}
	case len(e.Key) != KeySize || Next(v.at.Hash, e.N, e.Key, Leaf(e.Value)) != e.Hash:
		return &Problem{Kind: Changed, N: e.N}
	}
	v.at.N, v.at.Hash = e.N, e.Hash
	return v.meet()
}

// meet holds the log to the heads of the number that was reached.
func (v *Verifier) meet() error {
	for len(v.heads) > 0 && v.heads[0].N == v.at.N {
		if v.heads[0].Hash != v.at.Hash {
			return &Problem{Kind: Unlike, N: v.at.N}
		}
		v.heads = v.heads[1:]
	}
	return nil
}

// End says that there are no more entries, and what the log takes for its last. Kinds: Removed, Changed, Truncated.
func (v *Verifier) End(n uint64, hash Hash) error {
	switch {
	case n > v.at.N:
		return &Problem{Kind: Removed, N: v.at.N + 1}
	case n < v.at.N || hash != v.at.Hash:
		return &Problem{Kind: Changed, N: n}
	case len(v.heads) > 0:
		return &Problem{Kind: Truncated, N: v.heads[0].N}
	}
	return nil
}
