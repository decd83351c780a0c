//! The stable codes of what the server refuses before, or without, asking for a certificate.

use crate::error::GrpcCode;

/// Why a request was not granted, in one word that never changes.
///
/// Refused tokens have the codes of [`chancery_identity::CODES`], and what else stands in the way of
/// a certificate those of [`chancery_ca::ReasonCode`]; `internal` and `overloaded` are among the
/// latter, too, and mean the same.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RefusalCode {
    /// `authorization-ambiguous`
    AuthorizationAmbiguous,
    /// `authorization-unreadable`
    AuthorizationUnreadable,
    /// `body-broken-off`
    BodyBrokenOff,
    /// `body-too-large`
    BodyTooLarge,
    /// `body-too-slow`
    BodyTooSlow,
    /// `chain-refused`
    ChainRefused,
    /// `deadline-exceeded`
    DeadlineExceeded,
    /// `entry-not-accepted`
    EntryNotAccepted,
    /// `entry-refused`
    EntryRefused,
    /// `internal`
    Internal,
    /// `ledger-limited`
    LedgerLimited,
    /// `log-entry-unknown`
    LogEntryUnknown,
    /// `log-read-restricted`
    LogReadRestricted,
    /// `overloaded`
    Overloaded,
    /// `panic`
    Panic,
    /// `request-malformed`
    RequestMalformed,
    /// `submissions-limited`
    SubmissionsLimited,
    /// `submissions-off`
    SubmissionsOff,
    /// `timed-out`
    TimedOut,
    /// `unavailable`
    Unavailable,
}

impl RefusalCode {
    /// Every code, in alphabetical order.
    pub const ALL: [Self; Self::Unavailable as usize + 1] = [
        Self::AuthorizationAmbiguous,
        Self::AuthorizationUnreadable,
        Self::BodyBrokenOff,
        Self::BodyTooLarge,
        Self::BodyTooSlow,
        Self::ChainRefused,
        Self::DeadlineExceeded,
        Self::EntryNotAccepted,
        Self::EntryRefused,
        Self::Internal,
        Self::LedgerLimited,
        Self::LogEntryUnknown,
        Self::LogReadRestricted,
        Self::Overloaded,
        Self::Panic,
        Self::RequestMalformed,
        Self::SubmissionsLimited,
        Self::SubmissionsOff,
        Self::TimedOut,
        Self::Unavailable,
    ];

    /// Returns the code as answers and metrics show it.
    pub const fn as_str(self) -> &'static str {
        self.text().0
    }

    /// Returns the HTTP status that it is answered with over REST.
    pub fn status(self) -> u16 {
        self.grpc().status().as_u16()
    }

    pub(crate) const fn grpc(self) -> GrpcCode {
        self.text().1
    }

    const fn text(self) -> (&'static str, GrpcCode) {
        use GrpcCode as Grpc;
        match self {
            Self::AuthorizationAmbiguous => ("authorization-ambiguous", Grpc::InvalidArgument),
            Self::AuthorizationUnreadable => ("authorization-unreadable", Grpc::InvalidArgument),
            Self::BodyBrokenOff => ("body-broken-off", Grpc::InvalidArgument),
            Self::BodyTooLarge => ("body-too-large", Grpc::InvalidArgument),
            Self::BodyTooSlow => ("body-too-slow", Grpc::InvalidArgument),
            Self::ChainRefused => ("chain-refused", Grpc::InvalidArgument),
            Self::DeadlineExceeded => ("deadline-exceeded", Grpc::DeadlineExceeded),
            Self::EntryNotAccepted => ("entry-not-accepted", Grpc::InvalidArgument),
            Self::EntryRefused => ("entry-refused", Grpc::InvalidArgument),
            Self::Internal => ("internal", Grpc::Internal),
            Self::LedgerLimited => ("ledger-limited", Grpc::ResourceExhausted),
            Self::LogEntryUnknown => ("log-entry-unknown", Grpc::NotFound),
            Self::LogReadRestricted => ("log-read-restricted", Grpc::PermissionDenied),
            Self::Overloaded => ("overloaded", Grpc::Unavailable),
            Self::Panic => ("panic", Grpc::Internal),
            Self::RequestMalformed => ("request-malformed", Grpc::InvalidArgument),
            Self::SubmissionsLimited => ("submissions-limited", Grpc::ResourceExhausted),
            Self::SubmissionsOff => ("submissions-off", Grpc::NotFound),
            Self::TimedOut => ("timed-out", Grpc::Unavailable),
            Self::Unavailable => ("unavailable", Grpc::Unavailable),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_listed_once_in_alphabetical_order() {
        let all = RefusalCode::ALL;
        assert!(all.map(RefusalCode::as_str).is_sorted_by(|a, b| a < b));
        for (place, code) in all.into_iter().enumerate() {
            assert_eq!(code as usize, place);
        }
    }
}
