package identifier

import "slices"

// Broader returns the ladder item, batch, product of (01) and (8006): without lot and variant, with
// lot and variant but without the serial, with one of them, and the product alone. Other keys fall
// back to what is left without their qualifier, or without the serial component of the key itself.
func (gs1Grammar) Broader(id ID) []ID {
	var buffer [4]gs1Pair
	pairs, _ := splitElements(buffer[:0], id.name)
	if len(pairs) == 0 {
		return nil
	}
	key := pairs[0]
	steps := [][]string{{"21"}, {"22", "10"}, {"10"}, {"22"}, {}}
	switch {
	case key.ai == "01", key.ai == "8006":
	case findElem(key.ai).needs != "": // a payment slip names nothing without its reference
		return nil
	default:
		steps = [][]string{{}}
	}
	var all []ID
	for _, keep := range steps {
		step := []gs1Pair{key}
		for _, p := range pairs[1:] {
			if slices.Contains(keep, p.ai) {
				step = append(step, p)
			}
		}
		// A step is one only if all that it keeps is there to keep.
		if broader := gs1ID(step, formBracketed); len(step) == len(keep)+1 && broader.name != id.name {
			all = append(all, broader)
		}
	}
	if n := gs1Keys[key.ai].serial; n > 0 && len(key.value) > n {
		all = append(all, gs1ID([]gs1Pair{{key.ai, key.value[:n]}}, formBracketed))
	}
	return all
}
