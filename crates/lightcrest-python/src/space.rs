//! Declared spaces.

use crate::{convert, error};
use lightcrest::space::{Condition, Domain, Parameter};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

/// What may vary: parameters with their domains, and the conditions under which they exist.
///
///     space = (
///         lightcrest.Space()
///         .float("learning_rate", 1e-5, 1e-1, log=True)
///         .categorical("optimizer", ["sgd", "adam"])
///         .float("momentum", 0.0, 0.99, when={"optimizer": "sgd"})
///     )
///     study = lightcrest.create_study(space=space)
///
/// `when` maps parents to the value or the values under which the parameter exists; all of them must hold. Parents
/// may be added later. A space that cannot be is a ValueError where it is used.
#[pyclass(module = "lightcrest")]
#[derive(Clone, Default)]
pub(crate) struct Space {
    parameters: Vec<Parameter>,
}

impl Space {
    pub(crate) fn build(&self) -> PyResult<lightcrest::Space> {
        let builder =
            self.parameters.iter().cloned().fold(lightcrest::Space::builder(), |b, p| b.parameter(p));
        builder.build().map_err(error::space)
    }

    pub(crate) fn of(space: &lightcrest::Space) -> Self {
        Self { parameters: space.parameters().to_vec() }
    }

    fn add(&mut self, name: String, domain: Domain, when: Option<&Bound<'_, PyDict>>) -> PyResult<()> {
        let mut parameter = Parameter::new(name, domain);
        for (parent, values) in when.into_iter().flat_map(|when| when.iter()) {
            let parent: String = parent.extract()?;
            let several = values.is_instance_of::<PyList>() || values.is_instance_of::<PyTuple>();
            let values = if several {
                convert::values(&parent, &values)?
            } else {
                vec![convert::value(&parent, &values)?]
            };
            parameter.when.push(Condition { parent, values });
        }
        self.parameters.push(parameter);
        Ok(())
    }
}

#[pymethods]
impl Space {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Adds a real number in [low, high], and returns the space.
    #[pyo3(signature = (name, low, high, *, step=None, log=false, when=None))]
    fn float<'py>(
        mut slf: PyRefMut<'py, Self>,
        name: String,
        low: f64,
        high: f64,
        step: Option<f64>,
        log: bool,
        when: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<PyRefMut<'py, Self>> {
        slf.add(name, Domain::Float { low, high, log, step }, when)?;
        Ok(slf)
    }

    /// Adds a whole number from low to high, both included, and returns the space.
    #[pyo3(signature = (name, low, high, *, step=1, log=false, when=None))]
    fn int<'py>(
        mut slf: PyRefMut<'py, Self>,
        name: String,
        low: i64,
        high: i64,
        step: i64,
        log: bool,
        when: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<PyRefMut<'py, Self>> {
        slf.add(name, Domain::Int { low, high, log, step }, when)?;
        Ok(slf)
    }

    /// Adds one of the choices, and returns the space. `ordered`: the list is in an order that means something, such as
    /// 16 < 32 < 64.
    #[pyo3(signature = (name, choices, *, ordered=false, when=None))]
    fn categorical<'py>(
        mut slf: PyRefMut<'py, Self>,
        name: String,
        choices: &Bound<'py, PyAny>,
        ordered: bool,
        when: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<PyRefMut<'py, Self>> {
        let choices = convert::values(&name, choices)?;
        slf.add(name, Domain::Categorical { choices, ordered }, when)?;
        Ok(slf)
    }

    /// The names of the parameters, in the order in which they were added.
    #[getter]
    fn names<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.parameters.iter().map(|parameter| &parameter.name))
    }

    /// The conditions of a parameter: {parent: [values]}; empty if it always exists.
    fn conditions<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyDict>> {
        let parameter = self.parameters.iter().find(|parameter| parameter.name == name);
        let parameter =
            parameter.ok_or_else(|| PyValueError::new_err(format!("there is no parameter `{name}`")))?;
        let dict = PyDict::new(py);
        for condition in &parameter.when {
            let values = condition.values.iter().map(|value| convert::scalar(py, value));
            dict.set_item(&condition.parent, values.collect::<PyResult<Vec<_>>>()?)?;
        }
        Ok(dict)
    }

    /// A configuration drawn at random from an integer seed: a dict of the parameters that exist there.
    fn sample<'py>(&self, py: Python<'py>, seed: u64) -> PyResult<Bound<'py, PyDict>> {
        let configuration = self.build()?.sample_seeded(seed);
        convert::parameters(py, configuration.iter())
    }

    /// Raises a ValueError unless `params` gives every parameter that exists there a value, and no other.
    fn validate(&self, params: &Bound<'_, PyDict>) -> PyResult<()> {
        self.build()?.validate(&convert::configuration(params)?).map_err(error::space)
    }

    /// The space as JSON: what spec files and databases hold.
    fn to_json(&self) -> PyResult<String> {
        serde_json::to_string(&self.build()?).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// A space from its JSON.
    #[staticmethod]
    fn from_json(text: &str) -> PyResult<Self> {
        let space: lightcrest::Space =
            serde_json::from_str(text).map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(Self::of(&space))
    }

    fn __len__(&self) -> usize {
        self.parameters.len()
    }

    fn __contains__(&self, name: &str) -> bool {
        self.parameters.iter().any(|parameter| parameter.name == name)
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Self>().is_ok_and(|other| other.borrow().parameters == self.parameters)
    }

    fn __repr__<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        let mut text = String::from("Space:");
        for parameter in &self.parameters {
            text += &format!("\n  {}: {}", parameter.name, parameter.domain);
            for condition in &parameter.when {
                text += &format!(", {condition}");
            }
        }
        PyString::new(py, &text)
    }
}
