"""Coefficients of functions.go: weighted minimax polynomials by the Remez exchange.

Needs mpmath. `python3 minimax.py` prints every list, rounded to its precision
one coefficient at a time, lowest first, each time fitting the others again.
"""
import sys
from mpmath import mp, mpf, log, exp, expm1, log1p, atan, tanh, sin, cos, erf, erfc, sqrt, pi, matrix, lu_solve

mp.dps = 50


def extremes(g, lo, hi, n):
    """The signed extremes of g, from a dense Chebyshev grid, alternating in sign."""
    m = 40 * n
    xs = [(lo + hi) / 2 - (hi - lo) / 2 * cos(pi * k / m) for k in range(m + 1)]
    vs = [g(x) for x in xs]
    runs, best = [], 0
    for k in range(1, m + 1):
        if (vs[k] > 0) != (vs[best] > 0):
            runs.append(best)
            best = k
        elif abs(vs[k]) > abs(vs[best]):
            best = k
    runs.append(best)
    while len(runs) > n:
        if len(runs) == n + 1:
            runs.pop(0 if abs(vs[runs[0]]) < abs(vs[runs[-1]]) else -1)
            break
        low = min(runs, key=lambda k: abs(vs[k]))
        i = runs.index(low)
        if 0 < i < len(runs) - 1:  # with a neighbour, so that signs still alternate
            runs.remove(min(runs[i - 1], runs[i + 1], key=lambda k: abs(vs[k])))
        runs.remove(low)
    return [xs[k] for k in runs], max(abs(v) for v in vs)


def remez(f, w, lo, hi, powers, rounds=30):
    """min over c of max |w(x)·(Σ c_i x^p_i - f(x))| on [lo, hi]."""
    n = len(powers) + 1
    xs = [(lo + hi) / 2 - (hi - lo) / 2 * cos(pi * (k + mpf('.51')) / n) for k in range(n)]  # none at 0
    for _ in range(rounds):
        a = matrix(n, n)
        b = matrix(n, 1)
        for i, x in enumerate(xs):
            for j, p in enumerate(powers):
                a[i, j] = x ** p
            a[i, n - 1] = (-1) ** i / w(x)
            b[i] = f(x)
        s = lu_solve(a, b)
        c = [s[j] for j in range(n - 1)]
        g = lambda x: w(x) * (sum(cj * x ** p for cj, p in zip(c, powers)) - f(x))
        xs2, worst = extremes(g, lo, hi, n)
        if len(xs2) < n:
            return c, worst
        xs = xs2
        if worst < abs(s[n - 1]) * (1 + mpf(10) ** -4):
            break
    return c, worst


def rounded(x, bits):
    m, e = mp.frexp(x)
    return mp.ldexp(mp.nint(mp.ldexp(m, bits)), e - bits)


def fit(name, bits, f, w, lo, hi, powers, keep=None):
    """Prints the list. keep: how many to round one at a time (the others are far below)."""
    lo, hi = mpf(lo), mpf(hi)
    done = []
    powers = list(powers)
    keep = len(powers) if keep is None else keep
    g = f
    while len(done) < len(powers):
        c, worst = remez(g, w, lo, hi, powers[len(done):])
        if not done:
            print('// %s: error %s' % (name, mp.nstr(worst, 3)))
        take = 1 if len(done) < keep else len(c)
        for cj in c[:take]:
            done.append(rounded(cj, bits))
        fixed = list(zip(done, powers))
        g = lambda x, fixed=fixed: f(x) - sum(cj * x ** p for cj, p in fixed)
    print('%s = {%s}' % (name, ', '.join(mp.nstr(d, 18 if bits > 24 else 10) for d in done)))
    sys.stdout.flush()


ln2 = log(mpf(2))
half = ln2 / 2 * mpf('1.001')
sixteenth = half / 16
quarter = pi / 4 * mpf('1.001')


def over(f, x, hp=150):
    """f(x) in more digits: for quotients that cancel."""
    old = mp.dps
    mp.dps = hp
    r = f(x)
    mp.dps = old
    return r


def nz(x):
    return x if abs(x) > mpf(10) ** -25 else mpf(10) ** -25


def floor2(x, least=mpf('.02')):
    """x², but not 0: the exchange needs a positive weight."""
    return max(x * x, least ** 2)


expq = lambda r: over(lambda t: (expm1(t) - t) / (t * t), nz(r))
logq = lambda x: over(lambda t: (log1p(t) - t + t * t / 2) / t ** 3, nz(x))
logz = lambda z: over(lambda t: (log((1 + sqrt(t)) / (1 - sqrt(t))) / sqrt(t) - 2) / t, nz(z))
logt = lambda z: over(lambda t: ((log((1 + sqrt(t)) / (1 - sqrt(t))) / sqrt(t) - 2) / t - mpf(2) / 3) / t, nz(z))
atanq = lambda z: over(lambda t: (atan(sqrt(t)) / sqrt(t) - 1) / t, nz(z))
tanhq = lambda z: over(lambda t: (tanh(sqrt(t)) / sqrt(t) - 1) / t, nz(z))
sinq = lambda z: over(lambda t: (sin(sqrt(t)) / sqrt(t) - 1) / t, nz(z))
cosq = lambda z: over(lambda t: (cos(sqrt(t)) - 1 + t / 2) / (t * t), nz(z))
erfq = lambda z: over(lambda t: erf(sqrt(t)) / sqrt(t) - 1, nz(z))
erfl = lambda x: log(erfc(x)) / x
erfw = lambda x: x * erfc(x) / erf(x)

jobs = {
    'exp': lambda: [fit('exp32', 24, expq, lambda r: floor2(r) / exp(r), -half, half, range(5)),
                    fit('exp64', 53, expq, lambda r: floor2(r) / exp(r), -half, half, range(10)),
                    fit('expSmall32', 24, expq, lambda r: floor2(r, sixteenth / 16) / exp(r), -sixteenth, sixteenth, range(2), 0),
                    fit('expSmall64', 53, expq, lambda r: floor2(r, sixteenth / 16) / exp(r), -sixteenth, sixteenth, range(5), 3)],
    'log': lambda: [fit('log32', 24, logq, lambda t: floor2(t) * nz(t) / log1p(nz(t)), sqrt(mpf(.5)) - 1, sqrt(mpf(2)) - 1, range(9)),
                    fit('log64', 53, logz, lambda z: nz(z) / 2, 0, ((sqrt(mpf(2)) - 1) / (sqrt(mpf(2)) + 1)) ** 2 * mpf('1.001'), range(7))],
    'pow': lambda: [fit('pow64', 53, logt, lambda z: nz(z) ** 2 / 2 + mpf(10) ** -5, 0, ((sqrt(mpf(2)) - 1) / (sqrt(mpf(2)) + 1)) ** 2 * mpf('1.001'), range(8))],
    'atan': lambda: [fit('atan32', 24, atanq, lambda z: nz(z) / (atan(sqrt(nz(z))) / sqrt(nz(z))), 0, 1, range(9)),
                     fit('atan64', 53, atanq, lambda z: nz(z) / (atan(sqrt(nz(z))) / sqrt(nz(z))), 0, 1, range(20))],
    'tanh': lambda: [fit('tanh32', 24, tanhq, lambda z: nz(z) / (tanh(sqrt(nz(z))) / sqrt(nz(z))), 0, mpf('.626') ** 2, range(5)),
                     fit('tanh64', 53, tanhq, lambda z: nz(z) / (tanh(sqrt(nz(z))) / sqrt(nz(z))), 0, mpf('.626') ** 2, range(12))],
    'sincos': lambda: [fit('sin32', 24, sinq, lambda z: nz(z) / (sin(sqrt(nz(z))) / sqrt(nz(z))), 0, quarter ** 2, range(3)),
                       fit('cos32', 24, cosq, lambda z: nz(z) ** 2 / cos(sqrt(nz(z))), 0, quarter ** 2, range(3)),
                       fit('sin64', 53, sinq, lambda z: nz(z) / (sin(sqrt(nz(z))) / sqrt(nz(z))), 0, quarter ** 2, range(6)),
                       fit('cos64', 53, cosq, lambda z: nz(z) ** 2 / cos(sqrt(nz(z))), 0, quarter ** 2, range(6))],
    'erf': lambda: [fit('erfSmall32', 24, erfq, lambda z: 1 / (1 + erfq(z)), 0, 1, range(7)),
                    fit('erfSmall64', 53, erfq, lambda z: 1 / (1 + erfq(z)), 0, 1, range(13)),
                    fit('erfLarge32', 24, erfl, erfw, 1, 4, range(9)),
                    fit('erfLarge64', 53, erfl, erfw, 1, 6, range(20))],
}

if __name__ == '__main__':
    for name in sys.argv[1:] or jobs:
        jobs[name]()
