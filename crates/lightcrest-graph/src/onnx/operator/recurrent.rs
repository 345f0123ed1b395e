//! Recurrent layers: `LSTM`, `GRU`, `RNN`.
//!
//! | symbol | meaning |
//! |---|---|
//! | `t`, `n`, `i`, `h`, `d` | steps, batch, inputs, hidden units, directions |
//! | `g` | gates: 4 (input, output, forget, cell), 3 (update, reset, hidden), 1 |
//! | `x` | (t, n, i); (n, t, i) with `layout` 1 |
//! | `w`, `r`, `b` | (d, g h, i), (d, g h, h), (d, 2 g h) |
//! | `y`, `y_h`, `y_c` | (t, d, n, h), (d, n, h), (d, n, h); (n, t, d, h), (n, d, h) with `layout` 1 |

use super::super::array::Array;
use super::super::facts::Dim;
use super::product::{Matrix, multiply};
use super::reshape::transposed;
use super::unary::sigmoid;
use super::{Fact, Operands, Operator, Site, merged, need, sizes};

/// Recurrent layers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Recurrent {
    Lstm,
    Gru,
    Rnn,
}

impl Recurrent {
    fn gates(self) -> usize {
        match self {
            Recurrent::Lstm => 4,
            Recurrent::Gru => 3,
            Recurrent::Rnn => 1,
        }
    }

    /// Functions of one direction where none are named.
    fn functions(self) -> &'static [&'static str] {
        match self {
            Recurrent::Lstm => &["Sigmoid", "Tanh", "Tanh"],
            Recurrent::Gru => &["Sigmoid", "Tanh"],
            Recurrent::Rnn => &["Tanh"],
        }
    }
}

impl Operator for Recurrent {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let (x, r) = (need(inputs, 0)?, need(inputs, 2)?);
        let (Some(shape), Some(weights)) = (&x.shape, &r.shape) else { return Ok(vec![]) };
        let ([a, b, depth], [directions, _, hidden]) = (shape.as_slice(), weights.as_slice()) else {
            return Err(format!("an input of {} axes and a weight of {}", shape.len(), weights.len()));
        };
        if let Some([_, rows, columns]) = need(inputs, 1)?.shape.as_deref() {
            merged(depth, columns).map_err(|error| format!("inputs and columns of W: {error}"))?;
            if let (Some(rows), Some(hidden)) = (rows.known(), hidden.known())
                && hidden.checked_mul(self.gates()) != Some(rows)
            {
                return Err(format!("W has {rows} rows for {hidden} hidden units"));
            }
        }
        let batch_first = at.node.int_or("layout", 0) != 0;
        let (steps, batch) = if batch_first { (b, a) } else { (a, b) };
        let list = |dims: &[&Dim]| dims.iter().map(|dim| (*dim).clone()).collect::<Vec<Dim>>();
        let (all, last) = if batch_first {
            (list(&[batch, steps, directions, hidden]), list(&[batch, directions, hidden]))
        } else {
            (list(&[steps, directions, batch, hidden]), list(&[directions, batch, hidden]))
        };
        let last = Fact::new(x.element, last);
        let mut outputs = vec![Fact::new(x.element, all), last.clone()];
        if *self == Recurrent::Lstm {
            outputs.push(last);
        }
        Ok(outputs)
    }

    fn evaluate(
        &self,
        at: &Site<'_>,
        inputs: &mut Operands<'_>,
        outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let batch_first = at.node.int_or("layout", 0) != 0;
        let turned = |array: &Array| if batch_first { transposed(array, &[1, 0, 2]) } else { array.clone() };
        let x = turned(inputs.need(0)?);
        inputs.f32(0)?;
        let (w, r) = (inputs.need(1)?, inputs.need(2)?);
        let (steps, batch, depth) = (x.shape[0], x.shape[1], x.shape[2]);
        let (directions, hidden) = (r.shape[0], r.shape[2]);
        let rows = self.gates() * hidden;
        let fits = w.shape == [directions, rows, depth] && r.shape == [directions, rows, hidden];
        let biases = inputs.get(3).map(|_| inputs.f32(3)).transpose()?;
        if !fits || biases.is_some_and(|b| b.len() != directions * 2 * rows) {
            return Err(format!("weights of shapes {:?} and {:?}, or their biases", w.shape, r.shape));
        }
        let lengths = match inputs.get(4) {
            Some(lengths) => lengths.to_i64().ok_or("sequence_lens is not whole")?,
            None => vec![steps as i64; batch],
        };
        let lengths: Vec<usize> =
            lengths.iter().map(|&length| length.clamp(0, steps as i64) as usize).collect();
        if lengths.len() != batch {
            return Err(format!("{} sequence_lens for a batch of {batch}", lengths.len()));
        }
        let state = |slot: usize| -> Result<Vec<f32>, String> {
            let Some(array) = inputs.get(slot) else { return Ok(vec![0.0; directions * batch * hidden]) };
            let array = turned(array);
            let values = array.as_f32().filter(|values| values.len() == directions * batch * hidden);
            values.map(<[f32]>::to_vec).ok_or_else(|| format!("input {slot} has the shape {:?}", array.shape))
        };
        let (mut h, mut c) = (state(5)?, if *self == Recurrent::Lstm { state(6)? } else { vec![] });
        let peepholes =
            if *self == Recurrent::Lstm { inputs.get(7).map(|_| inputs.f32(7)).transpose()? } else { None };
        if peepholes.is_some_and(|p| p.len() != directions * 3 * hidden) {
            return Err("peepholes of another size".into());
        }
        let mut y = vec![0.0f32; steps * directions * batch * hidden];
        let (x_values, w, r) = (x.as_f32().unwrap_or_default(), inputs.f32(1)?, inputs.f32(2)?);
        for direction in 0..directions {
            let part =
                |values: &[f32], size: usize| values[direction * size..(direction + 1) * size].to_vec();
            let cell = Cell {
                kind: *self,
                hidden,
                r: part(r, rows * hidden),
                bias: biases.map_or_else(|| vec![0.0; 2 * rows], |bias| part(bias, 2 * rows)),
                peepholes: peepholes.map_or_else(|| vec![0.0; 3 * hidden], |p| part(p, 3 * hidden)),
                functions: functions(at, *self, direction)?,
                clip: at.node.attribute("clip").and_then(|clip| clip.f).unwrap_or(f32::INFINITY),
                coupled: at.node.int_or("input_forget", 0) != 0,
                linear_before_reset: at.node.int_or("linear_before_reset", 0) != 0,
            };
            // What the inputs give, of all steps at once.
            let weight = part(w, rows * depth);
            let mut given = vec![0.0; steps * batch * rows];
            let weight = Matrix::new(&weight, rows, depth).transposed();
            multiply(Matrix::new(x_values, steps * batch, depth), weight, &mut given, rows, false);
            let states = direction * batch * hidden..(direction + 1) * batch * hidden;
            let h = &mut h[states.clone()];
            let c = if c.is_empty() { &mut c[..] } else { &mut c[states] };
            let backwards = at.node.string_or("direction", "forward") == "reverse" || direction == 1;
            for turn in 0..steps {
                for (item, &length) in lengths.iter().enumerate().filter(|(_, length)| turn < **length) {
                    let step = if backwards { length - 1 - turn } else { turn };
                    let own = item * hidden..(item + 1) * hidden;
                    let given = &given[(step * batch + item) * rows..][..rows];
                    let none = 0..0;
                    let c_own = if *self == Recurrent::Lstm { own.clone() } else { none };
                    cell.step(given, &mut h[own.clone()], &mut c[c_own]);
                    let place = ((step * directions + direction) * batch + item) * hidden;
                    y[place..place + hidden].copy_from_slice(&h[own]);
                }
            }
        }
        let mut y = Array::f32([steps, directions, batch, hidden], y);
        let mut h = Array::f32([directions, batch, hidden], h);
        if batch_first {
            y = transposed(&y, &[2, 0, 1, 3]);
            h = transposed(&h, &[1, 0, 2]);
        }
        debug_assert_eq!(sizes(outputs, 0).ok(), Some(y.shape.clone()));
        let mut arrays = vec![y, h];
        if *self == Recurrent::Lstm {
            let c = Array::f32([directions, batch, hidden], c);
            arrays.push(if batch_first { transposed(&c, &[1, 0, 2]) } else { c });
        }
        Ok(arrays)
    }
}

/// A function with its parameters.
#[derive(Clone, Debug)]
struct Function {
    name: String,
    alpha: f32,
    beta: f32,
}

impl Function {
    fn of(&self, x: f32) -> f32 {
        let (alpha, beta) = (self.alpha, self.beta);
        match self.name.as_str() {
            "relu" => x.max(0.0),
            "tanh" => x.tanh(),
            "sigmoid" => sigmoid(x),
            "affine" => alpha * x + beta,
            "leakyrelu" => {
                if x < 0.0 {
                    alpha * x
                } else {
                    x
                }
            }
            "thresholdedrelu" => {
                if x > alpha {
                    x
                } else {
                    0.0
                }
            }
            "scaledtanh" => alpha * (beta * x).tanh(),
            "hardsigmoid" => (alpha * x + beta).clamp(0.0, 1.0),
            "elu" => {
                if x < 0.0 {
                    alpha * x.exp_m1()
                } else {
                    x
                }
            }
            "softsign" => x / (1.0 + x.abs()),
            _ => x.max(0.0) + (-x.abs()).exp().ln_1p(),
        }
    }
}

/// The functions of a direction.
fn functions(at: &Site<'_>, kind: Recurrent, direction: usize) -> Result<Vec<Function>, String> {
    let count = kind.functions().len();
    let named = at.node.attribute("activations").map_or(&[][..], |attribute| &attribute.strings);
    let list = |name: &str| at.node.attribute(name).map_or(&[][..], |attribute| &attribute.floats);
    (direction * count..(direction + 1) * count)
        .map(|place| {
            let name = match named.get(place) {
                Some(name) => String::from_utf8_lossy(name).to_lowercase(),
                None => kind.functions()[place % count].to_lowercase(),
            };
            let (alpha, beta) = match name.as_str() {
                "leakyrelu" => (0.01, 0.0),
                "hardsigmoid" => (0.2, 0.5),
                "affine" | "elu" | "thresholdedrelu" | "scaledtanh" => {
                    (1.0, if name == "scaledtanh" { 1.0 } else { 0.0 })
                }
                "relu" | "tanh" | "sigmoid" | "softsign" | "softplus" => (0.0, 0.0),
                other => return Err(format!("of the activation {other:?}")),
            };
            let alpha = list("activation_alpha").get(place).copied().unwrap_or(alpha);
            let beta = list("activation_beta").get(place).copied().unwrap_or(beta);
            Ok(Function { name, alpha, beta })
        })
        .collect()
}

/// One direction.
struct Cell {
    kind: Recurrent,
    hidden: usize,
    r: Vec<f32>,
    /// Of the inputs, then of the state.
    bias: Vec<f32>,
    peepholes: Vec<f32>,
    functions: Vec<Function>,
    clip: f32,
    coupled: bool,
    linear_before_reset: bool,
}

impl Cell {
    /// `R h` of some rows.
    fn recurrent(&self, rows: std::ops::Range<usize>, h: &[f32]) -> Vec<f32> {
        let weights = self.r[rows.start * self.hidden..rows.end * self.hidden].chunks(self.hidden.max(1));
        weights.map(|row| row.iter().zip(h).map(|(weight, state)| weight * state).sum()).collect()
    }

    fn apply(&self, function: usize, x: f32) -> f32 {
        self.functions[function].of(x.clamp(-self.clip, self.clip))
    }

    /// One step of one sequence; `given` is what the inputs give.
    fn step(&self, given: &[f32], h: &mut [f32], c: &mut [f32]) {
        let n = self.hidden;
        let rows = given.len();
        let (input_bias, state_bias) = self.bias.split_at(rows);
        match self.kind {
            Recurrent::Rnn => {
                let state = self.recurrent(0..n, h);
                for unit in 0..n {
                    h[unit] = self.apply(0, given[unit] + state[unit] + input_bias[unit] + state_bias[unit]);
                }
            }
            Recurrent::Gru => {
                let gates = self.recurrent(0..2 * n, h);
                let gate =
                    |row: usize| self.apply(0, given[row] + gates[row] + input_bias[row] + state_bias[row]);
                let (update, reset): (Vec<f32>, Vec<f32>) =
                    (0..n).map(|unit| (gate(unit), gate(n + unit))).unzip();
                let state = if self.linear_before_reset {
                    let state = self.recurrent(2 * n..3 * n, h);
                    (0..n).map(|unit| reset[unit] * (state[unit] + state_bias[2 * n + unit])).collect()
                } else {
                    let kept: Vec<f32> = h.iter().zip(&reset).map(|(state, reset)| state * reset).collect();
                    let state = self.recurrent(2 * n..3 * n, &kept);
                    (0..n).map(|unit| state[unit] + state_bias[2 * n + unit]).collect::<Vec<f32>>()
                };
                for unit in 0..n {
                    let new = self.apply(1, given[2 * n + unit] + state[unit] + input_bias[2 * n + unit]);
                    h[unit] = (1.0 - update[unit]) * new + update[unit] * h[unit];
                }
            }
            Recurrent::Lstm => {
                let state = self.recurrent(0..4 * n, h);
                let sum = |row: usize| given[row] + state[row] + input_bias[row] + state_bias[row];
                for unit in 0..n {
                    let peephole = |gate: usize| self.peepholes[gate * n + unit];
                    let input = self.apply(0, sum(unit) + peephole(0) * c[unit]);
                    let forget = if self.coupled {
                        1.0 - input
                    } else {
                        self.apply(0, sum(2 * n + unit) + peephole(2) * c[unit])
                    };
                    let new = self.apply(1, sum(3 * n + unit));
                    c[unit] = forget * c[unit] + input * new;
                    let output = self.apply(0, sum(n + unit) + peephole(1) * c[unit]);
                    h[unit] = output * self.functions[2].of(c[unit]);
                }
            }
        }
    }
}
