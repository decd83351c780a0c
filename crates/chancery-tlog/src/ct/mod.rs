//! Certificate Transparency: entries, their tile leaves, and signed certificate timestamps.
//!
//! RFC 6962, section 3: <https://www.rfc-editor.org/rfc/rfc6962#section-3>, with the additions of
//! <https://c2sp.org/static-ct-api>.

mod digitally_signed;
mod entry;
mod extra_data;
mod leaf_index;
mod log_id;
mod merkle_tree_leaf;
mod sct;
mod tile_leaf;
mod wire;

pub use digitally_signed::{DigitallySigned, ParseDigitallySignedError, SignatureLengthError};
pub use entry::{Entry, EntryError, PrecertEntry, X509Entry};
pub use extra_data::extra_data;
pub use leaf_index::{LeafIndex, LeafIndexError, ParseExtensionsError};
pub use log_id::LogId;
pub use merkle_tree_leaf::{MerkleTreeLeaf, ParseMerkleTreeLeafError, SignedEntry};
pub use sct::{
    ParseSctError, ParseSctListError, SctListError, SignedCertificateTimestamp, parse_sct_list,
    sct_list,
};
pub use tile_leaf::{ParseTileLeafError, TileLeaf};
pub use wire::WireError;
