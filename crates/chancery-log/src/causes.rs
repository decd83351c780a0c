//! An error with all that caused it, for the operator's log.

/// Writes an error with its causes on one line. What an error says of its cause itself is not said
/// again.
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(e) = cause {
        let said = e.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = e.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fmt::Error;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Wrong {
        #[error("it is wrong")]
        Silent(#[source] Error),
        #[error("it is wrong: {0}")]
        Telling(#[source] Error),
    }

    #[test]
    fn each_cause_is_said_once() {
        let cause = Error.to_string();
        let both = format!("it is wrong: {cause}");
        assert_eq!(causes(&Wrong::Silent(Error)), both);
        assert_eq!(causes(&Wrong::Telling(Error)), both);
    }
}
