package cli

import "github.com/idnode/idnode/proto/identifier"

// reading is how the node, or idctl itself, read a text.
type reading struct {
	Scheme  string `json:"scheme"`
	Form    string `json:"form,omitempty"`
	Level   string `json:"level,omitempty"`
	Carrier string `json:"carrier,omitempty"`
}

// readingOf is how idctl itself read id.
func readingOf(id identifier.ID, carrier string) *reading {
	return &reading{Scheme: id.Scheme().String(), Form: id.Form(), Level: id.Level(), Carrier: carrier}
}

func (r *reading) String() string {
	s := r.Scheme
	if r.Form != "" {
		s += ", " + r.Form
	}
	if r.Level != "" && r.Level != "arc" {
		s += ", of one " + r.Level
	}
	if r.Carrier != "" {
		s += ", without " + r.Carrier
	}
	return s
}

// fallback says that a broader identifier's record answers.
type fallback struct {
	From  string `json:"from"`
	To    string `json:"to"`
	Level string `json:"level,omitempty"`
}

func (f *fallback) String() string {
	what := f.Level
	if what == "" || what == "arc" {
		what = "ancestor"
	}
	return "has no record of its own; this is of its " + what + " " + f.To
}

// candidate is one way to read a text.
type candidate struct {
	Scheme    string `json:"scheme"`
	Form      string `json:"form,omitempty"`
	Canonical string `json:"canonical,omitempty"`
	Reason    string `json:"reason,omitempty"`
	Error     string `json:"error,omitempty"`
	Meant     string `json:"meant,omitempty"`
	Carrier   string `json:"carrier,omitempty"`
}

// candidatesOf are idctl's own readings of a text.
func candidatesOf(in []identifier.Candidate) []candidate {
	out := make([]candidate, len(in))
	for i, c := range in {
		out[i] = candidate{Scheme: c.Scheme.String(), Reason: c.Reason, Carrier: c.Carrier}
		if c.Err != nil {
			out[i].Error, out[i].Meant = c.Err.Reason, c.Err.Meant
		} else {
			out[i].Form, out[i].Canonical = c.ID.Form(), c.ID.Qualified()
		}
	}
	return out
}

func (c *candidate) String() string {
	s := c.Scheme
	if c.Canonical != "" {
		s = c.Canonical
		if c.Form != "" {
			s += ", " + c.Form
		}
	}
	if c.Reason != "" {
		s += " (" + c.Reason + ")"
	}
	if c.Error != "" {
		s += " but " + c.Error
	}
	if c.Meant != "" {
		s += ", meant " + c.Meant
	}
	return s
}
