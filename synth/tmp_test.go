package synth_test
import ("testing";"fmt";"context";"sort";"github.com/percept-go/percept/models";"github.com/percept-go/percept/optim";"github.com/percept-go/percept/synth";"github.com/percept-go/percept/tensor";"github.com/percept-go/percept/images")
func TestTmp(t *testing.T){
	_ = images.Load
	m, err := models.NewPortillaSimoncelli(64, 64, models.PortillaSimoncelliOptions{Scales: 3})
	if err!=nil{t.Fatal(err)}
	for _, c := range []struct{n string;o optim.LBFGS}{{"f64",optim.LBFGS{}},{"f32",optim.LBFGS{Float32History:true}},{"two",optim.LBFGS{TwoLoop:true}}} {
		var fin []float64
		for seed := range uint64(7) {
			s, err := synth.NewMetamer(nil, texture(64, 64, 1), m, synth.MetamerOptions{Loss: synth.PortillaSimoncelli{}, Optimizer: c.o, Seed: seed, Tolerance: new(0.)})
			if err!=nil{t.Fatal(err)}
			r, err := s.Run(context.Background(), synth.Stop{Iterations: 60})
			if err!=nil{t.Fatal(err)}
			fin = append(fin, r.Loss[0]); 
			if seed==0 { o,_ := s.Outcome(); fmt.Printf("%+v\n", o[0]) ; fmt.Println(r.Seconds)}
			s.Close()
		}
		sort.Float64s(fin); fmt.Printf("%s %.5f\n", c.n, fin)
	}
	_ = tensor.Float32
}
