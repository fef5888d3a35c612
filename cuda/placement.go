//go:build cuda && cgo

package cuda

import "slices"

// A placement is an assignment of requests to slots that respects what must follow
// what, and knows how many launches it takes. Bands of all scales go through the same
// steps, but coarse ones are cut out of the spectrum first: what is a slot apart could
// be one launch.
type placement struct {
	rs            []request
	before, after [][]int // what each request must follow, and what must follow it
	slot          []int   // of each request
	members       [][]int // of each slot, in order
	cost          []int   // launches of each slot by itself
	tiny          []bool  // slots that one block does
	launches      int
}

// newPlacement gives every request the first slot that it can have.
func newPlacement(rs []request) *placement {
	p := &placement{rs: rs, before: make([][]int, len(rs)), after: make([][]int, len(rs)), slot: make([]int, len(rs))}
	for i := range rs {
		for j := range rs[:i] {
			if rs[i].follows(&rs[j]) {
				p.before[i], p.after[j] = append(p.before[i], j), append(p.after[j], i)
				p.slot[i] = max(p.slot[i], p.slot[j]+1)
			}
		}
		for len(p.members) <= p.slot[i] {
			p.members = append(p.members, nil)
		}
		p.members[p.slot[i]] = append(p.members[p.slot[i]], i)
	}
	p.cost, p.tiny = make([]int, len(p.members)), make([]bool, len(p.members))
	for s := range p.members {
		p.measure(s)
	}
	p.launches = p.total()
	return p
}

// measure finds what a slot takes.
func (p *placement) measure(s int) {
	var rs []request
	for _, i := range p.members[s] {
		rs = append(rs, p.rs[i])
	}
	p.cost[s], p.tiny[s] = len(together(rs)), len(rs) > 0 && tiny(rs)
}

// total counts the launches: a run of slots that one block does is one.
func (p *placement) total() (n int) {
	run := 0 // slots of the run, but for empty ones
	for s := range p.members {
		if len(p.members[s]) == 0 {
			continue
		}
		if !p.tiny[s] {
			n, run = n+p.cost[s], 0
			continue
		}
		if run++; run == 1 {
			n += p.cost[s]
		} else if run == 2 {
			n += 1 - p.last(s)
		}
	}
	return n
}

// last returns what the slot before s that is not empty takes by itself.
func (p *placement) last(s int) int {
	for s--; len(p.members[s]) == 0; s-- {
	}
	return p.cost[s]
}

// move puts requests of a slot into another.
func (p *placement) move(is []int, to int) {
	from := p.slot[is[0]]
	for _, i := range is {
		k, _ := slices.BinarySearch(p.members[from], i)
		p.members[from] = slices.Delete(p.members[from], k, k+1)
		k, _ = slices.BinarySearch(p.members[to], i)
		p.members[to] = slices.Insert(p.members[to], k, i)
		p.slot[i] = to
	}
	p.measure(from)
	p.measure(to)
}

// try moves requests of a slot if the launches do not become more than most.
func (p *placement) try(is []int, to, most int) bool {
	from := p.slot[is[0]]
	p.move(is, to)
	if n := p.total(); n <= most {
		p.launches = n
		return true
	}
	p.move(is, from)
	return false
}

// improve moves requests later and earlier, as long as that saves launches.
func (p *placement) improve() {
	for before := p.launches + 1; p.launches < before; {
		before = p.launches
		for s := len(p.members) - 1; s >= 0; s-- {
			p.relocate(s, 1)
		}
		for s := range p.members {
			p.relocate(s, -1)
		}
	}
}

// relocate moves requests of slot s in one direction: singly where others are that
// they can share a launch with, as far as possible, and all that share one where
// that saves it.
func (p *placement) relocate(s, direction int) {
	for _, i := range slices.Clone(p.members[s]) {
		for to := p.limit([]int{i}, s, direction); to != s; to -= direction {
			if p.shared(i, to) && p.try([]int{i}, to, p.launches) {
				break
			}
		}
	}
	groups := map[string][]int{}
	var names []string
	for _, i := range p.members[s] {
		n := p.rs[i].shares()
		if groups[n] == nil {
			names = append(names, n)
		}
		groups[n] = append(groups[n], i)
	}
	for _, n := range names {
		limit := p.limit(groups[n], s, direction)
		for to := s; to != limit; {
			if to += direction; p.try(groups[n], to, p.launches-1) {
				break
			}
		}
	}
}

// limit returns the slot farthest from s, in a direction, where is can be.
func (p *placement) limit(is []int, s, direction int) int {
	later, earlier := len(p.members)-1, 0
	for _, i := range is {
		for _, f := range p.after[i] {
			later = min(later, p.slot[f]-1)
		}
		for _, f := range p.before[i] {
			earlier = max(earlier, p.slot[f]+1)
		}
	}
	if direction > 0 {
		return later
	}
	return earlier
}

// shared reports whether request i could share a launch with one of a slot.
func (p *placement) shared(i, slot int) bool {
	name := p.rs[i].shares()
	return slices.ContainsFunc(p.members[slot], func(j int) bool { return p.rs[j].shares() == name })
}
