//! Reading and writing of TLS structures: big-endian integers and vectors with their length in
//! front.
//!
//! RFC 5246, section 4: <https://www.rfc-editor.org/rfc/rfc5246#section-4>

/// Appends a vector with its length in `N` bytes in front.
///
/// The caller's type has checked that the length fits.
pub(super) fn put_vector<const N: usize>(out: &mut Vec<u8>, bytes: &[u8]) {
    debug_assert!(
        bytes.len() < 1 << (8 * N),
        "the type that holds the bytes bounds their length"
    );
    let length = bytes.len().to_be_bytes();
    out.extend_from_slice(&length[length.len() - N..]);
    out.extend_from_slice(bytes);
}

/// What is left of the bytes of a structure.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Ends the structure.
    pub(super) fn finish(self, structure: &'static str) -> Result<(), WireError> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(WireError::Trailing { structure, left }),
        }
    }

    pub(super) fn array<const N: usize>(
        &mut self,
        field: &'static str,
    ) -> Result<[u8; N], WireError> {
        let truncated = WireError::Truncated {
            field,
            wanted: N,
            left: self.rest.len(),
        };
        let (array, rest) = self.rest.split_first_chunk().ok_or(truncated)?;
        self.rest = rest;
        Ok(*array)
    }

    pub(super) fn u64(&mut self, field: &'static str) -> Result<u64, WireError> {
        self.array(field).map(u64::from_be_bytes)
    }

    /// Reads a vector with its length in `N` bytes in front.
    pub(super) fn vector<const N: usize>(
        &mut self,
        field: &'static str,
    ) -> Result<&'a [u8], WireError> {
        let length = self.array::<N>(field)?;
        let wanted = length
            .iter()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        let truncated = WireError::Truncated {
            field,
            wanted,
            left: self.rest.len(),
        };
        let (bytes, rest) = self.rest.split_at_checked(wanted).ok_or(truncated)?;
        self.rest = rest;
        Ok(bytes)
    }
}

/// Why bytes are not the structure that they should be: they end too early or too late.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum WireError {
    /// There is something after the end.
    #[error("{left} bytes follow the end of the {structure}")]
    Trailing {
        /// The structure that has ended.
        structure: &'static str,
        /// How many bytes follow.
        left: usize,
    },
    /// A field is cut off.
    #[error("the {field} is cut off: {wanted} bytes are wanted, {left} are left")]
    Truncated {
        /// The field.
        field: &'static str,
        /// How many bytes it, or its length, has.
        wanted: usize,
        /// How many there are.
        left: usize,
    },
}
