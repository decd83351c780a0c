//! The instance's guard, for commands that mend what it found.

use std::sync::Arc;

use chancery_log::Guard;
use chancery_log::guard::{Advance, FileGuard};
use chancery_store::Store;
use chancery_tlog::TreeHead;

use crate::config::Config;
use crate::failure::{Causes, Failure};

/// Opens the guard that the configuration names. A failure of configuration means that it is not
/// there, any other that nobody can say.
#[expect(clippy::unused_async, reason = "guards elsewhere have to be asked")]
pub(crate) async fn open(config: &Config, _guarded: &Store) -> Result<Arc<dyn Guard>, Failure> {
    let guard = FileGuard::open(&config.guard.file);
    let guard = guard.map_err(|e| Failure::configuration(Causes(&e)))?;
    Ok(Arc::new(guard))
}

/// Makes a guard that stands at `head`, in the place that the configuration names. Overwrites
/// nothing.
pub(crate) async fn create_at(
    config: &Config,
    _guarded: &Store,
    head: &TreeHead,
) -> Result<Arc<dyn Guard>, Failure> {
    let guard = FileGuard::create(&config.guard.file).map_err(Failure::from_error)?;
    advance(&guard, &TreeHead::EMPTY, head).await?;
    Ok(Arc::new(guard))
}

/// Moves a guard.
pub(crate) async fn advance(
    guard: &dyn Guard,
    from: &TreeHead,
    to: &TreeHead,
) -> Result<(), Failure> {
    match guard.advance(from, to).await.map_err(Failure::from_error)? {
        Advance::Moved => Ok(()),
        Advance::StandsAt(_) => Err(Failure::failed("somebody else moved the new guard")),
    }
}

/// Reads where a guard stands.
pub(crate) async fn read(guard: &dyn Guard) -> Result<TreeHead, Failure> {
    guard.read().await.map_err(Failure::from_error)
}
