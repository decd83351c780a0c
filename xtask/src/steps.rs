//! Steps with their times: each runs even if an earlier one failed, and a table closes the run.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// A step's name and what it does.
pub(crate) type Step = (&'static str, fn() -> Result<()>);

/// Steps that are to run, in their order.
pub(crate) struct Steps(Vec<Step>);

impl Steps {
    /// Takes the steps that are wanted by name, or all if none is.
    ///
    /// # Errors
    /// If a wanted name is no step's; the message lists the names there are.
    pub(crate) fn choose(mut steps: Vec<Step>, wanted: &[String]) -> Result<Self> {
        let known: Vec<_> = steps.iter().map(|(name, _)| *name).collect();
        if let Some(unknown) = wanted.iter().find(|name| !known.contains(&name.as_str())) {
            bail!(
                "no step is called `{unknown}`; there are {}",
                known.join(", ")
            );
        }
        steps.retain(|(name, _)| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name));
        Ok(Self(steps))
    }

    /// Runs them, prints their times, and fails with the names of those that failed.
    pub(crate) fn run(self) -> Result<()> {
        let done: Vec<_> = self.0.into_iter().map(Done::run).collect();
        println!("\n{:<18} {:>9}", "step", "time");
        for Done { name, took, passed } in &done {
            let verdict = if *passed { "" } else { "  FAILED" };
            println!("{name:<18} {:>7.1} s{verdict}", took.as_secs_f64());
        }
        let failed: Vec<_> = done
            .iter()
            .filter(|step| !step.passed)
            .map(|s| s.name)
            .collect();
        if !failed.is_empty() {
            bail!("failed: {}", failed.join(", "));
        }
        Ok(())
    }
}

struct Done {
    name: &'static str,
    took: Duration,
    passed: bool,
}

impl Done {
    fn run((name, work): Step) -> Self {
        println!("\n==> {name}");
        let start = Instant::now();
        let result = work();
        if let Err(error) = &result {
            eprintln!("==> {name} failed: {error:#}");
        }
        Self {
            name,
            took: start.elapsed(),
            passed: result.is_ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use anyhow::anyhow;

    use super::{Step, Steps};

    #[test]
    fn a_failed_step_does_not_stop_the_next_but_fails_the_run_by_name() {
        static REACHED: AtomicUsize = AtomicUsize::new(0);
        let steps: Vec<Step> = vec![
            ("first", || Err(anyhow!("broken"))),
            ("second", || {
                REACHED.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }),
        ];
        let error = Steps::choose(steps, &[])
            .unwrap()
            .run()
            .unwrap_err()
            .to_string();
        assert_eq!(REACHED.load(Ordering::Relaxed), 1);
        assert_eq!(error, "failed: first");
    }

    #[test]
    fn only_the_named_steps_run_and_an_unknown_name_is_refused() {
        let steps: Vec<Step> = vec![("broken", || Err(anyhow!("broken"))), ("whole", || Ok(()))];
        assert!(
            Steps::choose(steps.clone(), &["whole".into()])
                .unwrap()
                .run()
                .is_ok()
        );
        let refused = Steps::choose(steps, &["hole".into()])
            .err()
            .unwrap()
            .to_string();
        assert_eq!(refused, "no step is called `hole`; there are broken, whole");
    }
}
