//! Byte strings as Go has them: usually UTF-8, but a slice may cut a character.

use std::ops::Deref;
use std::rc::Rc;

use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory as _};

/// A string of Go: bytes that are cheap to clone.
#[derive(Clone, Debug)]
pub(crate) enum Text<'a> {
    /// Of the template or the claims.
    Borrowed(&'a [u8]),
    /// Made while rendering.
    Made(Rc<[u8]>),
}

impl Deref for Text<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Made(bytes) => bytes,
        }
    }
}

impl From<Vec<u8>> for Text<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Made(bytes.into())
    }
}

/// What Go's `range` finds in a string: a character, or one byte that belongs to none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Rune {
    Char(char),
    Invalid(u8),
}

impl Rune {
    /// Returns how many bytes of the string it takes.
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Char(c) => c.len_utf8(),
            Self::Invalid(_) => 1,
        }
    }

    /// Returns the character; for a stray byte the one that replaces it.
    pub(crate) fn char(self) -> char {
        match self {
            Self::Char(c) => c,
            Self::Invalid(_) => char::REPLACEMENT_CHARACTER,
        }
    }
}

/// Takes a string apart.
pub(crate) fn runes(bytes: &[u8]) -> impl Iterator<Item = Rune> {
    bytes.utf8_chunks().flat_map(|chunk| {
        let valid = chunk.valid().chars().map(Rune::Char);
        valid.chain(chunk.invalid().iter().copied().map(Rune::Invalid))
    })
}

/// Go's `unicode.IsPrint`, but for characters that a newer Unicode has than Go's 15.0.
pub(crate) fn is_printable(c: char) -> bool {
    use GeneralCategoryGroup::{Letter, Mark, Number, Punctuation, Symbol};
    let group = c.general_category_group();
    c == ' ' || matches!(group, Letter | Mark | Number | Punctuation | Symbol)
}

/// Whether a character can be in a name: Go's letters, digits and the underscore.
pub(crate) fn is_alphanumeric(c: char) -> bool {
    use unicode_properties::GeneralCategory::DecimalNumber;
    if c.is_ascii() {
        return c == '_' || c.is_ascii_alphanumeric();
    }
    c.general_category_group() == GeneralCategoryGroup::Letter
        || c.general_category() == DecimalNumber
}

/// A byte string that grows up to a limit; what would pass it is dropped, and that is remembered.
#[derive(Debug)]
pub(crate) struct BoundedText {
    bytes: Vec<u8>,
    limit: usize,
    overflowed: bool,
}

impl BoundedText {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            bytes: Vec::new(),
            limit,
            overflowed: false,
        }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.overflowed || bytes.len() > self.limit - self.bytes.len() {
            self.overflowed = true;
        } else {
            self.bytes.extend_from_slice(bytes);
        }
    }

    pub(crate) fn push_char(&mut self, c: char) {
        self.push(c.encode_utf8(&mut [0; 4]).as_bytes());
    }

    /// Appends one ASCII character many times.
    pub(crate) fn push_repeated(&mut self, byte: u8, count: usize) {
        if self.overflowed || count > self.limit - self.bytes.len() {
            self.overflowed = true;
        } else {
            self.bytes.resize(self.bytes.len() + count, byte);
        }
    }

    /// Remembers that something did not fit that was not even made.
    pub(crate) fn overflow(&mut self) {
        self.overflowed = true;
    }

    pub(crate) fn overflowed(&self) -> bool {
        self.overflowed
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Returns the string, or nothing when it did not fit.
    pub(crate) fn into_bytes(self) -> Option<Vec<u8>> {
        (!self.overflowed).then_some(self.bytes)
    }
}
