//! A spec of a command that is to lie in another folder.

use toml::de::{DeTable, DeValue};

/// The text with the folder that the command runs in, and nothing else changed: its `directory` is that of
/// the spec's file unless it is said. Where it cannot be said without writing the spec anew, the text is as
/// it was.
pub fn with_directory(text: &str, directory: &str) -> String {
    let written = toml::Value::String(directory.into()).to_string();
    let Ok(document) = DeTable::parse(text) else { return text.to_owned() };
    let command = document.get_ref().get("command").map(|value| value.get_ref());
    let Some(DeValue::Table(command)) = command else { return text.to_owned() };
    if let Some(value) = command.get("directory") {
        return format!("{}{written}{}", &text[..value.span().start], &text[value.span().end..]);
    }
    let Some(run) = command.get("run") else { return text.to_owned() };
    let (before, after) = text.split_at(run.span().end);
    // In a table of its own, with dotted keys, or in one line.
    let ways = ["\ndirectory", "\ncommand.directory", ", directory"];
    let is_right = |text: &String| {
        let read = |text: &str| toml::from_str::<toml::Table>(text).ok();
        let (Some(mut new), Some(old)) = (read(text), read(&format!("{before}{after}"))) else {
            return false;
        };
        let said = new.get_mut("command").and_then(|command| command.as_table_mut()?.remove("directory"));
        said.is_some_and(|said| said.as_str() == Some(directory)) && new == old
    };
    let texts = ways.map(|way| format!("{before}{way} = {written}{after}"));
    texts.into_iter().find(is_right).unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_is_said_and_nothing_else_changes() {
        for (text, expected) in [
            (
                "[command]\nrun = [\n'a',\n] # mine\n[x]\nrun = 1",
                "[command]\nrun = [\n'a',\n]\ndirectory = \"/a\" # mine\n[x]\nrun = 1",
            ),
            (
                "[command]\ndirectory = 'b' # mine\nrun = ['a']",
                "[command]\ndirectory = \"/a\" # mine\nrun = ['a']",
            ),
            ("command.run = ['a']\n[x]", "command.run = ['a']\ncommand.directory = \"/a\"\n[x]"),
            (
                "command = { run = ['a'], metrics = 'file' }",
                "command = { run = ['a'], directory = \"/a\", metrics = 'file' }",
            ),
            ("[command]\nruns = ['a']", "[command]\nruns = ['a']"),
            ("no TOML", "no TOML"),
        ] {
            assert_eq!(with_directory(text, "/a"), expected);
        }
    }
}
