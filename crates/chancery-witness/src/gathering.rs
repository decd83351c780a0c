//! One checkpoint on its way round the witnesses of a policy.

use std::sync::Arc;
use std::time::Duration;

use chancery_log::{CosignError, Cosigned, LogReader, Waiting};
use chancery_tlog::{NoteSignature, SignedNote, TreeHead};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::asked::Said;
use crate::cosigners::{Cosigners, Insistence};

/// How long the others are waited for once there is a quorum.
const GRACE: Duration = Duration::from_millis(100);

/// A checkpoint, and what each witness has said of it.
#[derive(Debug)]
pub(crate) struct Gathering<'a> {
    cosigners: &'a Cosigners,
    head: TreeHead,
    waiting: Waiting,
    said: Vec<Said>,
}

impl<'a> Gathering<'a> {
    pub(crate) fn new(cosigners: &'a Cosigners, head: TreeHead, waiting: Waiting) -> Self {
        Self {
            cosigners,
            head,
            waiting,
            said: cosigners.asked.iter().map(|_| Said::Nothing).collect(),
        }
    }

    /// Asks all who are worth asking, until all have answered, there is a quorum and the grace is
    /// over, or time is up. Who waits for all gives no grace. What is on its way then goes on by itself: only the answer is too late
    /// for this checkpoint, and the next one begins where the witness stands by then.
    pub(crate) async fn gather(&mut self, checkpoint: &SignedNote, log: &Arc<dyn LogReader>) {
        // An exchange notes by itself that it took too long; that is heard here.
        let mut until = Instant::now() + self.cosigners.timeout + GRACE;
        let mut answers = self.set_out(checkpoint, log);
        let mut in_grace = false;
        loop {
            if self.waiting == Waiting::ForQuorum && self.has_quorum() {
                if !in_grace {
                    in_grace = true;
                    until = until.min(Instant::now() + GRACE);
                }
                // Those that are busy with an earlier checkpoint had their grace then.
                if !self.said.iter().any(|said| matches!(said, Said::Nothing)) {
                    return;
                }
            }
            match timeout_at(until, answers.recv()).await {
                Ok(Some((place, said))) => self.say(place, said),
                Ok(None) | Err(_) => return,
            }
        }
    }

    fn set_out(
        &mut self,
        checkpoint: &SignedNote,
        log: &Arc<dyn LogReader>,
    ) -> mpsc::Receiver<(usize, Said)> {
        let (tell, answers) = mpsc::channel(self.said.len().max(1));
        let patience = self.cosigners.timeout;
        for ((place, said), asked) in self.said.iter_mut().enumerate().zip(&self.cosigners.asked) {
            let Some(asked) = asked else {
                *said = Said::Failed("the policy does not tell its URL".to_owned());
                continue;
            };
            if let Some(why) = asked.away() {
                *said = Said::Failed(why);
                continue;
            }
            let turn = asked.try_turn();
            if turn.is_none() {
                *said = Said::Busy;
            }
            let (asked, tell, log) = (Arc::clone(asked), tell.clone(), Arc::clone(log));
            let (checkpoint, head) = (checkpoint.clone(), self.head);
            tokio::spawn(async move {
                let turn = match turn {
                    Some(turn) => turn,
                    // At most one waits: whoever waited for an earlier checkpoint is gone with it.
                    None => tokio::select! {
                        biased;
                        () = tell.closed() => return,
                        turn = asked.turn() => turn,
                    },
                };
                let said = asked.ask(&checkpoint, &head, &*log, patience).await;
                drop(turn);
                // Nobody waits any more where a quorum was quicker.
                let _ = tell.send((place, said)).await;
            });
        }
        answers
    }

    fn say(&mut self, place: usize, what: Said) {
        if let Some(said) = self.said.get_mut(place) {
            *said = what;
        }
    }

    fn has_quorum(&self) -> bool {
        let policy = &self.cosigners.policy;
        policy.is_satisfied(|place| matches!(self.said.get(place), Some(Said::Line(_))))
    }

    /// Returns the lines in the order of the policy, if they are enough.
    pub(crate) fn conclude(self) -> Result<Cosigned, CosignError> {
        let insists = self.cosigners.insistence == Insistence::Required;
        let size = self.head.tree_size;
        let ahead = self.ahead();
        if self.has_quorum() {
            if let Some((witness, witnessed)) = ahead {
                let what = "a witness has seen a larger tree of this log";
                tracing::debug!(witness, witnessed, size, "{what}");
            }
            return Ok(Cosigned {
                lines: self.lines(),
                quorum: true,
            });
        }
        if let Some((name, witnessed)) = ahead {
            return Err(CosignError::Ahead {
                name,
                witnessed,
                without: (!insists).then(|| self.lines()),
            });
        }
        let why = self.why_no_quorum();
        if insists {
            return Err(CosignError::NoQuorum(why));
        }
        tracing::warn!(size, "a checkpoint is released although {why}");
        Ok(Cosigned {
            lines: self.lines(),
            quorum: false,
        })
    }

    /// Returns a witness that another process has brought further, and how far.
    fn ahead(&self) -> Option<(String, u64)> {
        let mut said = self.said.iter().enumerate();
        said.find_map(|(place, said)| match said {
            Said::Ahead(witnessed) => Some((self.name(place).to_owned(), *witnessed)),
            _ => None,
        })
    }

    fn lines(self) -> Vec<NoteSignature> {
        let lines = self.said.into_iter().filter_map(|said| match said {
            Said::Line(line) => Some(line),
            _ => None,
        });
        lines.collect()
    }

    fn why_no_quorum(&self) -> String {
        let mut why = "too few witnesses have cosigned it".to_owned();
        for (place, said) in self.said.iter().enumerate() {
            let reason = match said {
                Said::Failed(reason) => reason,
                Said::Nothing => "it did not answer in time",
                Said::Busy => "it is busy with an earlier checkpoint",
                Said::Line(_) | Said::Ahead(_) => continue,
            };
            why.push_str(&format!("; {}: {reason}", self.name(place)));
        }
        why
    }

    fn name(&self, place: usize) -> &str {
        let witness = self.cosigners.policy.witnesses().get(place);
        witness.map_or("", |witness| &witness.name)
    }
}
