//go:build cuda && cgo

package cuda

import (
	"fmt"
	"slices"
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
// must follow, then moves what saves launches, and returns the requests by slot.
func schedule(rs []request) (slots [][]request) {
	p := newPlacement(rs)
	p.improve()
	for _, members := range p.members {
		var slot []request
		for _, i := range members {
			slot = append(slot, rs[i])
		}
		if len(slot) > 0 {
			slots = append(slots, slot)
		}
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

// A batch is the requests of one launch.
type batch struct {
	rs     []request
	mixed  bool // of several kinds
	inTurn bool // one block does them, one after the other
}

// batches says what is launched for requests by slot.
func batches(slots [][]request) (bs []batch) {
	for i := 0; i < len(slots); {
		j := i
		for j < len(slots) && tiny(slots[j]) {
			j++
		}
		if j > i+1 {
			bs = append(bs, batch{slices.Concat(slots[i:j]...), true, true})
			i = j
			continue
		}
		bs = append(bs, together(slots[i])...)
		i++
	}
	return bs
}

// merge returns the launches and what they are.
func (b *binder) merge() (ls []launch, of []autograd.Launch, err error) {
	var bs []batch
	if b.alone {
		for i := range b.asked {
			bs = append(bs, batch{rs: []request{b.asked[i].direct()}})
		}
	} else {
		bs = batches(schedule(b.asked))
	}
	for _, x := range bs {
		l, told, err := b.launches(x)
		if err != nil {
			return nil, nil, err
		}
		ls, of = append(ls, l), append(of, told)
	}
	return ls, of, nil
}

// shares names the launches that r can be part of.
func (r *request) shares() string {
	if r.mixes() {
		return "small"
	}
	d := r.direct()
	return d.kernel
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

// together says what is launched for requests that may run in any order: small work
// of different kinds at once, the rest kernel by kernel.
func together(rs []request) (bs []batch) {
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
		bs = append(bs, batch{rs: mix, mixed: true})
	} else {
		for _, r := range mix {
			rest = append(rest, r.direct())
		}
	}
	index := map[string]int{}
	for _, r := range rest {
		kind := fmt.Sprint(r.kernel, " ", r.threads)
		i, ok := index[kind]
		if !ok {
			i = len(bs)
			index[kind], bs = i, append(bs, batch{})
		}
		bs[i].rs = append(bs[i].rs, r)
	}
	return bs
}

// stageJob is the struct of stage.cu.
type stageJob struct {
	first, blocks, kind, inTurn int32
	problem                     uint64
}

// launches makes the launch of a batch.
func (b *binder) launches(x batch) (launch, autograd.Launch, error) {
	if x.mixed || inStageOnly[x.rs[0].kernel] {
		return b.jobs(x.rs, x.inTurn)
	}
	return b.launch(x.rs)
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
