//! A spec that moves: the `path` of one of its tables as another folder sees it.

use toml::de::{DeTable, DeValue};

/// The text of a spec with another `path` in the table of that name, and every other byte as it was. The text
/// itself when it has no such path.
pub fn with_path(text: &str, table: &str, path: &str) -> String {
    let Ok(document) = DeTable::parse(text) else { return text.to_owned() };
    let data = document.get_ref().get(table).map(|value| value.get_ref());
    let Some(DeValue::Table(data)) = data else { return text.to_owned() };
    let Some(value) = data.get("path").filter(|value| matches!(value.get_ref(), DeValue::String(_))) else {
        return text.to_owned();
    };
    let (before, after) = (&text[..value.span().start], &text[value.span().end..]);
    format!("{before}{}{after}", toml::Value::String(path.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_path_changes() {
        let two = "[data]\npath = 'a'\n[model]\npath = 'b'";
        assert_eq!(with_path(two, "model", "c"), "[data]\npath = 'a'\n[model]\npath = \"c\"");
        for (text, expected) in [
            ("[data]\npath = 'photos' # mine\n", "[data]\npath = \"../x\" # mine\n"),
            (
                "data = { source = \"folder\", path = \"\"\"photos\"\"\" }",
                "data = { source = \"folder\", path = \"../x\" }",
            ),
            ("data.path = \"photos\"\n[a]\npath = 'b'", "data.path = \"../x\"\n[a]\npath = 'b'"),
            ("[data]\nsource = 'digits'", "[data]\nsource = 'digits'"),
            ("[data]\npath = 3", "[data]\npath = 3"),
            ("no TOML", "no TOML"),
        ] {
            assert_eq!(with_path(text, "data", "../x"), expected);
        }
        let odd = with_path("[data]\npath = 'photos'", "data", "a \"b\" \\ c");
        let read: toml::Table = toml::from_str(&odd).unwrap();
        assert_eq!(read["data"]["path"].as_str(), Some("a \"b\" \\ c"));
    }
}
