//! Foreign text as it may stand in a message: quoted, escaped and cut.

/// Characters of foreign text that a message shows.
const SHOWN: usize = 120;

/// Returns `text` in quotation marks, with all that does not print escaped, so that a claim can
/// neither forge a log line nor fill one.
pub(crate) fn quoted(text: &str) -> String {
    let shown: String = text
        .chars()
        .take(SHOWN)
        .flat_map(char::escape_debug)
        .collect();
    let cut = if text.chars().nth(SHOWN).is_some() {
        "…"
    } else {
        ""
    };
    format!("\"{shown}{cut}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_break_a_line_or_fill_it() {
        assert_eq!(
            quoted("a\n\u{1b}[31m\u{202e}"),
            r#""a\n\u{1b}[31m\u{202e}""#
        );
        assert!(quoted(&"x".repeat(10_000)).chars().count() < 130);
    }
}
