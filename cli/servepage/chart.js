"use strict";

// A curve on a canvas, on a logarithmic axis where all values are positive.
class Chart {
  constructor(canvas, readout) {
    this.canvas = canvas;
    this.readout = readout;
    this.points = [];
    canvas.addEventListener("mousemove", (e) => this.hover(e.offsetX / canvas.clientWidth));
    canvas.addEventListener("mouseleave", () => { readout.textContent = ""; });
  }

  show(name, x, y, log) {
    this.name = name;
    this.points = [];
    for (let i = 0; i < y.length; i++) {
      if (y[i] !== null && x[i] !== null && (!log || y[i] > 0)) this.points.push([x[i], y[i]]);
    }
    let lo = Infinity, hi = 0;
    for (const [, v] of this.points) { lo = Math.min(lo, v); hi = Math.max(hi, v); }
    this.log = log && hi > 5 * lo; // less than that is clearer on a linear axis
    this.draw();
  }

  scaleOf(v) { return this.log ? Math.log10(v) : v; }

  draw() {
    const c = this.canvas, ratio = window.devicePixelRatio || 1;
    const w = c.clientWidth, h = c.clientHeight;
    c.width = w * ratio; c.height = h * ratio;
    const g = c.getContext("2d"), style = getComputedStyle(document.documentElement);
    const color = (n) => style.getPropertyValue(n);
    g.scale(ratio, ratio);
    g.clearRect(0, 0, w, h);
    g.font = "12px ui-sans-serif, system-ui, sans-serif";
    if (this.points.length === 0) {
      g.fillStyle = color("--soft");
      g.fillText("nothing to draw", 70, h / 2);
      return;
    }
    let lo = Infinity, hi = -Infinity;
    const first = this.points[0][0], last = this.points[this.points.length - 1][0];
    for (const [, v] of this.points) { lo = Math.min(lo, this.scaleOf(v)); hi = Math.max(hi, this.scaleOf(v)); }
    const room = Math.max((hi - lo) * .06, Math.abs(hi) * 1e-9, 1e-12);
    lo -= room; hi += room;
    const left = 70, right = w - 12, top = 8, bottom = h - 26;
    const X = (v) => left + (right - left) * (last > first ? (v - first) / (last - first) : .5);
    const Y = (v) => bottom - (bottom - top) * (this.scaleOf(v) - lo) / (hi - lo);
    this.at = (fraction) => first + (last - first) * (fraction * w - left) / (right - left);
    g.strokeStyle = color("--line"); g.fillStyle = color("--soft"); g.textAlign = "right"; g.textBaseline = "middle";
    for (const t of this.ticks(lo, hi)) {
      const y = bottom - (bottom - top) * (t - lo) / (hi - lo);
      g.beginPath(); g.moveTo(left, y); g.lineTo(right, y); g.stroke();
      g.fillText(short(this.log ? 10 ** t : t), left - 8, y);
    }
    g.textAlign = "center"; g.textBaseline = "top";
    for (const t of nice(first, last)) if (t === Math.round(t)) g.fillText(String(t), Math.min(X(t), right - 16), bottom + 8);
    g.strokeStyle = color("--accent"); g.lineWidth = 1.8; g.lineJoin = "round"; g.beginPath();
    for (let i = 0; i < this.points.length; i++) {
      const [x, v] = this.points[i];
      if (i === 0) g.moveTo(X(x), Y(v)); else g.lineTo(X(x), Y(v));
    }
    g.stroke();
    const [x, v] = this.points[this.points.length - 1];
    g.fillStyle = color("--second"); g.beginPath(); g.arc(X(x), Y(v), 4, 0, 7); g.fill();
  }

  ticks(lo, hi) {
    if (!this.log || hi - lo < 2) return nice(lo, hi);
    const step = Math.max(1, Math.ceil((hi - lo) / 6)), list = [];
    for (let k = Math.ceil(lo / step); k * step <= hi; k++) list.push(k * step);
    return list;
  }

  hover(fraction) {
    if (!this.points || !this.points.length || !this.at) return;
    const x = this.at(fraction);
    let best = this.points[0];
    for (const p of this.points) if (Math.abs(p[0] - x) < Math.abs(best[0] - x)) best = p;
    this.readout.textContent = `${this.name} at iteration ${best[0]}: ${best[1].toPrecision(6)}`;
  }
}

// nice returns at most six round numbers from lo to hi.
function nice(lo, hi) {
  let step = 10 ** Math.floor(Math.log10((hi - lo || 1) / 6));
  for (const m of [1, 2, 5, 10]) if ((hi - lo) / (step * m) <= 6) { step *= m; break; }
  const list = [];
  for (let k = Math.ceil(lo / step); k * step <= hi; k++) list.push(Number((k * step).toPrecision(12)));
  return list;
}

function short(v) {
  if (v === 0) return "0";
  const a = Math.abs(v);
  return a >= 1e6 || a < 1e-3 ? v.toExponential(1).replace(".0e", "e").replace("e+", "e") : String(Number(v.toPrecision(6)));
}
