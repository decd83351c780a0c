//! Writing one entry alone: as any other batch, since other processes may write in between.

use std::convert::Infallible;

use super::Connection;
use crate::rows::Rows;

/// There is none.
pub(super) struct Lone(Infallible);

impl Lone {
    /// Gives the batch back.
    pub(super) fn of(rows: Rows) -> Result<Self, Box<Rows>> {
        Err(Box::new(rows))
    }

    pub(super) fn found_ended(_: &sqlx::Error) -> bool {
        false
    }

    pub(super) async fn write(self, _: &mut Connection, _: i64) -> sqlx::Result<()> {
        match self.0 {}
    }
}
