//! A spec as text, from what a command line says.

use std::fmt;

use lightcrest::space::{Configuration, Value};

/// What a command line says of a table.
#[derive(Debug, Clone, Default)]
pub struct SpecWords {
    /// Name of the study.
    pub name: String,
    /// The table.
    pub path: String,
    /// The column to predict.
    pub target: String,
    /// The seed.
    pub seed: u64,
    /// Keys of `[table]` that are strings.
    pub texts: Vec<(&'static str, String)>,
    /// Keys that are true.
    pub flags: Vec<&'static str>,
    /// Keys that are numbers.
    pub numbers: Vec<(&'static str, f64)>,
    /// Keys that are lists of strings.
    pub lists: Vec<(&'static str, Vec<String>)>,
    /// Time of the budget.
    pub time: Option<String>,
    /// Trials of the budget.
    pub trials: Option<usize>,
}

/// A spec that makes one model again, from the spec of its search.
pub fn model_spec(search: &str, name: &str, configuration: &Configuration, seed: u64) -> String {
    let mut text = String::new();
    let mut section = "";
    for line in search.lines() {
        section = if line.starts_with('[') { line.trim() } else { section };
        match section {
            "[study]" if line.starts_with("name") => text.push_str(&format!("name = {}\n", quoted(name))),
            "[budget]" | "[sampler]" | "[pruner]" | "[terminator]" | "[model]" => {}
            _ => text.push_str(&format!("{line}\n")),
        }
    }
    text.push_str(&format!("[budget]\ntrials = 1\n\n[model]\nseed = {seed}\n"));
    for (name, value) in configuration.iter() {
        let value = value.as_str().map_or_else(|| exact(value), quoted);
        text.push_str(&format!("{} = {value}\n", quoted(name)));
    }
    text
}

/// A number that is read back as it was.
fn exact(value: &Value) -> String {
    match (value.as_i64(), value.as_f64()) {
        (Some(whole), _) => whole.to_string(),
        (None, Some(number)) => format!("{number:?}"),
        _ => value.to_string(),
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

impl fmt::Display for SpecWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "[study]\nname = {}\nseed = {}\n", quoted(&self.name), self.seed)?;
        writeln!(f, "[table]\npath = {}\ntarget = {}", quoted(&self.path), quoted(&self.target))?;
        for (key, text) in &self.texts {
            writeln!(f, "{key} = {}", quoted(text))?;
        }
        for key in &self.flags {
            writeln!(f, "{key} = true")?;
        }
        for (key, number) in &self.numbers {
            writeln!(f, "{key} = {number}")?;
        }
        for (key, list) in self.lists.iter().filter(|(_, list)| !list.is_empty()) {
            writeln!(f, "{key} = [{}]", list.iter().map(|it| quoted(it)).collect::<Vec<_>>().join(", "))?;
        }
        writeln!(f, "\n[budget]")?;
        if let Some(time) = &self.time {
            writeln!(f, "time = {}", quoted(time))?;
        }
        match self.trials {
            Some(trials) => writeln!(f, "trials = {trials}"),
            None => Ok(()),
        }
    }
}
