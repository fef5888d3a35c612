package kernels

import "math"

// scalars is the table of elementwise operations.
//
// Arithmetic rounds every operation to the element type and never contracts a
// product and a sum, so that all bodies give the same bits; fma alone rounds
// once. Functions are defined in float64, by package math where that is good enough.
var scalars = []Scalar{
	arith("add", 2, real3, "a + b", addGo[float32], addGo[float64]),
	arith("sub", 2, real3, "a - b", subGo[float32], subGo[float64]),
	arith("mul", 2, real3, "a·b", mulGo[float32], mulGo[float64]),
	arith("div", 2, real3, "a/b", divGo[float32], divGo[float64]),
	arith("min", 2, real3, "the smaller of a and b; NaN if either is; b of two zeros", minGo[float32], minGo[float64]),
	arith("max", 2, real3, "the larger of a and b; NaN if either is; b of two zeros", maxGo[float32], maxGo[float64]),
	arith("eq", 2, real3, "1 if a = b, else 0", eqGo[float32], eqGo[float64]),
	arith("ne", 2, real3, "1 if a ≠ b or either is NaN, else 0", neGo[float32], neGo[float64]),
	arith("lt", 2, real3, "1 if a < b, else 0", ltGo[float32], ltGo[float64]),
	arith("le", 2, real3, "1 if a ≤ b, else 0", leGo[float32], leGo[float64]),
	function2("atan2", "the angle of the point (b, a), in [-π, π]", 1.5, atan2),
	function2("pow", "aᵇ", 1.5, pow),

	arith("copy", 1, real3, "a", copyGo[float32], copyGo[float64]),
	arith("neg", 1, real3, "-a", negGo[float32], negGo[float64]),
	arith("abs", 1, real3, "|a|", absGo[float32], absGo[float64]),
	arith("sign", 1, real3, "1, -1, or a itself if it is 0 or NaN", signGo[float32], signGo[float64]),
	arith("sqrt", 1, real3, "√a", sqrtGo[float32], sqrtGo[float64]),
	arith("square", 1, real3, "a²", squareGo[float32], squareGo[float64]),
	arith("recip", 1, real3, "1/a", recipGo[float32], recipGo[float64]),
	arith("relu", 1, real3, "0 if a < 0, else a", reluGo[float32], reluGo[float64]),
	arith("step", 1, real3, "1 if a > 0, else 0", stepGo[float32], stepGo[float64]),
	function("exp", "eᵃ", 1.5, exp),
	function("expm1", "eᵃ - 1", 1.5, math.Expm1),
	function("log", "ln a", 1.5, log),
	function("log1p", "ln(1 + a)", 1.5, math.Log1p),
	ofAngle(1, function("sin", "sin a", 1.5, func(x float64) float64 { s, _ := sincos(x); return s })),
	ofAngle(1, function("cos", "cos a", 1.5, func(x float64) float64 { _, c := sincos(x); return c })),
	function("tanh", "tanh a", 1.5, math.Tanh),
	function("sigmoid", "1/(1 + e⁻ᵃ)", 1.5, sigmoid),
	function("softplus", "ln(1 + eᵃ); a itself above 20", 1.5, softplus),
	function("erf", "2/√π ∫₀ᵃ exp(-u²) du", 1.5, math.Erf),

	arith("where", 3, real3, "b if a ≠ 0, else c", whereGo[float32], whereGo[float64]),
	arith("fma", 3, real3, "a·b + c, rounded once", fmaGo32, fmaGo64),

	arith("fill", 0, real3, "s", fillGo[float32], fillGo[float64]),
	arith("scale", 1, real3, "s·a", scaleGo[float32], scaleGo[float64]),
	arith("shift", 1, real3, "a + s", shiftGo[float32], shiftGo[float64]),
	arith("affine", 1, real3, "s·a + t", affineGo[float32], affineGo[float64]),
	arith("clamp", 1, real3, "min(max(a, s), t); NaN if any of them is", clampGo[float32], clampGo[float64]),
	{
		Name: "powc", Args: 1, Doc: "aˢ", ULP: 1.5,
		go32: powcGo[float32], go64: powcGo[float64],
	},

	arith("conj", 1, complexToComplex, "ā", conjGo[float32], conjGo[float64]),
	arith("ctimesi", 1, complexToComplex, "i·a", ctimesiGo[float32], ctimesiGo[float64]),
	arith("csquare", 1, complexToComplex, "a²", csquareGo[float32], csquareGo[float64]),
	arith("cunit", 1, complexToComplex, "a/|a|; 0 where a = 0", cunitGo[float32], cunitGo[float64]),
	ofAngle(1, complexFunction("cexp", "eᵃ, from e^(Re a) in the element type", 3, complexToComplex, cexpGo[float32], cexpGo[float64])),
	arith("cmul", 2, complexToComplex, "a·b", cmulGo[float32], cmulGo[float64]),
	arith("cmulc", 2, complexToComplex, "ā·b", cmulcGo[float32], cmulcGo[float64]),
	arith("cdiv", 2, complexToComplex, "a·b̄/|b|², without scaling: |b|² must neither overflow nor vanish", cdivGo[float32], cdivGo[float64]),
	arith("cmulr", 2, [4]bool{true, true, false}, "a·b, b real", cmulrGo[float32], cmulrGo[float64]),
	arith("creal", 1, complexToReal, "Re a", crealGo[float32], crealGo[float64]),
	arith("cimag", 1, complexToReal, "Im a", cimagGo[float32], cimagGo[float64]),
	arith("cabs", 1, complexToReal, "√((Re a)² + (Im a)²), without scaling: the squares must not overflow", cabsGo[float32], cabsGo[float64]),
	arith("cabs2", 1, complexToReal, "|a|²", cabs2Go[float32], cabs2Go[float64]),
	complexFunction("cangle", "the angle of a, in [-π, π]", 1.5, complexToReal, cangleGo[float32], cangleGo[float64]),
	arith("cdot", 2, complexToReal, "Re(ā·b)", cdotGo[float32], cdotGo[float64]),
	arith("cmake", 2, realToComplex, "a + i·b", cmakeGo[float32], cmakeGo[float64]),
	ofAngle(2, Scalar{
		Name: "cpolar", Args: 2, Complex: realToComplex, Doc: "a·e^(i·b)", ULP: 2,
		go32: cpolarGo[float32], go64: cpolarGo[float64],
	}),
}

// Which of dst, a, b, c are complex.
var (
	real3            = [4]bool{}
	complexToComplex = [4]bool{true, true, true, true}
	complexToReal    = [4]bool{false, true, true, true}
	realToComplex    = [4]bool{true}
)

// arith makes a Scalar all of whose bodies give the same bits.
func arith(name string, args int, cplx [4]bool, doc string, f32 Elementwise[float32], f64 Elementwise[float64]) Scalar {
	return Scalar{Name: name, Args: args, Complex: cplx, Doc: doc, go32: f32, go64: f64}
}

// function makes a Scalar of a function of one variable.
func function(name, doc string, ulp float64, f func(float64) float64) Scalar {
	return Scalar{Name: name, Args: 1, Doc: doc, ULP: ulp, go32: unary[float32](f), go64: unary[float64](f)}
}

// function2 makes a Scalar of a function of two variables.
func function2(name, doc string, ulp float64, f func(a, b float64) float64) Scalar {
	return Scalar{Name: name, Args: 2, Doc: doc, ULP: ulp, go32: binary[float32](f), go64: binary[float64](f)}
}

// complexFunction makes a Scalar of a function of one complex variable.
func complexFunction(name, doc string, ulp float64, cplx [4]bool, f32 Elementwise[float32], f64 Elementwise[float64]) Scalar {
	return Scalar{Name: name, Args: 1, Complex: cplx, Doc: doc, ULP: ulp, go32: f32, go64: f64}
}

// ofAngle notes which argument is an angle.
func ofAngle(argument int, s Scalar) Scalar {
	s.phase = argument
	return s
}

func unary[T Float](f func(float64) float64) Elementwise[T] {
	return func(dst, a, _, _ []T, _, _ T) {
		a = a[:len(dst)]
		for i, x := range a {
			dst[i] = T(f(float64(x)))
		}
	}
}

func binary[T Float](f func(a, b float64) float64) Elementwise[T] {
	return func(dst, a, b, _ []T, _, _ T) {
		a, b = a[:len(dst)], b[:len(dst)]
		for i, x := range a {
			dst[i] = T(f(float64(x), float64(b[i])))
		}
	}
}

// log is math.Log, whose assembly for amd64 is wrong for denormals.
func log(x float64) float64 {
	if x > 0 && x < 0x1p-1022 {
		return math.Log(x*0x1p54) - 54*math.Ln2
	}
	return math.Log(x)
}

// sigmoid is 1/(1+e) or e/(1+e), e = e^-|x|, with the rounding of 1+e and of the
// quotient put right by one step of division.
func sigmoid(x float64) float64 {
	n, nLow := 1.0, 0.0
	e, low := expPair(-math.Abs(x))
	if x < 0 {
		n, nLow = e, low
	}
	d, dLow := twoSum(1, e)
	dLow += low
	y := n / d
	return y + (math.FMA(-y, d, n)+math.FMA(-y, dLow, nLow))/d
}

func softplus(x float64) float64 {
	if x > 20 {
		return x
	}
	return math.Log1p(exp(x))
}

func powcGo[T Float](dst, a, _, _ []T, s, _ T) {
	a = a[:len(dst)]
	for i, x := range a {
		dst[i] = T(pow(float64(x), float64(s)))
	}
}
