//! Which database of which server a connection leads to.

use super::{Connection, sql};
use crate::guard::Place;

pub(super) async fn of(connection: &mut Connection) -> sqlx::Result<Place> {
    let (system, database) = sqlx::query_as(sql::PLACE).fetch_one(connection).await?;
    Ok(Place::Postgres { system, database })
}
