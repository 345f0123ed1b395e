//! Tables that are in memory already.

use std::path::Path;

use super::Source;
use crate::error::TableError;

/// The values of one column.
#[derive(Debug, Clone, PartialEq)]
pub enum Cells {
    /// Numbers; NaN is missing.
    Numbers(Vec<f64>),
    /// Words as they are written in a table, numbers and dates among them; none is missing.
    Words(Vec<Option<String>>),
}

impl Cells {
    fn len(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Words(values) => values.len(),
        }
    }

    /// As a table has it: the shortest digits that are that number.
    fn field(&self, row: usize) -> String {
        match self {
            Self::Numbers(values) if values[row].is_nan() => String::new(),
            Self::Numbers(values) => values[row].to_string(),
            Self::Words(values) => values[row].clone().unwrap_or_default(),
        }
    }
}

impl Source {
    /// Columns with their names. They are decided about as those of a file are.
    ///
    /// # Errors
    /// If they are not of one length.
    pub fn from_columns(columns: &[(String, Cells)]) -> Result<Self, TableError> {
        let rows = columns.first().map_or(0, |(_, cells)| cells.len());
        if let Some((name, cells)) = columns.iter().find(|(_, cells)| cells.len() != rows) {
            return Err(TableError::Unfit(format!(
                "column `{name}` has {} values, and the first has {rows}: all columns need the same number",
                cells.len()
            )));
        }
        let mut writer = csv::Writer::from_writer(Vec::new());
        let written = |error: csv::Error| TableError::Unfit(error.to_string());
        writer.write_record(columns.iter().map(|(name, _)| name)).map_err(written)?;
        for row in 0..rows {
            writer.write_record(columns.iter().map(|(_, cells)| cells.field(row))).map_err(written)?;
        }
        let bytes = writer.into_inner().map_err(|error| TableError::Unfit(error.to_string()))?;
        Self::from_bytes(Path::new("columns in memory"), bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{LearnConfig, Values, learn};

    #[test]
    fn columns_in_memory_are_those_of_a_file() {
        let rows = 40;
        let numbers: Vec<f64> =
            (0..rows).map(|i| if i == 3 { f64::NAN } else { f64::from(i * 7 % 11) / 3.0 }).collect();
        let words = (0..rows).map(|i| (i != 5).then(|| format!("a \"{}\",\n{}", i % 2, i % 3))).collect();
        let classes = (0..rows).map(|i| Some(["no", "yes"][i as usize % 2].to_owned())).collect();
        let columns = [
            ("a, b".to_owned(), Cells::Numbers(numbers.clone())),
            ("words".to_owned(), Cells::Words(words)),
            ("y".to_owned(), Cells::Words(classes)),
        ];
        let config = LearnConfig { target: "y".into(), ..LearnConfig::default() };
        let learnt = learn(Source::from_columns(&columns).unwrap(), &config).unwrap();
        assert_eq!(learnt.schema.columns[0].name, "a, b");
        let Values::Number { numbers: read, .. } = &learnt.table.values[0] else { panic!("numbers") };
        let same = |(a, b): (&f64, &f64)| a == b || (a.is_nan() && b.is_nan());
        assert!(read.iter().zip(&numbers).all(same));
        assert_eq!(learnt.schema.levels[1].len(), 6);
        assert!(learnt.table.values[1].is_missing(5));
        let short = [columns[0].clone(), ("z".into(), Cells::Numbers(vec![1.0]))];
        assert!(Source::from_columns(&short).unwrap_err().to_string().contains("`z` has 1"));
    }
}
