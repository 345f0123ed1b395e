//! A line or a plane through the space: one or two parameters vary, the others are held.

use super::{Column, Configuration, Encoder, Space, SpaceError, Value};

/// Configurations along one or two parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Cut {
    /// The values along each parameter that varies, ascending on its own scale, choices in their order.
    pub axes: Vec<Vec<Value>>,
    /// All combinations, the first parameter varying fastest. Each has its parameters, with values of their
    /// domains: where a choice along the cut makes other parameters active they have their held values, and a
    /// parameter of the cut is absent where another one makes it inactive. Bounds and constraints may be
    /// broken: [`Space::is_feasible`] tells.
    pub configurations: Vec<Configuration>,
}

impl Cut {
    /// The cut along the parameters `names`, at most `points` values each (at least 2): evenly on the
    /// parameter's scale, or all values where there are not more.
    ///
    /// A parameter that is held has its value in the first configuration of `held` in which it is active, or
    /// else the middle of its domain: so `held` comes best first.
    ///
    /// # Errors
    /// If a name is not of the space or is there twice, or the held values make the parameter inactive.
    pub fn new(
        space: &Space,
        names: &[&str],
        held: &[&Configuration],
        points: usize,
    ) -> Result<Self, SpaceError> {
        let encoder = Encoder::new(space);
        let mut positions: Vec<usize> = Vec::with_capacity(names.len());
        for name in names {
            space.parameter(name)?;
            let position = space.position(name).filter(|position| !positions.contains(position));
            positions.push(position.ok_or_else(|| SpaceError::DuplicateName { name: (*name).to_owned() })?);
        }
        let mut row: Vec<f64> = encoder.columns().iter().map(|column| column.spread(0.5)).collect();
        for configuration in held.iter().rev() {
            let encoded = encoder.encode(configuration);
            (0..row.len()).filter(|&i| encoded.active[i]).for_each(|i| row[i] = encoded.row[i]);
        }
        let active = encoder.active(&row);
        if let Some(k) = positions.iter().position(|&i| !active[i]) {
            return Err(space.inactive(names[k], &encoder.decode(&row)));
        }
        let grids: Vec<Vec<f64>> =
            positions.iter().map(|&i| along(encoder.column(i), points.max(2))).collect();
        let values = |(&i, xs): (&usize, &Vec<f64>)| xs.iter().map(|&x| encoder.value(i, x)).collect();
        let axes = positions.iter().zip(&grids).map(values).collect();
        let count: usize = grids.iter().map(Vec::len).product();
        let configuration = |mut k: usize| {
            for (&i, grid) in positions.iter().zip(&grids) {
                row[i] = grid[k % grid.len()];
                k /= grid.len();
            }
            encoder.decode_beyond(&row)
        };
        let configurations = (0..count).map(configuration).collect();
        Ok(Self { axes, configurations })
    }
}

/// Positions along a column.
fn along(column: &Column, points: usize) -> Vec<f64> {
    let even = |k: usize| k as f64 / (points - 1) as f64;
    match column.cells() {
        Some(cells) if cells <= points as u64 || matches!(column, Column::Categorical { .. }) => {
            (0..cells).filter_map(|k| column.value(k)).collect()
        }
        _ => {
            let mut positions: Vec<f64> = (0..points).map(|k| column.snap(even(k))).collect();
            positions.dedup();
            positions
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Parameter;

    fn space() -> Space {
        Space::builder()
            .log_float("rate", 1e-4, 1.0)
            .log_int("width", 1, 1000)
            .categorical("optimizer", ["sgd", "adam"])
            .parameter(Parameter::float("momentum", 0.0, 1.0).when("optimizer", ["sgd"]))
            .parameter(Parameter::float("beta", 0.0, 1.0).when("optimizer", ["adam"]))
            .build()
            .unwrap()
    }

    fn configuration(optimizer: &str, own: f64) -> Configuration {
        let mut configuration = Configuration::new();
        configuration.set("rate", own);
        configuration.set("width", 8);
        configuration.set("optimizer", optimizer);
        configuration.set(if optimizer == "sgd" { "momentum" } else { "beta" }, own);
        configuration
    }

    #[test]
    fn points_are_even_on_the_scale_of_the_parameter() {
        let cut = Cut::new(&space(), &["rate"], &[], 5).unwrap();
        let values: Vec<f64> = cut.axes[0].iter().map(|value| value.as_f64().unwrap()).collect();
        for (value, expected) in values.iter().zip([1e-4, 1e-3, 1e-2, 1e-1, 1.0]) {
            assert!((value / expected - 1.0).abs() < 1e-9, "{values:?}");
        }
        // Whole numbers do not repeat where the scale is dense, and both ends are there.
        let cut = Cut::new(&space(), &["width"], &[], 40).unwrap();
        let values: Vec<i64> = cut.axes[0].iter().map(|value| value.as_i64().unwrap()).collect();
        assert!(values.windows(2).all(|pair| pair[0] < pair[1]) && values.len() > 25, "{values:?}");
        assert_eq!((values[0], values[values.len() - 1]), (1, 1000));
    }

    #[test]
    fn every_configuration_is_valid_and_what_becomes_active_is_held_at_the_best_known_value() {
        let (space, best, second) = (space(), configuration("sgd", 0.25), configuration("adam", 0.75));
        let cut = Cut::new(&space, &["optimizer", "rate"], &[&best, &second], 3).unwrap();
        assert_eq!(cut.configurations.len(), 6);
        for (k, configuration) in cut.configurations.iter().enumerate() {
            space.validate(configuration).unwrap();
            assert_eq!(configuration.get("optimizer"), Some(&cut.axes[0][k % 2]));
            assert_eq!(configuration.get("rate"), Some(&cut.axes[1][k / 2]));
            assert_eq!(configuration.get_i64("width"), Some(8));
        }
        assert_eq!(cut.configurations[0].get_f64("momentum"), Some(0.25));
        assert_eq!(cut.configurations[1].get_f64("beta"), Some(0.75));
    }

    #[test]
    fn what_cannot_vary_is_an_error() {
        let (space, best) = (space(), configuration("sgd", 0.25));
        let error = |names: &[&str]| Cut::new(&space, names, &[&best], 3).unwrap_err().to_string();
        assert_eq!(error(&["momentun"]), "there is no parameter `momentun`; did you mean `momentum`?");
        assert!(error(&["beta"]).contains("needs `optimizer` to be \"adam\""), "{}", error(&["beta"]));
        assert!(error(&["rate", "rate"]).contains("there twice"));
    }
}
