//! The project's own rules that no other tool checks.

mod arrows;
mod files;
mod migrations;

use anyhow::{Result, bail};

/// Checks every rule and fails with all that is wrong.
pub(crate) fn check() -> Result<()> {
    let mut wrong = files::check()?;
    wrong.extend(migrations::check()?);
    wrong.extend(arrows::check()?);
    if !wrong.is_empty() {
        bail!("{} rules broken\n  {}", wrong.len(), wrong.join("\n  "));
    }
    println!("file sizes and heads, migrations and dependency arrows are as they should be");
    Ok(())
}
