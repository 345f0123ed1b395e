//! Which character separates fields.

use super::encoding::Sample;

/// Those that are tried, the usual one first.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Records of a sample that are looked at.
const RECORDS: usize = 100;

/// The separator by which the first records all have the same number of fields, more than one; the one that
/// gives more where several do. If there is none, the one that gives the header most fields among those that
/// most records agree with, so that the record that differs is named. A comma where nothing separates.
pub(super) fn find(sample: &Sample) -> u8 {
    let judge = |separator: u8| {
        let counts = counts(sample, separator);
        let fields = counts.first().copied().unwrap_or(0);
        let agree = counts.iter().filter(|count| **count == fields).count();
        (fields, agree == counts.len(), agree * 2 > counts.len())
    };
    let judged: Vec<(u8, (usize, bool, bool))> = SEPARATORS.iter().map(|s| (*s, judge(*s))).collect();
    let best = |accept: &dyn Fn(&(usize, bool, bool)) -> bool| {
        let fine = judged.iter().filter(|(_, it)| it.0 > 1 && accept(it));
        // The first of equals.
        fine.rev().max_by_key(|(_, (fields, ..))| *fields).map(|(separator, _)| *separator)
    };
    best(&|it| it.1).or_else(|| best(&|it| it.2)).unwrap_or(b',')
}

/// How a person writes it.
pub(super) fn shown(separator: u8) -> String {
    match separator {
        b'\t' => "tab".into(),
        other => format!("`{}`", char::from(other)),
    }
}

/// The fields of the first record, and whether all others have one more that is empty.
pub(super) fn header(sample: &Sample, separator: u8) -> (Vec<String>, bool) {
    let mut records = reader(sample, separator).into_records();
    let Some(Ok(first)) = records.next() else { return (Vec::new(), false) };
    let one_more = |record: &csv::StringRecord| {
        record.len() == first.len() + 1 && record.iter().next_back().is_some_and(str::is_empty)
    };
    let others: Vec<csv::StringRecord> = records.take(RECORDS).filter_map(Result::ok).collect();
    let others = &others[..others.len() - usize::from(!sample.whole && others.len() > 1)];
    (first.iter().map(str::to_owned).collect(), !others.is_empty() && others.iter().all(one_more))
}

fn reader(sample: &Sample, separator: u8) -> csv::Reader<&[u8]> {
    let mut builder = csv::ReaderBuilder::new();
    builder.has_headers(false).flexible(true).delimiter(separator);
    builder.from_reader(sample.text.as_bytes())
}

/// Fields of each of the first records.
fn counts(sample: &Sample, separator: u8) -> Vec<usize> {
    let records = reader(sample, separator).into_records().take(RECORDS + 1);
    let mut counts: Vec<usize> = records.filter_map(Result::ok).map(|record| record.len()).collect();
    // The last record of a sample may be cut.
    if (!sample.whole && counts.len() > 1 && counts.len() <= RECORDS) || counts.len() > RECORDS {
        counts.pop();
    }
    // A trailing separator that the header does not have is no other count.
    if let Some((first, rest)) = counts.split_first()
        && !rest.is_empty()
        && rest.iter().all(|count| *count == first + 1)
        && *first > 1
    {
        return vec![*first; counts.len()];
    }
    counts
}
