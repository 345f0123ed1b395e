//! Texts as counts of hashed words.

/// How many places words are hashed to.
pub(super) const PLACES: usize = 1 << 14;

/// The most features that the words of one column become.
pub(super) const WIDTH: usize = 64;

/// Calls back with the place of every word and every pair of neighbours.
pub(super) fn places(text: &str, mut each: impl FnMut(u32)) {
    let mut last: Option<u64> = None;
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let mut hash = 0xcbf2_9ce4_8422_2325u64; // FNV-1a
        for c in word.chars().flat_map(char::to_lowercase) {
            hash = (hash ^ u64::from(u32::from(c))).wrapping_mul(0x0100_0000_01b3);
        }
        each(place(hash));
        if let Some(last) = last {
            each(place(last.rotate_left(17) ^ hash));
        }
        last = Some(hash);
    }
}

fn place(hash: u64) -> u32 {
    (crate::split::mix(hash) % PLACES as u64) as u32
}

/// Length in characters, words, digits and capitals.
pub(super) fn counts(text: &str) -> [f32; 4] {
    let count = |fits: fn(char) -> bool| text.chars().filter(|c| fits(*c)).count() as f32;
    let words = text.split_whitespace().count() as f32;
    [count(|_| true), words, count(|c| c.is_ascii_digit()), count(char::is_uppercase)]
}
