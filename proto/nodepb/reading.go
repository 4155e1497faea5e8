package nodepb

import "github.com/idnode/idnode/proto/identifier"

// FillReading makes p say how id was read.
func FillReading(p *Reading, id identifier.ID) {
	p.Scheme = id.Scheme().String()
	p.Form = id.Form()
	p.Canonical = Text(id.Qualified())
	p.Level = id.Level()
}

// FromCandidates converts the readings of a text.
func FromCandidates(in []identifier.Candidate) []*Candidate {
	if len(in) == 0 {
		return nil
	}
	p := make([]*Candidate, len(in))
	for i, c := range in {
		p[i] = &Candidate{Scheme: c.Scheme.String(), Reason: c.Reason, Carrier: c.Carrier}
		if c.Err != nil {
			p[i].Error, p[i].Meant = Text(c.Err.Reason), Text(c.Err.Meant)
		} else {
			p[i].Form, p[i].Canonical = c.ID.Form(), Text(c.ID.Qualified())
		}
	}
	return p
}
