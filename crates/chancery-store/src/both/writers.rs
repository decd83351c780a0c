//! The connections that write.
//!
//! A connection is lent for one transaction and comes back only when that has ended cleanly. After
//! anything else, be it an error, a time-out or a dropped future, it is closed, and the database
//! rolls back what it held: a connection can never be reused in the midst of a transaction. An
//! sqlx pool would reuse it, and would ping it before and after each transaction.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chancery_log::{Head, StoreError};
use sqlx::{ConnectOptions, Connection as _, Executor};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{Claim, Connection, Options, WRITERS, begin_session, durability};
use crate::Access;
use crate::limits::{ACQUIRE, timed_out, within};

/// Up to [`WRITERS`] connections.
pub(super) struct Writers {
    options: Options,
    permits: Semaphore,
    idle: Mutex<Vec<Numbered>>,
    /// How many connections there have been.
    opened: AtomicU64,
    /// What this process last wrote to a log.
    written: Mutex<Option<Written>>,
    /// The claim on an SQLite file of one process alone: held as long as anybody can write.
    claim: Option<Claim>,
    access: Access,
}

/// A log's head as it was written, and what was known of the log's end then.
pub(super) struct Written {
    pub(super) log: i64,
    pub(super) head: Head,
    pub(super) ends_ms: Option<u64>,
}

/// A connection, and which of this process's it is.
struct Numbered(u64, Connection);

/// A connection on loan. Dropping it closes it.
pub(super) struct Loan<'a> {
    writers: &'a Writers,
    number: u64,
    connection: Connection,
    reused: bool,
    /// What is written on it: known to all once it is given back.
    wrote: Option<Written>,
    _permit: SemaphorePermit<'a>,
}

impl Writers {
    /// Opens the first connection.
    pub(super) async fn open(
        options: Options,
        claim: Option<Claim>,
        access: Access,
    ) -> Result<Self, StoreError> {
        let first = connect(&options, access).await?;
        Ok(Self {
            options,
            permits: Semaphore::new(WRITERS),
            idle: Mutex::new(vec![Numbered(0, first)]),
            opened: AtomicU64::new(1),
            written: Mutex::default(),
            claim,
            access,
        })
    }

    pub(super) async fn lend(&self) -> Result<Loan<'_>, StoreError> {
        if let Some(claim) = &self.claim {
            claim.check()?;
        }
        let permit = tokio::time::timeout(ACQUIRE, self.permits.acquire())
            .await
            .map_err(|_| timed_out(ACQUIRE))?
            .map_err(|closed| StoreError::Unavailable(Box::new(closed)))?;
        let idle = self.idle().pop();
        let reused = idle.is_some();
        let Numbered(number, connection) = match idle {
            Some(connection) => connection,
            None => self.reconnect().await?,
        };
        Ok(Loan {
            writers: self,
            number,
            connection,
            reused,
            wrote: None,
            _permit: permit,
        })
    }

    /// Opens a connection to what may be another server than the first one's, or the same with
    /// other settings.
    async fn reconnect(&self) -> Result<Numbered, StoreError> {
        let mut connection = connect(&self.options, self.access).await?;
        if self.access == Access::ReadWrite {
            durability::check(&mut connection)
                .await
                .map_err(|e| StoreError::Unavailable(Box::new(e)))?;
        }
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        Ok(Numbered(number, connection))
    }

    /// Tells what may be done with the connections.
    pub(super) fn access(&self) -> Access {
        self.access
    }

    /// Closes what is idle, and lends nothing any more.
    pub(super) async fn close(&self) {
        self.permits.close();
        let idle = std::mem::take(&mut *self.idle());
        for Numbered(_, connection) in idle {
            // The last words to a server that may be gone; there is nothing left to lose.
            let _ = within(ACQUIRE, connection.close()).await;
        }
    }

    fn written(&self) -> MutexGuard<'_, Option<Written>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Numbered>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn connect(options: &Options, access: Access) -> Result<Connection, StoreError> {
    within(ACQUIRE, async {
        let mut connection = options.connect().await?;
        begin_session(&mut connection, access).await?;
        Ok(connection)
    })
    .await
}

impl Loan<'_> {
    pub(super) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Tells which of this process's connections it is.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Tells whether the connection has been idle, and may have died meanwhile.
    pub(super) fn reused(&self) -> bool {
        self.reused
    }

    /// Puts a new connection in the place of a dead one.
    pub(super) async fn renew(&mut self) -> Result<(), StoreError> {
        Numbered(self.number, self.connection) = self.writers.reconnect().await?;
        self.reused = false;
        Ok(())
    }

    pub(super) async fn commit(mut self) -> sqlx::Result<()> {
        self.connection.execute("COMMIT").await?;
        self.give_back();
        Ok(())
    }

    /// Ends the transaction without effect. If that fails, closing the connection will do it.
    pub(super) async fn roll_back(mut self) {
        if self.connection.execute("ROLLBACK").await.is_ok() {
            self.give_back();
        }
    }

    /// Takes the head that this process last wrote to a log, which is there still unless somebody
    /// else can write. It is not known any more until the next is.
    pub(super) fn take_written(&self, log: i64) -> Option<Written> {
        let written = self.writers.written().take()?;
        (written.log == log).then_some(written)
    }

    /// Notes the head that a log has once this loan has ended cleanly.
    pub(super) fn wrote(&mut self, written: Written) {
        self.wrote = Some(written);
    }

    /// Gives back a connection that has no transaction open.
    pub(super) fn give_back(self) {
        let Self {
            writers,
            number,
            connection,
            wrote,
            ..
        } = self;
        if wrote.is_some() {
            *writers.written() = wrote;
        }
        writers.idle().push(Numbered(number, connection));
    }
}

impl fmt::Debug for Writers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The options hold the password.
        f.debug_struct("Writers").finish_non_exhaustive()
    }
}
