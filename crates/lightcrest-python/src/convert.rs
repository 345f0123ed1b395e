//! Values, domains, configurations and attributes, from Python and back.
//!
//! The engine's values are JSON's scalars. Other objects may be choices all the same: the engine knows them
//! by a text, and [`objects`] leads back to them while the process lives. The text is a zero byte, the
//! parameter, a zero byte and their `repr`; where several choices of a list have the same one, those after
//! the first are numbered behind another zero byte. So what is made anew for each trial stays the same
//! choice, and no parameter gets the objects of another.

use lightcrest::space::{Configuration, Domain, Suggestions, Value};
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple, PyType};
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap};

/// A scalar. `name` is the parameter that it is of.
pub(crate) fn value(name: &str, object: &Bound<'_, PyAny>) -> PyResult<Value> {
    if let Ok(text) = object.cast::<PyString>() {
        return Ok(Value::Str(text.to_cow()?.into_owned()));
    }
    if let Ok(truth) = object.cast::<PyBool>() {
        return Ok(Value::Bool(truth.is_true()));
    }
    if object.is_instance_of::<PyInt>() {
        return Ok(Value::Int(whole(name, "a whole number", object)?));
    }
    if object.is_instance_of::<PyFloat>() {
        return Ok(Value::Float(object.extract()?));
    }
    if object.is_none() {
        return Ok(Value::Null);
    }
    // Scalars of other libraries, such as NumPy's.
    if let Ok(number) = object.extract::<i64>() {
        return Ok(Value::Int(number));
    }
    if let Ok(number) = object.extract::<f64>() {
        return Ok(Value::Float(number));
    }
    let kind = object.get_type().name()?;
    Err(PyTypeError::new_err(format!(
        "parameter `{name}`: a value must be None, a bool, an int, a float or a str, but got {} of type {kind}",
        object.repr()?
    )))
}

/// A whole number of 64 bits; `what` is what it is of the parameter `name`.
pub(crate) fn whole(name: &str, what: &str, object: &Bound<'_, PyAny>) -> PyResult<i64> {
    object.extract().map_err(|error: PyErr| {
        if !error.is_instance_of::<PyOverflowError>(object.py()) {
            return error;
        }
        PyValueError::new_err(format!(
            "parameter `{name}`: {what} must be from -2^63 to 2^63 - 1, but got {object}; a float parameter has no such limit"
        ))
    })
}

/// As [`value`], or what stands for an object that is none of the engine's values.
pub(crate) fn choice(name: &str, object: &Bound<'_, PyAny>) -> PyResult<Value> {
    if let Some(value) = encodable(name, object) {
        return Ok(value);
    }
    let (known, first) = (objects(object.py()), stand_in(name, object, 0)?);
    // It may be a later one of several alike.
    let mut text = first.clone();
    for occurrence in 1.. {
        match known.get_item(&text)? {
            Some(other) if other.is(object) => return Ok(Value::Str(text)),
            Some(_) => text = stand_in(name, object, occurrence)?,
            None => break,
        }
    }
    if !known.contains(&first)? {
        known.set_item(&first, object)?;
    }
    Ok(Value::Str(first))
}

/// The value that an object is, if the engine has it.
fn encodable(name: &str, object: &Bound<'_, PyAny>) -> Option<Value> {
    value(name, object).ok().filter(|value| value.as_f64().is_none_or(f64::is_finite))
}

/// What the engine knows an object by that comes after so many others of the same `repr`.
fn stand_in(name: &str, object: &Bound<'_, PyAny>, occurrence: usize) -> PyResult<String> {
    let text = format!("\0{name}\0{}", object.repr()?);
    Ok(if occurrence == 0 { text } else { format!("{text}\0{occurrence}") })
}

/// The objects that stand behind choices, by what stands for them.
fn objects(py: Python<'_>) -> &Bound<'_, PyDict> {
    static OBJECTS: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    OBJECTS.get_or_init(py, || PyDict::new(py).unbind()).bind(py)
}

pub(crate) fn scalar<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(value) => PyBool::new(py, *value).to_owned().into_any(),
        Value::Int(value) => value.into_pyobject(py)?.into_any(),
        Value::Float(value) => PyFloat::new(py, *value).into_any(),
        Value::Str(text) => {
            let object = if text.starts_with('\0') { objects(py).get_item(text)? } else { None };
            object.unwrap_or_else(|| PyString::new(py, spoken(text)).into_any())
        }
    })
}

/// The `repr` of an object that another process chose, or the text itself.
fn spoken(text: &str) -> &str {
    let Some(text) = text.strip_prefix('\0') else { return text };
    text.split('\0').nth(1).unwrap_or(text)
}

/// The scalars of any iterable but a string.
pub(crate) fn values(name: &str, object: &Bound<'_, PyAny>) -> PyResult<Vec<Value>> {
    if object.is_instance_of::<PyString>() {
        let text = object.repr()?;
        return Err(PyTypeError::new_err(format!(
            "parameter `{name}`: choices must be a list, but got {text}"
        )));
    }
    let mut choices: Vec<Value> = Vec::new();
    let mut alike: HashMap<String, usize> = HashMap::new();
    for item in object.try_iter()? {
        let item = item?;
        if let Some(value) = encodable(name, &item) {
            choices.push(value);
            continue;
        }
        let before = alike.entry(stand_in(name, &item, 0)?).or_insert(0);
        let text = stand_in(name, &item, *before)?;
        *before += 1;
        objects(item.py()).set_item(&text, &item)?;
        choices.push(Value::Str(text));
    }
    Ok(choices)
}

/// Whether a list holds just the choices of a domain, in their order. May say `false` of one that does, but
/// then it costs more only.
pub(crate) fn is_of(object: &Bound<'_, PyAny>, domain: &Domain) -> bool {
    let (Domain::Categorical { choices, ordered: false }, Ok(list)) = (domain, object.cast_exact::<PyList>())
    else {
        return false;
    };
    let same = |(choice, item): (&Value, Bound<'_, PyAny>)| match choice {
        Value::Null => item.is_none(),
        Value::Bool(truth) => item.cast_exact::<PyBool>().is_ok_and(|item| item.is_true() == *truth),
        Value::Int(number) => {
            item.is_exact_instance_of::<PyInt>() && item.extract().is_ok_and(|n: i64| n == *number)
        }
        Value::Float(number) => {
            item.cast_exact::<PyFloat>().is_ok_and(|item| item.value().to_bits() == number.to_bits())
        }
        Value::Str(text) => {
            item.cast_exact::<PyString>().is_ok_and(|item| item.to_str().is_ok_and(|item| item == text))
        }
    };
    list.len() == choices.len() && choices.iter().zip(list.iter()).all(same)
}

/// A domain, from `FloatDistribution`, `IntDistribution` or `CategoricalDistribution`, or a class that is
/// derived from one.
pub(crate) fn domain(name: &str, object: &Bound<'_, PyAny>) -> PyResult<Domain> {
    let get = |attribute: &str| object.getattr(attribute);
    // By name, so that those of Optuna are understood too.
    let classes = object.get_type().mro();
    let kind = |class: Bound<'_, PyAny>| class.cast::<PyType>()?.name()?.extract::<String>();
    for class in classes.iter() {
        match kind(class)?.as_str() {
            "FloatDistribution" => {
                return Ok(Domain::Float {
                    low: get("low")?.extract()?,
                    high: get("high")?.extract()?,
                    log: get("log")?.extract()?,
                    step: get("step")?.extract()?,
                });
            }
            "IntDistribution" => {
                return Ok(Domain::Int {
                    low: whole(name, "`low`", &get("low")?)?,
                    high: whole(name, "`high`", &get("high")?)?,
                    log: get("log")?.extract()?,
                    step: whole(name, "`step`", &get("step")?)?,
                });
            }
            "CategoricalDistribution" => {
                let choices = values(name, &get("choices")?)?.into();
                return Ok(Domain::Categorical { choices, ordered: false });
            }
            _ => {}
        }
    }
    Err(PyTypeError::new_err(format!(
        "parameter `{name}`: a FloatDistribution, IntDistribution or CategoricalDistribution is needed, but got {}",
        object.repr()?
    )))
}

/// The domain with `high` lowered to its last step as the distribution of Python does it, which warns of it.
pub(crate) fn stepped(py: Python<'_>, domain: Domain) -> PyResult<Domain> {
    if domain.meets_high() {
        return Ok(domain);
    }
    let module = py.import(pyo3::intern!(py, "lightcrest.distributions"))?;
    let lowered = match &domain {
        Domain::Float { low, high, log, step } => {
            module.getattr("FloatDistribution")?.call1((low, high, log, step))
        }
        Domain::Int { low, high, log, step } => {
            module.getattr("IntDistribution")?.call1((low, high, log, step))
        }
        Domain::Categorical { .. } => return Ok(domain),
    };
    self::domain("", &lowered?)
}

/// The distribution that stands for a domain.
pub(crate) fn distribution<'py>(py: Python<'py>, domain: &Domain) -> PyResult<Bound<'py, PyAny>> {
    let module = py.import(pyo3::intern!(py, "lightcrest.distributions"))?;
    match domain {
        // The engine has lowered `high` already: to do it again might take another step off.
        Domain::Float { low, high, log, step } => {
            module.getattr("FloatDistribution")?.call_method1("_of", (low, high, log, step))
        }
        Domain::Int { low, high, log, step } => {
            module.getattr("IntDistribution")?.call_method1("_of", (low, high, log, step))
        }
        Domain::Categorical { choices, .. } => {
            let choices = choices.iter().map(|choice| scalar(py, choice)).collect::<PyResult<Vec<_>>>()?;
            module.getattr("CategoricalDistribution")?.call1((PyTuple::new(py, choices)?,))
        }
    }
}

pub(crate) fn configuration(object: &Bound<'_, PyDict>) -> PyResult<Configuration> {
    let mut configuration = Configuration::new();
    for (name, object) in object.iter() {
        let name: String = name.extract()?;
        let value = choice(&name, &object)?;
        configuration.set(name, value);
    }
    Ok(configuration)
}

/// Names and values as a dict.
pub(crate) fn parameters<'a, 'py>(
    py: Python<'py>,
    entries: impl Iterator<Item = (&'a str, &'a Value)>,
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (name, value) in entries {
        dict.set_item(name, scalar(py, value)?)?;
    }
    Ok(dict)
}

pub(crate) fn suggestions(object: &Bound<'_, PyDict>) -> PyResult<Suggestions> {
    let mut suggestions = Suggestions::new();
    for (name, object) in object.iter() {
        let name: String = name.extract()?;
        let domain = domain(&name, &object)?;
        suggestions.set(name, domain);
    }
    Ok(suggestions)
}

/// The key of an object that stands for a number that JSON has no word for.
const NON_FINITE: &str = "$float";

/// Anything that JSON can say, and numbers that are infinite or NaN. `name` is the attribute that it is of.
pub(crate) fn json(name: &str, object: &Bound<'_, PyAny>) -> PyResult<Json> {
    if let Ok(list) = object.cast::<PyList>() {
        return list.iter().map(|item| json(name, &item)).collect();
    }
    if let Ok(tuple) = object.cast::<PyTuple>() {
        return tuple.iter().map(|item| json(name, &item)).collect();
    }
    if let Ok(dict) = object.cast::<PyDict>() {
        let entry = |(key, item): (Bound<'_, PyAny>, Bound<'_, PyAny>)| {
            Ok((key.str()?.to_cow()?.into_owned(), json(name, &item)?))
        };
        return dict.iter().map(entry).collect();
    }
    let scalar = value(name, object).map_err(|_| {
        let kind = object.get_type();
        PyTypeError::new_err(format!(
            "attribute `{name}` must be something that JSON can say, but holds {kind}"
        ))
    })?;
    Ok(match scalar {
        Value::Null => Json::Null,
        Value::Bool(value) => value.into(),
        Value::Int(value) => value.into(),
        Value::Float(number) => match serde_json::Number::from_f64(number) {
            Some(number) => Json::Number(number),
            None => serde_json::json!({ NON_FINITE: number.to_string() }),
        },
        Value::Str(value) => value.into(),
    })
}

pub(crate) fn attribute<'py>(py: Python<'py>, value: &Json) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Json::Null => py.None().into_bound(py),
        Json::Bool(value) => PyBool::new(py, *value).to_owned().into_any(),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => number.into_pyobject(py)?.into_any(),
            (None, Some(number)) => number.into_pyobject(py)?.into_any(),
            (None, None) => PyFloat::new(py, number.as_f64().unwrap_or(f64::NAN)).into_any(),
        },
        Json::String(text) => PyString::new(py, text).into_any(),
        Json::Array(items) => {
            let items = items.iter().map(|item| attribute(py, item)).collect::<PyResult<Vec<_>>>()?;
            PyList::new(py, items)?.into_any()
        }
        Json::Object(entries) => match entries.get(NON_FINITE).and_then(Json::as_str) {
            Some(word) => PyFloat::new(py, word.parse().unwrap_or(f64::NAN)).into_any(),
            None => attributes(py, entries.iter())?.into_any(),
        },
    })
}

/// Attributes of Python's, whose values are what JSON can say.
pub(crate) fn attributes_of(object: &Bound<'_, PyDict>) -> PyResult<BTreeMap<String, Json>> {
    let attribute = |(key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>)| {
        let key: String = key.extract()?;
        let value = json(&key, &value)?;
        Ok((key, value))
    };
    object.iter().map(attribute).collect()
}

pub(crate) fn attributes<'a, 'py>(
    py: Python<'py>,
    entries: impl Iterator<Item = (&'a String, &'a Json)>,
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (name, value) in entries {
        dict.set_item(name, attribute(py, value)?)?;
    }
    Ok(dict)
}

/// A whole number of 64 bits, also one that is written as a float.
pub(crate) struct Whole(pub(crate) i64);

impl<'a, 'py> FromPyObject<'a, 'py> for Whole {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let number = match object.extract::<i64>() {
            Ok(number) => return Ok(Self(number)),
            Err(error) => object.extract::<f64>().ok().filter(|number| number.is_finite()).ok_or(error)?,
        };
        // Both ends are exact, and 2^63 is no `i64` any more.
        let fits = (i64::MIN as f64..-(i64::MIN as f64)).contains(&number);
        if !fits || object.is_instance_of::<PyInt>() {
            return Err(PyValueError::new_err(format!(
                "bounds and step of a whole number must be from -2^63 to 2^63 - 1, but got {}; a float parameter has no such limit",
                object.str()?
            )));
        }
        Ok(Self(number as i64))
    }
}
