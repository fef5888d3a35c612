package report

import (
	"fmt"
	"math"
)

// A row is a Group as the page shows it.
type row struct {
	Group
	StartText, EndText, Percent string
	Good                        bool
	Bar, Mark                   float64 // length of the bar and place of the limit, in percent
}

func rows(gs []Group) []row {
	list := make([]row, len(gs))
	for i, g := range gs {
		list[i] = row{
			Group:     g,
			StartText: short(g.Start),
			EndText:   short(g.End),
			Percent:   percent(g.Ratio),
			Good:      g.Limit == 0 || g.Ratio <= g.Limit,
			Bar:       barLength(g.Ratio),
			Mark:      barLength(g.Limit),
		}
	}
	return list
}

// barLength puts ratios from 10⁻⁶ to 1 on a logarithmic scale of 0 to 100.
func barLength(ratio float64) float64 {
	if !(ratio > 0) { // also not a number
		return 0
	}
	return 100 * math.Min(1, math.Max(0, 1+math.Log10(ratio)/6))
}

func short(x float64) string { return fmt.Sprintf("%.3g", x) }

func percent(ratio float64) string {
	switch {
	case math.IsNaN(ratio) || math.IsInf(ratio, 0):
		return "–"
	case ratio >= 0.1:
		return fmt.Sprintf("%.0f %%", 100*ratio)
	}
	return fmt.Sprintf("%.2g %%", 100*ratio)
}
