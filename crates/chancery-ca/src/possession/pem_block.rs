//! Finding the PEM block (RFC 7468) in what a client sent.
//!
//! Go's `encoding/pem`, by which Fulcio reads, takes the first block that it can decode and ignores
//! what is around it; so do we. Java sends the content in one line, others with CRLF.

use pem::{Pem, PemError};

/// More than any key or signing request has, with room for text around it.
const LONGEST: usize = 64 << 10;

/// How many blocks are tried: each attempt may read all that follows.
const MOST_BLOCKS: usize = 8;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";

/// Why there is no block.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoBlock {
    #[error("it has {0} bytes, at most {LONGEST} are read")]
    TooLong(usize),
    #[error("it is not text")]
    NotText,
    #[error("it has no line -----BEGIN …-----")]
    NoBegin,
    #[error(transparent)]
    Undecodable(#[from] PemError),
}

/// Returns the first block that can be decoded.
pub(super) fn first(content: &[u8]) -> Result<Pem, NoBlock> {
    if content.len() > LONGEST {
        return Err(NoBlock::TooLong(content.len()));
    }
    let text = std::str::from_utf8(content).map_err(|_| NoBlock::NotText)?;
    let mut refused = NoBlock::NoBegin;
    for (begin, _) in text.match_indices(BEGIN).take(MOST_BLOCKS) {
        match decode(text.get(begin..).unwrap_or_default()) {
            Ok(block) => return Ok(block),
            Err(error) => refused = error.into(),
        }
    }
    Err(refused)
}

/// Decodes the block that the text begins with.
fn decode(text: &str) -> Result<Pem, PemError> {
    let end = text.find(END).ok_or(PemError::MalformedFraming)?;
    let (block, rest) = text.split_at(end);
    if block.contains(':') {
        return pem::parse(text);
    }
    // Headers end with an empty line, and the decoder takes all before one for headers. Where there
    // are none, an empty line says nothing.
    let mut packed: String = block.lines().filter(|line| !line.trim().is_empty()).fold(
        String::with_capacity(block.len()),
        |mut packed, line| {
            packed.push_str(line);
            packed.push('\n');
            packed
        },
    );
    packed.push_str(rest);
    pem::parse(packed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: &str = "-----BEGIN THING-----\nAQID\n-----END THING-----\n";

    fn found(text: &str) -> (String, Vec<u8>) {
        let block = first(text.as_bytes()).unwrap_or_else(|e| panic!("{text:?}: {e}"));
        (block.tag().to_owned(), block.contents().to_vec())
    }

    #[test]
    fn a_block_is_found_however_it_is_laid_out() {
        for text in [
            BLOCK.to_owned(),
            BLOCK.trim_end().to_owned(),
            BLOCK.replace('\n', "\r\n"),
            BLOCK.replace('\n', ""),
            BLOCK.replace('\n', "\n\n"),
            BLOCK.replace('\n', "\r\n\r\n"),
            BLOCK.replace("AQID", "AQ\nI  D"),
            BLOCK.replace("AQID", "Name: value\nOther: x\n\nAQID"),
            format!("Subject: nobody\n\nsome text ----- \n{BLOCK} more: text\n\nand more"),
            format!("{BLOCK}-----BEGIN OTHER-----\nBAUG\n-----END OTHER-----\n"),
            format!("-----BEGIN CUT-----\n{BLOCK}"),
            format!("-----BEGIN BAD-----\n!!!!\n-----END BAD-----\n{BLOCK}"),
        ] {
            assert_eq!(
                found(&text),
                ("THING".to_owned(), vec![1, 2, 3]),
                "{text:?}"
            );
        }
    }

    #[test]
    fn what_is_no_block_is_refused() {
        for text in [
            "",
            "not a key",
            "-----BEGIN THING-----",
            "-----BEGIN THING-----\nAQID\n-----END OTHER-----\n",
            "-----BEGIN THING-----\nAQID=\n-----END THING-----\n",
            "-----BEGIN THING-----\nAQ\0ID\n-----END THING-----\n",
            "-----BEGIN THING-----\nAQID\n",
        ] {
            assert!(first(text.as_bytes()).is_err(), "{text:?}");
        }
        assert!(matches!(first(&[0xff; 9]), Err(NoBlock::NotText)));
    }

    #[test]
    fn a_long_text_is_refused_at_once() {
        let begins = "-----BEGIN A-----".repeat(LONGEST / 17);
        assert!(first(begins.as_bytes()).is_err());
        let long = format!("{}{BLOCK}", " ".repeat(LONGEST));
        assert!(matches!(first(long.as_bytes()), Err(NoBlock::TooLong(_))));
    }
}
