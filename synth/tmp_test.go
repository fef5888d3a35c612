package synth_test
import ("testing";"fmt";"github.com/percept-go/percept/models";"github.com/percept-go/percept/optim";"github.com/percept-go/percept/synth";"github.com/percept-go/percept/tensor")
func TestTmp(t *testing.T){
	m, _ := models.NewPortillaSimoncelli(64, 64, models.PortillaSimoncelliOptions{Scales: 2, Orientations: 3, CorrelationWidth: 4})
	start := texture(64, 64, 0)
	for i, v := range tensor.Slice[float64](start) { start.StoreReal(i, .2*v+.4) }
	for _, ref := range []bool{true,false} {
		s, _ := synth.NewMetamer(nil, texture(64, 64, 1), m, synth.MetamerOptions{Loss: synth.PortillaSimoncelli{}, Optimizer: optim.LBFGS{}, Init: start, Reference: ref})
		for range 5 { s.Step() }
		for _,r:=range s.History(0){ fmt.Printf("%+v\n",r)}
	}
	w:=readTrajectory(t,"metamer_ps64_2_3_4_lbfgs"); fmt.Println(w.Losses,w.Penalties,w.Gradient,w.PixelChange)
	w=readTrajectory(t,"metamer_gauss_lbfgs_ps_opts"); fmt.Println(w.Losses,w.Penalties,w.Gradient,w.PixelChange)
}
