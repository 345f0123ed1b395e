//! Declared spaces.

use crate::convert::Whole;
use crate::{convert, error};
use lightcrest::space::{Bound as Limit, Condition, Configuration, Constraint, Domain, Parameter};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

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
/// `when` maps parents to the value or the values under which the parameter exists; all of them must hold.
/// Parents may be added later. `at_least` and `at_most` are bounds that depend on another parameter: its
/// name, (name, factor) or (name, factor, offset) for factor * value + offset, or a list of such; they do not
/// apply where that parameter does not exist. A space that cannot be is a ValueError where it is used.
#[pyclass(module = "lightcrest")]
#[derive(Clone, Default)]
pub(crate) struct Space {
    parameters: Vec<Parameter>,
    constraints: Vec<Constraint>,
    fixed: Configuration,
    tests: Vec<Arc<Test>>,
    /// The engine's space, once it was needed: to find what satisfies constraints takes time.
    built: OnceLock<lightcrest::Space>,
}

/// A test written in Python.
struct Test {
    function: Py<PyAny>,
    /// Whether a space is being built, which raises what the test raises.
    building: AtomicBool,
    raised: Mutex<Option<PyErr>>,
}

impl Test {
    fn passes(&self, configuration: &Configuration) -> bool {
        Python::attach(|py| {
            let verdict = convert::parameters(py, configuration.iter())
                .and_then(|params| self.function.bind(py).call1((params,))?.is_truthy());
            match verdict {
                Ok(verdict) => verdict,
                // Whatever is found now is thrown away: let it be found soon.
                Err(error) if self.building.load(Ordering::Relaxed) => {
                    self.raised.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                    true
                }
                Err(error) => {
                    error.write_unraisable(py, Some(self.function.bind(py)));
                    false
                }
            }
        })
    }
}

impl Space {
    pub(crate) fn build(&self) -> PyResult<lightcrest::Space> {
        if let Some(space) = self.built.get() {
            return Ok(space.clone());
        }
        let mut builder =
            self.parameters.iter().cloned().fold(lightcrest::Space::builder(), |b, p| b.parameter(p));
        builder = self.constraints.iter().cloned().fold(builder, |b, c| b.constraint(c));
        for (name, value) in self.fixed.iter() {
            builder = builder.fix(name, value.clone());
        }
        self.tests.iter().for_each(|test| test.building.store(true, Ordering::Relaxed));
        let space = builder.build().map_err(error::space);
        self.tests.iter().for_each(|test| test.building.store(false, Ordering::Relaxed));
        for test in &self.tests {
            if let Some(error) = test.raised.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return Err(error);
            }
        }
        let space = space?;
        Ok(self.built.get_or_init(|| space).clone())
    }

    pub(crate) fn of(space: &lightcrest::Space) -> Self {
        Self {
            parameters: space.parameters().to_vec(),
            constraints: space.constraints().to_vec(),
            built: OnceLock::from(space.clone()),
            ..Self::default()
        }
    }

    fn add(
        &mut self,
        name: String,
        domain: Domain,
        when: Option<&Bound<'_, PyDict>>,
        at_least: Option<&Bound<'_, PyAny>>,
        at_most: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        self.built = OnceLock::new();
        let mut parameter = Parameter::new(name, domain);
        parameter.at_least = bounds(&parameter.name, at_least)?;
        parameter.at_most = bounds(&parameter.name, at_most)?;
        for (parent, values) in when.into_iter().flat_map(|when| when.iter()) {
            let parent: String = parent.extract()?;
            let several = values.is_instance_of::<PyList>() || values.is_instance_of::<PyTuple>();
            let values = if several {
                convert::values(&parent, &values)?
            } else {
                vec![convert::value(&parent, &values)?]
            };
            parameter.when.push(Condition { parent, values: values.into() });
        }
        self.parameters.push(parameter);
        Ok(())
    }
}

/// Bounds from a name, a tuple, or a list of them.
fn bounds(name: &str, object: Option<&Bound<'_, PyAny>>) -> PyResult<Vec<Limit>> {
    let bound = |object: &Bound<'_, PyAny>| -> PyResult<Limit> {
        if let Ok(other) = object.extract::<String>() {
            return Ok(Limit::of(other));
        }
        if let Ok((other, factor)) = object.extract::<(String, f64)>() {
            return Ok(Limit::of(other) * factor);
        }
        if let Ok((other, factor, offset)) = object.extract::<(String, f64, f64)>() {
            return Ok(Limit::of(other) * factor + offset);
        }
        let got = object.repr()?;
        Err(PyTypeError::new_err(format!(
            "parameter `{name}`: a bound must be the name of a parameter, (name, factor) or (name, factor, offset), but got {got}"
        )))
    };
    match object {
        None => Ok(Vec::new()),
        Some(list) if list.is_instance_of::<PyList>() => list.try_iter()?.map(|item| bound(&item?)).collect(),
        Some(one) => Ok(vec![bound(one)?]),
    }
}

#[pymethods]
impl Space {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Adds a real number in [low, high], and returns the space.
    #[pyo3(signature = (name, low, high, *, step=None, log=false, when=None, at_least=None, at_most=None))]
    fn float<'py>(
        mut slf: PyRefMut<'py, Self>,
        name: String,
        low: f64,
        high: f64,
        step: Option<f64>,
        log: bool,
        when: Option<&Bound<'py, PyDict>>,
        at_least: Option<&Bound<'py, PyAny>>,
        at_most: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<PyRefMut<'py, Self>> {
        let domain = convert::stepped(slf.py(), Domain::Float { low, high, log, step })?;
        slf.add(name, domain, when, at_least, at_most)?;
        Ok(slf)
    }

    /// Adds a whole number from low to high, both included, and returns the space.
    #[pyo3(signature = (name, low, high, *, step=Whole(1), log=false, when=None, at_least=None, at_most=None))]
    fn int<'py>(
        mut slf: PyRefMut<'py, Self>,
        name: String,
        low: Whole,
        high: Whole,
        step: Whole,
        log: bool,
        when: Option<&Bound<'py, PyDict>>,
        at_least: Option<&Bound<'py, PyAny>>,
        at_most: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<PyRefMut<'py, Self>> {
        let domain = Domain::Int { low: low.0, high: high.0, log, step: step.0 };
        let domain = convert::stepped(slf.py(), domain)?;
        slf.add(name, domain, when, at_least, at_most)?;
        Ok(slf)
    }

    /// Adds one of the choices, and returns the space. `ordered`: the list is in an order that means
    /// something, such as 16 < 32 < 64.
    #[pyo3(signature = (name, choices, *, ordered=false, when=None, at_least=None, at_most=None))]
    fn categorical<'py>(
        mut slf: PyRefMut<'py, Self>,
        name: String,
        choices: &Bound<'py, PyAny>,
        ordered: bool,
        when: Option<&Bound<'py, PyDict>>,
        at_least: Option<&Bound<'py, PyAny>>,
        at_most: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<PyRefMut<'py, Self>> {
        let choices = convert::values(&name, choices)?;
        slf.add(name, Domain::Categorical { choices: choices.into(), ordered }, when, at_least, at_most)?;
        Ok(slf)
    }

    /// Demands that the sum of numeric parameters, each times its factor, is not larger than `at_most` and
    /// not smaller than `at_least`, and returns the space. A parameter that does not exist adds nothing.
    #[pyo3(signature = (terms, *, at_least=None, at_most=None, name=None))]
    fn sum(
        mut slf: PyRefMut<'_, Self>,
        terms: BTreeMap<String, f64>,
        at_least: Option<f64>,
        at_most: Option<f64>,
        name: Option<String>,
    ) -> PyRefMut<'_, Self> {
        let mut constraint = Constraint::sum(terms);
        if let Some(limit) = at_least {
            constraint = constraint.at_least(limit);
        }
        if let Some(limit) = at_most {
            constraint = constraint.at_most(limit);
        }
        slf.constraints.push(constraint.named(name.unwrap_or_default()));
        slf.built = OnceLock::new();
        slf
    }

    /// Demands that a function of a dict of the parameters that exist returns something true, and returns the
    /// space. It is asked hundreds of times for one proposal and thousands of times at first: it must be
    /// quick, always say the same of the same dict, and not use the study. What it raises at first is raised;
    /// later it rejects the configuration, and sys.unraisablehook is told. JSON and databases keep its name
    /// only, so a study is loaded with `space=`.
    fn constrain(mut slf: PyRefMut<'_, Self>, name: String, function: Py<PyAny>) -> PyRefMut<'_, Self> {
        let (building, raised) = (AtomicBool::new(false), Mutex::new(None));
        let test = Arc::new(Test { function, building, raised });
        slf.tests.push(test.clone());
        slf.constraints.push(Constraint::predicate(name, move |configuration| test.passes(configuration)));
        slf.built = OnceLock::new();
        slf
    }

    /// Gives a parameter one value for good, and returns the space: what cannot exist then is no part of it.
    fn fix<'py>(
        mut slf: PyRefMut<'py, Self>,
        name: String,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<PyRefMut<'py, Self>> {
        let value = convert::choice(&name, value)?;
        slf.fixed.set(name, value);
        slf.built = OnceLock::new();
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

    /// Raises a ValueError unless `params` gives every parameter that exists there a value and no other, and
    /// satisfies bounds and constraints.
    fn validate(&self, params: &Bound<'_, PyDict>) -> PyResult<()> {
        self.build()?.validate(&convert::configuration(params)?).map_err(error::space)
    }

    /// The space as JSON: what spec files and databases hold. Of functions given to `constrain` it has the
    /// names only.
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
        other.cast::<Self>().is_ok_and(|other| {
            let other = other.borrow();
            other.parameters == self.parameters
                && other.constraints == self.constraints
                && other.fixed == self.fixed
        })
    }

    fn __repr__<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        let mut text = String::from("Space:");
        for parameter in &self.parameters {
            text += &format!("\n  {}: {}", parameter.name, parameter.domain);
            for condition in &parameter.when {
                text += &format!(", {condition}");
            }
            for bound in &parameter.at_least {
                text += &format!(", at least {bound}");
            }
            for bound in &parameter.at_most {
                text += &format!(", at most {bound}");
            }
        }
        for constraint in &self.constraints {
            text += &format!("\n  {constraint}");
        }
        for (name, value) in self.fixed.iter() {
            text += &format!("\n  {name} is fixed at {value}");
        }
        PyString::new(py, &text)
    }
}
