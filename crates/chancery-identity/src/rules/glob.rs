//! Patterns of texts, as rules write them.
//!
//! ```text
//! ?    one character other than `/`
//! *    any number of characters other than `/`
//! **   any number of characters
//! \x   the character x
//! ```
//! Everything else stands for itself, and the whole text must match. Brackets and braces, which mean
//! something elsewhere, are refused unless they are escaped.

use std::mem::swap;

/// The most characters of a pattern: it is compared in time proportional to its length.
const MAX_PATTERN: usize = 256;

/// A pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Glob(Vec<Token>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Literal(char),
    One,
    Many,
    ManyAndSlashes,
}

impl Glob {
    /// Reads a pattern, or says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.chars().count() > MAX_PATTERN {
            return Err(format!("a glob has 1 to {MAX_PATTERN} characters"));
        }
        let mut tokens = Vec::new();
        let mut rest = text.chars().peekable();
        while let Some(character) = rest.next() {
            tokens.push(match character {
                '\\' => Token::Literal(rest.next().ok_or("a glob cannot end with a backslash")?),
                '?' => Token::One,
                '*' if rest.peek() == Some(&'*') => {
                    while rest.next_if_eq(&'*').is_some() {}
                    Token::ManyAndSlashes
                }
                '*' => Token::Many,
                '[' | ']' | '{' | '}' => {
                    return Err(format!(
                        "a glob has `?`, `*` and `**` only; write `\\{character}` for the \
                         character itself"
                    ));
                }
                literal => Token::Literal(literal),
            });
        }
        Ok(Self(tokens))
    }

    /// Tells whether all of `text` is of the pattern.
    pub(crate) fn matches(&self, text: &str) -> bool {
        // How far each way through the pattern has come: `here[i]` if a way is before token `i`.
        let mut here = vec![false; self.0.len() + 1];
        let mut next = here.clone();
        here.iter_mut().take(1).for_each(|start| *start = true);
        self.pass_empty(&mut here);
        for character in text.chars() {
            next.fill(false);
            for (index, token) in self.0.iter().enumerate() {
                if here.get(index) != Some(&true) || !token.takes(character) {
                    continue;
                }
                let to = if token.repeats() { index } else { index + 1 };
                next.iter_mut().skip(to).take(1).for_each(|to| *to = true);
            }
            self.pass_empty(&mut next);
            swap(&mut here, &mut next);
            if !here.contains(&true) {
                return false;
            }
        }
        here.last() == Some(&true)
    }

    /// Returns what every matching text begins with.
    pub(crate) fn prefix(&self) -> String {
        self.0.iter().map_while(|token| token.literal()).collect()
    }

    /// Returns what every matching text ends with.
    pub(crate) fn suffix(&self) -> String {
        let end = self.0.iter().rev().map_while(|token| token.literal());
        end.collect::<Vec<char>>().into_iter().rev().collect()
    }

    /// A token that may stand for nothing may be passed.
    fn pass_empty(&self, ways: &mut [bool]) {
        let mut passed = false;
        let tokens = self.0.iter().map(|token| token.repeats()).chain([false]);
        for (way, repeats) in ways.iter_mut().zip(tokens) {
            *way |= passed;
            passed = *way && repeats;
        }
    }
}

impl Token {
    fn takes(self, character: char) -> bool {
        match self {
            Self::Literal(literal) => literal == character,
            Self::One | Self::Many => character != '/',
            Self::ManyAndSlashes => true,
        }
    }

    const fn repeats(self) -> bool {
        matches!(self, Self::Many | Self::ManyAndSlashes)
    }

    const fn literal(self) -> Option<char> {
        match self {
            Self::Literal(literal) => Some(literal),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sign_stands_for_what_it_should() {
        for (pattern, matching, others) in [
            (
                "refs/heads/*",
                vec!["refs/heads/a", "refs/heads/"],
                vec!["refs/heads/a/b", "refs/tags/a", "xrefs/heads/a"],
            ),
            ("refs/**", vec!["refs/heads/a/b", "refs/"], vec!["refs"]),
            ("**/b", vec!["a/b", "a/a/b", "/b"], vec!["b", "a/b/c"]),
            ("v?.*", vec!["v1.0", "v1."], vec!["v.0", "v/.0", "v10.0"]),
            ("a***b", vec!["ab", "a/b"], vec!["a"]),
            ("a*b*c", vec!["abc", "aXbYbZc"], vec!["ab", "acb", "a/b/c"]),
            ("*a**b", vec!["ab", "xa/b"], vec!["x/ab"]),
            (r"\*\{\\", vec![r"*{\"], vec!["x{", r"*{\\"]),
            ("ü?", vec!["üß"], vec!["ü", "üßx"]),
            (
                "*@acme.test",
                vec!["a@acme.test"],
                vec!["a@acme.test.evil", "a@xacme.test"],
            ),
        ] {
            let glob = Glob::parse(pattern).unwrap();
            for text in matching {
                assert!(glob.matches(text), "{pattern} {text}");
            }
            for text in others {
                assert!(!glob.matches(text), "{pattern} {text}");
            }
        }
    }

    #[test]
    fn what_is_fixed_at_both_ends_is_known() {
        let glob = Glob::parse(r"acme/\*x*@b?c").unwrap();
        assert_eq!(
            (glob.prefix().as_str(), glob.suffix().as_str()),
            ("acme/*x", "c")
        );
        assert_eq!(Glob::parse("**").unwrap().prefix(), "");
    }

    #[test]
    fn what_is_no_glob_is_refused() {
        for text in ["", "a\\", "[a]", "{a,b}", &"x".repeat(257)] {
            assert!(Glob::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_pattern_of_many_stars_takes_no_longer_than_one_of_letters() {
        let glob = Glob::parse(&"*a".repeat(128)).unwrap();
        assert!(!glob.matches(&("a".repeat(16_000) + "/")));
        assert!(glob.matches(&"a".repeat(1000)));
    }
}
