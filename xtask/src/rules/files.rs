//! Source files: each says what it holds, and none grows without limit.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::workspace;

/// Lines of product code in a file, before its inline tests.
const PRODUCT_LINES: usize = 600;
/// Lines in a file of tests.
const TEST_LINES: usize = 900;

/// Returns what is wrong with the workspace's source files.
pub(super) fn check() -> Result<Vec<String>> {
    let mut files = Vec::new();
    for folder in ["crates", "fuzz", "tests", "xtask"] {
        collect(&workspace::root().join(folder), &mut files)?;
    }
    let mut wrong = Vec::new();
    for file in files {
        let text =
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.strip_prefix(workspace::root()).unwrap_or(&file);
        wrong.extend(faults(name, &text));
    }
    Ok(wrong)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            if path.file_name().is_none_or(|name| name != "target") {
                collect(&path, files)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

fn faults(name: &Path, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if !text.starts_with("//! ") {
        faults.push(format!(
            "{}: begins without a `//!` sentence",
            name.display()
        ));
    }
    let (lines, limit) = if is_test(name) {
        (text.lines().count(), TEST_LINES)
    } else {
        (product_lines(text), PRODUCT_LINES)
    };
    if lines > limit {
        faults.push(format!(
            "{}: {lines} lines, more than {limit}",
            name.display()
        ));
    }
    faults
}

fn is_test(name: &Path) -> bool {
    name.starts_with("tests")
        || name.components().any(|part| part.as_os_str() == "tests")
        || name.file_name().is_some_and(|file| file == "tests.rs")
}

fn product_lines(text: &str) -> usize {
    text.lines()
        .take_while(|line| !line.starts_with("mod tests"))
        .count()
}

#[cfg(test)]
mod tests {
    use super::{PRODUCT_LINES, TEST_LINES, faults};
    use std::path::Path;

    #[test]
    fn a_file_without_a_head_is_a_fault() {
        let found = faults(Path::new("crates/a/src/lib.rs"), "use std::fs;\n");
        assert_eq!(
            found,
            ["crates/a/src/lib.rs: begins without a `//!` sentence"]
        );
    }

    #[test]
    fn inline_tests_do_not_count_but_product_lines_do() {
        let product = format!("//! Head.\n{}", "x\n".repeat(PRODUCT_LINES - 1));
        let tests = format!("mod tests {{\n{}}}\n", "y\n".repeat(PRODUCT_LINES));
        let file = Path::new("crates/a/src/lib.rs");
        assert_eq!(faults(file, &format!("{product}{tests}")), [] as [&str; 0]);
        assert_eq!(faults(file, &format!("{product}x\n{tests}")).len(), 1);
    }

    #[test]
    fn a_file_of_tests_may_be_longer_but_not_endless() {
        let file = Path::new("crates/a/src/tree/tests.rs");
        let text = |lines: usize| format!("//! Tests.\n{}", "x\n".repeat(lines - 1));
        assert_eq!(faults(file, &text(TEST_LINES)), [] as [&str; 0]);
        assert_eq!(faults(file, &text(TEST_LINES + 1)).len(), 1);
    }
}
