//go:build cuda && cgo

package cuda

import (
	"unsafe"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// jobNumber is the place of a kind in jobs.
var jobNumber = func() map[string]int32 {
	n := map[string]int32{}
	for i, j := range jobs {
		n[j.kernel] = int32(i)
	}
	return n
}()

// inStageOnly names the kinds that have no kernel of their own: they are never large,
// or need many registers anyway.
var inStageOnly = map[string]bool{
	"ew_f32_1": true, "ew_f64_1": true, "fft_chirp_f32": true, "fft_chirp_f64": true, "contract_dots_f32": true, "contract_dots_f64": true,
	"wolfe": true, "lbfgs_ring": true, "lbfgs_alphas": true, "lbfgs_shares": true,
}

// A footprint is the memory that a step reads and writes.
type footprint struct{ reads, writes []span }

// span is a range of device addresses.
type span struct{ lo, hi uint64 }

func spanOf(t tensor.Tensor) span {
	lo, hi := t.Bounds()
	at, size := address(t), t.DType.Size()
	return span{at + uint64(lo*size), at + uint64((hi+1)*size)}
}

func footprintOf(s *autograd.Step) *footprint {
	f := &footprint{}
	for _, t := range s.In {
		if t.Len() > 0 {
			f.reads = append(f.reads, spanOf(t))
		}
	}
	for _, t := range s.Out {
		if t.Len() > 0 {
			f.writes = append(f.writes, spanOf(t))
		}
	}
	return f
}

func overlap(a, b []span) bool {
	for _, p := range a {
		for _, q := range b {
			if p.lo < q.hi && q.lo < p.hi {
				return true
			}
		}
	}
	return false
}

// follows reports whether r, asked for later, must run after q.
func (r *request) follows(q *request) bool {
	if r.step == q.step {
		return q.phase < r.phase
	}
	return overlap(q.foot.writes, r.foot.reads) || overlap(q.foot.reads, r.foot.writes) || overlap(q.foot.writes, r.foot.writes)
}

// schedule gives every request the first slot after those of the requests that it
// must follow, and returns the requests by slot.
func schedule(rs []request) (slots [][]request) {
	for i := range rs {
		r := &rs[i]
		for j := range rs[:i] {
			if q := &rs[j]; q.slot >= r.slot && r.follows(q) {
				r.slot = q.slot + 1
			}
		}
		if r.slot == len(slots) {
			slots = append(slots, nil)
		}
		slots[r.slot] = append(slots[r.slot], *r)
	}
	return slots
}

// What a launch of several kinds of work takes. On a GPU with a hundred processors
// the blocks of a request up to stageMost run at once or nearly; the registers that
// the largest kind needs are then no loss.
const (
	stageMost = 512
	chainMost = 4 // blocks of a slot that one block does in turn: about what a launch costs
)

// merge returns the launches and what they are.
func (b *binder) merge() (ls []launch, of []autograd.Launch, err error) {
	add := func(l launch, told autograd.Launch, e error) {
		ls, of = append(ls, l), append(of, told)
		if err == nil {
			err = e
		}
	}
	if b.alone {
		for i := range b.asked {
			add(b.one([]request{b.asked[i].direct()}))
		}
		return ls, of, err
	}
	slots := schedule(b.asked)
	for i := 0; i < len(slots); {
		j := i
		for j < len(slots) && tiny(slots[j]) {
			j++
		}
		if j > i+1 {
			var all []request
			for _, rs := range slots[i:j] {
				all = append(all, rs...)
			}
			add(b.jobs(all, true))
			i = j
			continue
		}
		b.together(slots[i], add)
		i++
	}
	return ls, of, err
}

// direct returns r by the kernel made ahead, if there is one.
func (r *request) direct() request {
	if r.ahead != nil {
		return *r.ahead
	}
	return *r
}

// mixes reports whether r can be part of a launch of several kinds.
func (r *request) mixes() bool {
	_, known := jobNumber[r.kernel]
	return known && r.threads == threads && r.blocks <= stageMost
}

// tiny reports whether one block does rs as fast as a launch would.
func tiny(rs []request) bool {
	blocks := 0
	for i := range rs {
		if blocks += rs[i].blocks; !rs[i].mixes() {
			return false
		}
	}
	return blocks <= chainMost
}

// together launches what may run in any order: small work of different kinds at
// once, the rest kernel by kernel.
func (b *binder) together(rs []request, add func(launch, autograd.Launch, error)) {
	var mix, rest []request
	kinds := map[string]bool{}
	for _, r := range rs {
		if d := r.direct(); r.mixes() {
			mix, kinds[d.kernel] = append(mix, r), true
		} else {
			rest = append(rest, d)
		}
	}
	if len(kinds) > 1 {
		add(b.jobs(mix, false))
	} else {
		for _, r := range mix {
			rest = append(rest, r.direct())
		}
	}
	for len(rest) > 0 {
		var same, others []request
		for _, r := range rest {
			if r.kernel == rest[0].kernel && r.threads == rest[0].threads {
				same = append(same, r)
			} else {
				others = append(others, r)
			}
		}
		add(b.one(same))
		rest = others
	}
}

// stageJob is the struct of stage.cu.
type stageJob struct {
	first, blocks, kind, inTurn int32
	problem                     uint64
}

// one makes one launch for requests of one kernel.
func (b *binder) one(rs []request) (launch, autograd.Launch, error) {
	if inStageOnly[rs[0].kernel] {
		return b.jobs(rs, false)
	}
	return b.launch(rs)
}

// jobs makes one launch for requests of several kinds: all at once, or in turn.
func (b *binder) jobs(rs []request, inTurn bool) (l launch, told autograd.Launch, err error) {
	var table []stageJob
	blocks, shared := 0, 0
	for _, r := range rs {
		at, err := b.arena.put(unsafe.Pointer(&r.problem[0]), len(r.problem))
		if err != nil {
			return l, told, err
		}
		table = append(table, stageJob{int32(blocks), int32(r.blocks), jobNumber[r.kernel], 0, at})
		blocks, shared = blocks+r.blocks, max(shared, r.shared)
	}
	if inTurn {
		blocks, table[0].inTurn = 1, 1
	}
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(&table[0])), len(table)*int(unsafe.Sizeof(table[0])))
	return b.start("stage", bytes, rs, blocks, rs[0].threads, shared)
}
