package identifier

// Level names the rung of the ladder item, batch, product on which id stands: "item", "batch",
// "variant" or "product" for GS1 keys, "arc" for an OID, "" where there is no ladder.
func (id ID) Level() string {
	switch id.scheme {
	case OID:
		return "arc"
	case GS1:
		return gs1Level(id.name)
	}
	return ""
}

// gs1Level is the rung of a canonical element string: its last qualifier tells it or, of keys that
// hold their serial number, the length.
func gs1Level(name string) string {
	var ai, value string
	for name != "" {
		ai, value, name = cutElement(name)
	}
	switch ai {
	case "21", "235", "254", "8011", "8019":
		return "item"
	case "10":
		return "batch"
	case "22":
		return "variant"
	case "01", "8006", "8010":
		return "product"
	case "253", "255":
		return itemIf(len(value) > 13)
	case "8003":
		return itemIf(len(value) > 14)
	}
	return ""
}

func itemIf(serial bool) string {
	if serial {
		return "item"
	}
	return "product"
}
