package optim
import ("testing";"syscall";"math";"fmt";"time";"sort";"github.com/percept-go/percept/autograd";"github.com/percept-go/percept/tensor")
func cpu() float64 { var r syscall.Rusage; syscall.Getrusage(1,&r); return float64(r.Utime.Sec)+float64(r.Utime.Usec)/1e6 }
func TestTmp(t *testing.T){
	for _, c := range []struct{name string; o LBFGS; d tensor.DType}{{"gram",LBFGS{ToleranceChange:new(0.)},1},{"two",LBFGS{TwoLoop:true},1},{"f32h",LBFGS{Float32History:true},1},{"f32",LBFGS{},0}} {
		tape := autograd.New(autograd.CPU{Threads: 1})
		cv := tensor.New(c.d, 1,1,256,256); for i := range 65536 { cv.StoreReal(i, math.Pow(10, 6*float64(i)/65536)) }
		x0 := tensor.New(c.d,1,1,256,256); tensor.Copy(x0, noise(1,1,1,256,256))
		s := c.o.Start(tape, x0, Control{}); x := s.At()
		loss := x.Square().Mul(tape.Const(cv)).SumWide(1,2,3)
		tick := s.Finish(Evaluation{Loss: loss, Penalty: loss, Grad: autograd.Grad(loss, x)[0]})
		p, err := tape.Compile([]autograd.Value{tick.Report}, tick.Guard, tick.Updates...)
		if err!=nil{t.Fatal(err)}
		for range 140 { p.Run() }
		a:=cpu(); for range 30 { p.Run() }; b:=cpu()
		fmt.Println(c.name, (b-a)/30*1e3, "ms cpu")
		prof,_ := p.Profile(25)
		sort.Slice(prof, func(i,j int) bool { return prof[i].Time>prof[j].Time})
		for _,q := range prof[:7] { fmt.Printf("   %v %v r%.1fMB w%.2fMB %s\n", q.Time.Round(time.Microsecond), q.Name, float64(q.Read)/1e6, float64(q.Written)/1e6, q.Pos) }
		tape.Close()
	}
}
