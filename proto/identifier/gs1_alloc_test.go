//go:build !race

package identifier

import "testing"

func TestGS1Allocations(t *testing.T) {
	for _, text := range []string{
		"88.1021.150/SN-001", "1.2.156.20009", "10.1000/182", "10064000123456789", "6901234567892", "(01)06901234567892(21)A1", "010690123456789221A\x1d10L",
		"010690123456789321A<GS>10L", "https://example.com/01/06901234567892/21/A?17=251231", "https://example.com/01/06901234567893",
	} {
		if n := testing.AllocsPerRun(100, func() { gs1Grammar{}.Detect(text) }); n > 0 {
			t.Errorf("detecting %q: %v allocations", text, n)
		}
	}
	for text, most := range map[string]float64{
		"6901234567892": 1, "006952012345678901": 1, "(01)06901234567892(10)LOT1(21)SN0001": 1, "010690123456789221A\x1d10L": 1, "/01/06901234567892/21/A1": 1,
	} {
		if n := testing.AllocsPerRun(100, func() { _, _ = GS1.Parse(text) }); n > most {
			t.Errorf("parsing %q: %v allocations", text, n)
		}
	}
}
